"""Saving of fitted systems in files that execute no code, ONNX export and prediction tables."""

from sklearn_emg.deployment._onnx._export import export_onnx
from sklearn_emg.deployment._predicting import prediction_table
from sklearn_emg.deployment._saving import load_model, save_model
from sklearn_emg.deployment._trusted import trusted_types

__all__ = ["export_onnx", "load_model", "prediction_table", "save_model", "trusted_types"]
