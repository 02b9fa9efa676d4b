"""data_card, which describes a table, and write_cards, which writes both cards."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.multiclass import type_of_target

from sklearn_emg._files import folder_to_write
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
from sklearn_emg.recordings import (
    SignalFile,
    channel_names_of,
    has_subjects,
    is_recording_table,
    warn_of_other_order,
)

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
    """Create a card that describes a table and lists what is not known about it.

    Parameters
    ----------
    table : DataFrame
        Recording table or feature table with a ``subject`` column.
    y : array-like of shape (n_rows,), default=None
        Label or target value of each row. Integers with at most 12 different values are treated as
        labels.
    confounds : ConfoundAudit, default=None
        Result of :func:`~sklearn_emg.comparison.confound_audit`.
    quality : QualityReport, default=None
        Result of :func:`~sklearn_emg.preprocessing.check_quality`.
    title : str, default="Data card"
        Title of the card.

    Returns
    -------
    card : Card
        Card with ``markdown``, ``html`` and ``save(path)``. Blanks mark facts that only the author
        knows.

    Raises
    ------
    ValueError
        If the table has no ``subject`` column, or if the length of y differs from that of the
        table.

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
    if not has_subjects(table):
        raise ValueError(
            "The 'table' of data_card must be a table with a 'subject' column. Got "
            f"{type(table).__name__}: see sklearn_emg.recordings.recording_table."
        )
    if y is not None and len(y) != len(table):
        raise ValueError(
            "The 'y' of data_card must have one value for each of the "
            f"{counted(len(table), 'row')} of the table. Got {counted(len(y), 'value')}."
        )
    warn_of_other_order(table, y, "y", "table")
    noun = "recording" if is_recording_table(table) else "row"
    rows = described_rows(table, None if y is None else _labels_or_numbers(y), ())
    by_class = class_table(rows, noun)
    sections = [
        Section(
            "Purpose and source",
            blanks=[
                "Purpose of the collection, and who collected the data",
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
            blanks=["Eligibility and recruitment", "How and by whom the diagnosis was made"],
        ),
        Section(
            "Recordings",
            facts=_recordings(table),
            blanks=["Devices, electrodes and filters", "Tasks and contraction levels"],
        ),
        _quality(quality),
        _confounds(confounds),
        Section("Versions", facts=[("Made with", _versions())]),
        Section("Uses", blanks=["Uses for which the data are suitable", "Unsuitable uses"]),
    ]
    return Card(title, sections)


def _labels_or_numbers(y: Labels) -> NDArray[Any]:
    """Return fractions and numbers with many different values as floats, and labels as objects."""
    values = np.asarray(y)
    is_number = values.dtype.kind in "iuf" and (
        type_of_target(values) == "continuous" or len(np.unique(values)) > _MAX_CLASSES
    )
    return values.astype(float if is_number else object)


def _recordings(table: pd.DataFrame) -> list[tuple[str, str]]:
    """List facts about the signals that can be found without reading samples."""
    if not is_recording_table(table):
        return [("Columns", first_few(table.columns, _MAX_NAMED))]
    lengths = pd.Series([_n_times(s) for s in table["signal"]]) / table["fs"].to_numpy(float)
    units = set(table["unit"]) if "unit" in table else {"mV"}
    facts = [
        ("Length in s: median (range)", number_range(lengths)),
        ("Total length", f"{lengths.sum() / 60:.1f} min"),
        ("Unit", ", ".join(sorted(map(str, units)))),
    ]
    if not lengths.notna().all():
        text = counted(int(lengths.isna().sum()), "recording")
        facts.append(("Length unknown without reading the files", text))
    names = dict.fromkeys(name for names in channel_names_of(table) for name in names)
    return [*facts, ("Channels", first_few(names, _MAX_NAMED))]


def _n_times(signal: Any) -> float:
    """Return the number of samples per channel, or NaN for a file of unknown length."""
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
        tables=[("Balanced accuracy over subjects with one property alone", table)],
    )


def _versions() -> str:
    return ", ".join(f"{name} {version}" for name, version in versions().items())


def _check_same_data(comparison: Comparison, X: pd.DataFrame) -> None:
    """Raise if the comparison tested subjects that X lacks."""
    if "subject" not in X or "subject" not in comparison.predictions:
        return
    known = set(X["subject"].astype(str))
    if lacking := [s for s in comparison.predictions["subject"].astype(str) if s not in known]:
        raise ValueError(
            f"write_cards needs the table of the comparison, but its 'X' lacks the subject "
            f"{lacking[0]!r}, which the comparison tested."
        )


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
    """Write the model card and the data card of a comparison in Markdown and HTML.

    Parameters
    ----------
    folder : str or path-like
        Folder for ``model_card.md``, ``model_card.html``, ``data_card.md`` and ``data_card.html``.
        It is created if it does not exist.
    model : estimator or str
        A pipeline of the comparison or its name, as in :func:`model_card`.
    comparison : Comparison
        Result of :func:`~sklearn_emg.comparison.compare` on X and y.
    X : DataFrame
        Table on which the pipelines were compared.
    y : array-like of shape (n_rows,)
        Label or target value of each row.
    confounds : ConfoundAudit, default=None
        Result of :func:`~sklearn_emg.comparison.confound_audit`. By default, the audit is run on X
        and y if X is a recording table and y contains labels.
    audit : LeakageAudit, default=None
        Result of :func:`~sklearn_emg.comparison.leakage_audit`.
    quality : QualityReport, default=None
        Result of :func:`~sklearn_emg.preprocessing.check_quality`. By default, the check is run if
        X is a recording table.

    Returns
    -------
    files : dict of str to Path
        Path of each file, by its name.

    See Also
    --------
    model_card : Creates a model card.
    data_card : Creates a data card.

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
    _check_same_data(comparison, X)
    folder = folder_to_write(folder)
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
    folder.mkdir(parents=True, exist_ok=True)
    files = [card.save(folder / f"{n}.{e}") for n, card in cards.items() for e in ("md", "html")]
    return {file.name: file for file in files}
