"""Self-contained HTML pages: a comparison, a fitted pipeline, preprocessing."""

from sklearn_emg.inspection._reports._preprocessing_report import preprocessing_report
from sklearn_emg.inspection._reports._quantitative_report import quantitative_emg_report
from sklearn_emg.inspection._reports._report import report

__all__ = ["preprocessing_report", "quantitative_emg_report", "report"]
