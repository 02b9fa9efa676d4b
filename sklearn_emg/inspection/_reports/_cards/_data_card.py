"""data_card, and both cards from one call."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.multiclass import type_of_target

from sklearn_emg._tables import counted, first_few
from sklearn_emg._typing import Labels
from sklearn_emg.comparison import (
    Comparison,
    ConfoundAudit,
    LeakageAudit,
    confound_audit,
    described_rows,
    versions,
)
from sklearn_emg.inspection._reports._cards._card import Card, Section
from sklearn_emg.inspection._reports._cards._model_card import model_card, quality_text
from sklearn_emg.inspection._reports._cards._population import (
    class_table,
    confounds_text,
    missing_text,
    number_range,
    population_facts,
    spelling_text,
)
from sklearn_emg.preprocessing import QualityReport, check_quality
from sklearn_emg.recordings import SignalFile, channel_names_of, is_recording_table

_MAX_NAMED = 20
_MAX_CLASSES = 12


def data_card(
    table: pd.DataFrame,
    y: Labels | None = None,
    *,
    confounds: ConfoundAudit | None = None,
    quality: QualityReport | None = None,
    title: str = "Data card",
) -> Card:
    """Describe a table of recordings, and list what is not known about it, in a card.

    Parameters
    ----------
    table : DataFrame
        Recording table or feature table with a ``subject`` column.
    y : array-like of shape (n_rows,), default=None
        Label or number of each row. Integers are labels if they have 12 values at most.
    confounds : ConfoundAudit, default=None
        Result of :func:`~sklearn_emg.comparison.confound_audit`.
    quality : QualityReport, default=None
        Result of :func:`~sklearn_emg.preprocessing.check_quality`.
    title : str, default="Data card"

    Returns
    -------
    card : Card
        ``markdown``, ``html`` and ``save(path)``. What only the author knows is a marked blank.

    Raises
    ------
    ValueError
        If the table has no subjects, or y has another length.

    See Also
    --------
    model_card : Describes a model and how it was tested.

    References
    ----------
    T. Gebru et al., "Datasheets for datasets", Commun. ACM 64 (2021) 86-92.

    Examples
    --------
    >>> from sklearn_emg.datasets import make_nemg_cohort
    >>> from sklearn_emg.inspection import data_card
    >>> cohort = make_nemg_cohort(6, n_recordings=6, fs=1000.0, duration=0.5, random_state=0)
    >>> card = data_card(cohort.data, cohort.target)
    >>> [section.title for section in card.sections][:3]
    ['Purpose and source', 'Subjects', 'Recordings']
    """
    if not isinstance(table, pd.DataFrame) or "subject" not in table:
        raise ValueError(
            "The 'table' of data_card must be a table with a 'subject' column. Got "
            f"{type(table).__name__}: see sklearn_emg.recordings.recording_table."
        )
    if y is not None and len(y) != len(table):
        raise ValueError(
            f"The 'y' of data_card must have the {counted(len(table), 'row')} of the table. Got "
            f"{len(y)}."
        )
    noun = "recording" if is_recording_table(table) else "row"
    rows = described_rows(table, None if y is None else _labels_or_numbers(y), ())
    by_class = class_table(rows, noun)
    sections = [
        Section(
            "Purpose and source",
            blanks=[
                "Purpose of the collection, and by whom",
                "Centres and dates",
                "Licence and access",
                "Consent and ethical approval",
            ],
        ),
        Section(
            "Subjects",
            facts=[
                *population_facts(rows, noun),
                ("Not known", missing_text(rows)),
                ("Subjects under two spellings", spelling_text(rows)),
            ],
            tables=[] if by_class is None else [("Subjects by class", by_class)],
            blanks=["Eligibility and recruitment", "How the diagnosis was made, by whom"],
        ),
        Section(
            "Recordings",
            facts=_recordings(table),
            blanks=["Devices, electrodes and filters", "Tasks and level of contraction"],
        ),
        _quality(quality),
        _confounds(confounds),
        Section("Versions", facts=[("Made with", _versions())]),
        Section("Uses", blanks=["Uses for which the data suit", "Uses for which they do not"]),
    ]
    return Card(title, sections)


def _labels_or_numbers(y: Labels) -> NDArray[Any]:
    """Numbers as floats, if they are fractions or have many values; otherwise labels as objects."""
    values = np.asarray(y)
    is_number = values.dtype.kind in "iuf" and (
        type_of_target(values) == "continuous" or len(np.unique(values)) > _MAX_CLASSES
    )
    return values.astype(float if is_number else object)


def _recordings(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Facts about the signals that need no reading of samples."""
    if not is_recording_table(table):
        return [("Columns", first_few(table.columns, _MAX_NAMED))]
    lengths = pd.Series([_n_times(s) for s in table["signal"]]) / table["fs"].to_numpy(float)
    units = set(table["unit"]) if "unit" in table else {"mV"}
    facts = [
        ("Length in s, median (range)", number_range(lengths)),
        ("Total length", f"{lengths.sum() / 60:.1f} min"),
        ("Unit", ", ".join(sorted(map(str, units)))),
    ]
    if not lengths.notna().all():
        text = counted(int(lengths.isna().sum()), "recording")
        facts.append(("Length not known before reading", text))
    names = dict.fromkeys(name for names in channel_names_of(table) for name in names)
    return [*facts, ("Channels", first_few(names, _MAX_NAMED))]


