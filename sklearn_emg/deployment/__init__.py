"""Systems that travel: whole fitted systems in a folder of files that execute nothing."""

from sklearn_emg.deployment._predicting import prediction_table
from sklearn_emg.deployment._saving import load_model, save_model, trusted_types

__all__ = ["load_model", "prediction_table", "save_model", "trusted_types"]
