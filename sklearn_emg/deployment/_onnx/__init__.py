"""Export of fitted systems to the ONNX format."""