def _n_times(signal: Any) -> float:
    """Samples per channel; NaN for a file of unknown length, which is not opened for it."""
    if isinstance(signal, SignalFile) and signal.length is None:
        return np.nan
    return float(np.shape(signal)[-1])


def _quality(quality: QualityReport | None) -> Section:
    tables = []
    if quality is not None and len(quality.kinds):
        tables.append(("Findings", pd.DataFrame(quality.kinds).rename_axis("finding")))
    return Section("Quality", facts=[("check_quality", quality_text(quality))], tables=tables)


def _confounds(audit: ConfoundAudit | None) -> Section:
    if audit is None:
        return Section("Confounds", facts=[("confound_audit", "not done")])
    facts = [
        ("Confounds", confounds_text(audit)),
        ("Suspects", ", ".join(map(str, audit.suspects)) or "none"),
    ]
    table = pd.DataFrame(audit.table()).rename_axis("property")
    return Section(
        "Confounds",
        facts=facts,
        tables=[("Balanced accuracy of subjects by one property alone", table)],
    )


def _versions() -> str:
    return ", ".join(f"{name} {version}" for name, version in versions().items())


def write_cards(
    folder: str | os.PathLike[str],
    model: Any,
    comparison: Comparison,
    X: pd.DataFrame,
    y: Labels,
    *,
    confounds: ConfoundAudit | None = None,
    audit: LeakageAudit | None = None,
    quality: QualityReport | None = None,
) -> dict[str, Path]:
    """Write the model card and the data card of a comparison, as Markdown and HTML.

    Parameters
    ----------
    folder : str or path-like
        Where ``model_card.md``, ``model_card.html``, ``data_card.md`` and ``data_card.html`` are
        written; it is made if it does not exist.
    model : estimator or str
        As for :func:`model_card`.
    comparison : Comparison
        Result of :func:`~sklearn_emg.comparison.compare` on X and y.
    X : DataFrame
        The table that was compared.
    y : array-like of shape (n_rows,)
        Its labels or numbers.
    confounds : ConfoundAudit, default=None
        By default :func:`~sklearn_emg.comparison.confound_audit` of X and y is run, for classes.
    audit : LeakageAudit, default=None
        Result of :func:`~sklearn_emg.comparison.leakage_audit`.
    quality : QualityReport, default=None
        By default :func:`~sklearn_emg.preprocessing.check_quality` of recordings is run.

    Returns
    -------
    files : dict of str to Path
        The files by their names.

    See Also
    --------
    model_card, data_card : Make one card.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.comparison import compare
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.inspection import write_cards
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 40)
    >>> X = pd.DataFrame({"rms": rng.normal(size=80), "subject": np.repeat(range(20), 4)})
    >>> X["age"] = np.repeat(rng.integers(30, 80, size=20), 4)
    >>> model = DiVoteClassifier(LogisticRegression(), window=None, features=["rms"])
    >>> result = compare({"logistic": model}, X, y, progress=False)
    >>> with tempfile.TemporaryDirectory() as path:
    ...     sorted(write_cards(path, "logistic", result, X, y))
    ['data_card.html', 'data_card.md', 'model_card.html', 'model_card.md']
    """
    recordings = is_recording_table(X)
    if quality is None and recordings:
        quality = check_quality(X, y if comparison.task == "classification" else None)
    if confounds is None and recordings and comparison.task == "classification":
        confounds = confound_audit(X, y)
    cards = {
        "model_card": model_card(
            model, comparison, confounds=confounds, audit=audit, quality=quality
        ),
        "data_card": data_card(X, y, confounds=confounds, quality=quality),
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = [card.save(folder / f"{n}.{e}") for n, card in cards.items() for e in ("md", "html")]
    return {file.name: file for file in files}
