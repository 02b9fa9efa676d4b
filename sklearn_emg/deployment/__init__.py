"""Systems that travel: whole fitted systems in a folder of files that execute nothing."""

from sklearn_emg.deployment._saving import load_model, save_model, trusted_types

__all__ = ["load_model", "save_model", "trusted_types"]
