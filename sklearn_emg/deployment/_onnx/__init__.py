"""Export of whole systems to the ONNX format."""
