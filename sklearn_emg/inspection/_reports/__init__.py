"""Self-contained HTML pages of comparisons, pipelines and recordings, and cards."""

from sklearn_emg.inspection._reports._cards._card import Card
from sklearn_emg.inspection._reports._cards._data_card import data_card, write_cards
from sklearn_emg.inspection._reports._cards._model_card import model_card
from sklearn_emg.inspection._reports._preprocessing_report import preprocessing_report
from sklearn_emg.inspection._reports._quantitative_report import quantitative_emg_report
from sklearn_emg.inspection._reports._report import report

__all__ = [
    "Card",
    "data_card",
    "model_card",
    "preprocessing_report",
    "quantitative_emg_report",
    "report",
    "write_cards",
]
