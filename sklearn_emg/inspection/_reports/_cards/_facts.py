"""Facts for the sections of a model card: a model, its comparison and audits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from sklearn_emg.comparison import Comparison, ConfoundAudit, LeakageAudit, RunRecord
from sklearn_emg.preprocessing import QualityReport


@dataclass
class Facts:
    """Model, comparison and audits from which the sections of a card are made.

    Attributes
    ----------
    model : estimator or None
        Model that the card describes; None if only the name of its pipeline was given.
    result : Comparison
        Comparison that contains the model.
    record : RunRecord
        Data, protocol, seeds, versions and costs of the comparison.
    name : str
        Name of the pipeline of the model in the comparison.
    confounds : ConfoundAudit or str
        Audit of confounds, or the reason why there is none.
    audit : LeakageAudit or None
        Audit of leaks, if one was made.
    quality : QualityReport or None
        Quality of the recordings, if it was checked.
    subgroups : DataFrame
        Scores by subgroup, from :func:`~sklearn_emg.comparison.subgroup_scores`.
    pairs : DataFrame or None
        Paired comparisons of the model with the other pipelines, if there are any.
    """

    model: Any
    result: Comparison
    record: RunRecord
    name: str
    confounds: ConfoundAudit | str
    audit: LeakageAudit | None
    quality: QualityReport | None
    subgroups: pd.DataFrame
    pairs: pd.DataFrame | None = None

    @property
    def is_regression(self) -> bool:
        return self.result.task == "regression"

    @property
    def noun(self) -> str:
        """Noun for a row of the table, "recording" or "row"."""
        return self.record.protocol["rows"]

    @property
    def tuned(self) -> list[str]:
        """Parameters that a search in the pipeline chose."""
        chosen = self.result.chosen_parameters
        if chosen.empty:
            return []
        names = chosen.loc[chosen["pipeline"] == self.name, "parameter"]
        return list(dict.fromkeys(map(str, names)))

    @property
    def predictions(self) -> pd.DataFrame:
        table = self.result.predictions
        return table[table["pipeline"] == self.name]

    @property
    def summary(self) -> pd.DataFrame:
        table = self.result.summary
        chosen = (table["pipeline"] == self.name) & (table["level"] == "subject")
        return table[chosen].set_index("metric")
