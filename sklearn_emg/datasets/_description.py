"""Data sets with a description: published facts about a set, and a summary of what was loaded."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklearn_emg._tables import counted, first_few

_WIDTH = 100
_MAX_NAMES = 30
# Columns in which an empty text is not a missing value.
_EMPTY_IS_A_VALUE = ["signal", "defect", "annotations", "comments"]


@dataclass(frozen=True)
class SetFacts:
    """Published facts about a complete set, regardless of the part that was loaded.

    Parameters
    ----------
    title, about, source, licence, cite : str
        Title, description, source, licence and citation of the set.
    confounds : sequence of str
        Properties other than the disease that differ between the classes.
    notes : str
        Further facts for users.
    subjects, recordings : int, default=None
        Numbers of subjects and recordings in the complete set; None if they are not known or have
        no meaning.
    subject_names : sequence of str
        Subjects of the complete set, if all are known.
    window : float, default=None
        Length in seconds of the windows that are the rows of a set without signals.
    """

    title: str
    about: str
    source: str
    licence: str
    cite: str
    confounds: tuple[str, ...] = ()
    notes: str = ""
    subjects: int | None = None
    recordings: int | None = None
    subject_names: tuple[str, ...] = ()
    window: float | None = None

    def text(self) -> str:
        """Return the text of the attribute ``DESCR``."""
        parts = [
            f"{self.title}\n{'=' * len(self.title)}",
            _filled(self.about),
            "\n".join(
                _filled(f"{name}: {value}")
                for name, value in (
                    ("Source", self.source),
                    ("Licence", self.licence),
                    ("Cite", self.cite),
                )
            ),
            _confounds_text(self.confounds),
            _filled(self.notes),
        ]
        return "\n\n".join(part for part in parts if part) + "\n"


class Description(dict):
    """Dict of facts about a loaded set, which is printed as text.

    The keys are ``title``; ``subjects``, ``recordings`` and ``windows`` (their numbers; the number
    of recordings is None for a table of windows, and that of windows is None for recordings);
    ``seconds`` (total duration); ``classes`` (a DataFrame with the numbers of subjects, of
    recordings or windows, and of seconds per class); ``missing`` (a dict with ``subjects``, the
    names or the number of those that were not loaded, ``recordings``, the number of those that were
    not loaded, and ``values``, a dict with the number of rows without a value for each column that
    has such rows); ``defects`` (the report of the loader, a DataFrame); ``confounds`` (a list);
    ``source``; ``licence``; and ``citation``.
    """

    def __str__(self) -> str:
        rows = "windows" if self["recordings"] is None else "recordings"
        missing = self["missing"]
        absent = missing["subjects"]
        if not isinstance(absent, int):
            absent = f"{len(absent)} ({first_few(absent, _MAX_NAMES)})" if len(absent) else 0
        lines = [
            f"{self['title']}: {counted(self['subjects'], 'subject')}, "
            f"{counted(self[rows], rows[:-1])}, {self['seconds']:.1f} s",
            "",
            self["classes"].to_string(float_format="{:.1f}".format),
            "",
            _filled(f"Missing subjects of the whole set: {absent}"),
            f"Missing recordings of the whole set: {missing['recordings']}",
            _filled(
                "Missing values: "
                + (
                    ", ".join(
                        f"{k} in {counted(n, rows[:-1])}" for k, n in missing["values"].items()
                    )
                    or "none"
                )
            ),
            _filled(_defect_text(self["defects"])),
            "",
            _confounds_text(self["confounds"]) or "Known confounds: none stated",
            "",
            *(_filled(f"{name.capitalize()}: {self[name]}") for name in ("source", "licence")),
            _filled(f"Cite: {self['citation']}"),
        ]
        return "\n".join(lines)

    __repr__ = __str__


class DataSet(Bunch):
    """Bunch of a loader, with `data`, `target`, `target_names`, `DESCR` and a description."""

    def describe(self) -> Description:
        """Describe what was loaded, what is missing and which confounds are known.

        Returns
        -------
        description : Description
            Dict of the facts, which is printed as text.

        Examples
        --------
        >>> from sklearn_emg.datasets import make_nemg_cohort
        >>> description = make_nemg_cohort(3, n_recordings=6, fs=4000.0, random_state=0).describe()
        >>> description["subjects"], description["recordings"]
        (3, 6)
        >>> description["classes"]["subjects"].tolist()
        [1, 1, 1]
        """
        facts, data = self["facts"], self["data"]
        has_signals = "signal" in data.columns
        seconds = _seconds(data, facts)
        rows = "recordings" if has_signals else "windows"
        subjects = pd.unique(data["subject"])
        n_absent = facts.recordings - len(data) if has_signals and facts.recordings else 0
        return Description(
            title=facts.title,
            subjects=len(subjects),
            recordings=len(data) if has_signals else None,
            windows=None if has_signals else len(data),
            seconds=float(seconds.sum()),
            classes=_by_class(data, self["target"], seconds, rows),
            missing={
                "subjects": _absent_subjects(facts, subjects),
                "recordings": max(n_absent, 0),
                "values": _missing_values(data),
            },
            defects=self.get("report", pd.DataFrame(columns=["recording", "defect", "action"])),
            confounds=list(facts.confounds),
            source=facts.source,
            licence=facts.licence,
            citation=facts.cite,
        )


def _filled(text: str) -> str:
    return "\n".join(textwrap.fill(line, _WIDTH) for line in text.splitlines())


def _confounds_text(confounds: Sequence[str]) -> str:
    if not confounds:
        return ""
    lines = [
        textwrap.fill(item, _WIDTH, initial_indent="- ", subsequent_indent="  ")
        for item in confounds
    ]
    return "\n".join(["Known confounds:", *lines])


def _seconds(data: pd.DataFrame, facts: SetFacts) -> NDArray[np.float64]:
    if "signal" not in data.columns:
        return np.full(len(data), facts.window or np.nan)
    lengths = np.array([signal.shape[-1] for signal in data["signal"]], dtype=float)
    return lengths / data["fs"].to_numpy()


def _by_class(
    data: pd.DataFrame, target: NDArray | None, seconds: NDArray[np.float64], rows: str
) -> pd.DataFrame:
    labels = np.full(len(data), "all") if target is None else np.asarray(target)
    frame = pd.DataFrame(
        {"class": labels, "subject": data["subject"].to_numpy(), "seconds": seconds}
    )
    groups = frame.groupby("class")
    return pd.DataFrame(
        {
            "subjects": groups["subject"].nunique(),
            rows: groups.size(),
            "seconds": groups["seconds"].sum(),
        }
    )


def _absent_subjects(facts: SetFacts, subjects: NDArray) -> list[str] | int:
    if facts.subject_names:
        return sorted(set(facts.subject_names) - set(subjects))
    return max(facts.subjects - len(subjects), 0) if facts.subjects else 0


def _missing_values(data: pd.DataFrame) -> dict[str, int]:
    """Count the rows without a value in each column that has such rows."""
    counts = {}
    for name in data.columns.difference(_EMPTY_IS_A_VALUE, sort=False):
        column = data[name]
        lacking = column.isna().to_numpy()
        if not pd.api.types.is_numeric_dtype(column):
            is_empty = [isinstance(value, str) and not value.strip() for value in column]
            lacking = lacking | np.array(is_empty, dtype=bool)
        if lacking.any():
            counts[name] = int(lacking.sum())
    return counts


def _defect_text(defects: pd.DataFrame) -> str:
    if defects.empty:
        return "Defects: none found"
    columns = [name for name in defects.columns if name not in ("defect", "action")]
    # The text after a colon differs between recordings.
    kinds = defects["defect"].str.partition(":")[0]
    names = defects[columns].astype(str).agg(" ".join, axis=1)
    parts = [
        f"{kind}, {action}: {first_few(own, _MAX_NAMES)}"
        for (kind, action), own in names.groupby([kinds, defects["action"]], sort=False)
    ]
    return "Defects:\n" + "\n".join(f"- {part}" for part in parts)
