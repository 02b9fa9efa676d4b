"""Pipelines whose parts were chosen by cross-validation for this package; they are unpublished."""

from sklearn_emg.papers._chosen._n2001_features import n2001_features
from sklearn_emg.papers._chosen._recommended import recommended_pipeline

__all__ = ["n2001_features", "recommended_pipeline"]
