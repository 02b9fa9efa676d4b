"""Displays of comparisons, meta-analyses, and audits of leakage and confounds."""

from sklearn_emg.inspection._comparisons._displays import (
    ComparisonDisplay,
    ConfoundDisplay,
    LeakageDisplay,
)
from sklearn_emg.inspection._comparisons._meta_display import MetaAnalysisDisplay

__all__ = ["ComparisonDisplay", "ConfoundDisplay", "LeakageDisplay", "MetaAnalysisDisplay"]
