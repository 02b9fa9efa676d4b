"""Description of the rows of a table: subjects, classes, sexes, ages, muscles, sites."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sklearn_emg._tables import counted
from sklearn_emg.comparison import ConfoundAudit, RunRecord
from sklearn_emg.recordings import similar_subjects

_MAX_NAMED = 12  # maximum number of values of a column that a text lists
_COUNTED = {"sex": "sex", "gender": "sex", "site": "sites", "muscle": "muscles", "side": "sides"}
_UNKNOWN = "not known"


def value_counts(rows: pd.DataFrame, column: str) -> str:
    """Count the subjects with each value of a column, as in "f 12, m 8, not known 1"."""
    values = rows.drop_duplicates(["subject", column])[column]
    named = values.map(lambda v: _UNKNOWN if pd.isna(v) else str(v))
    counts = named.value_counts()
    shown = [f"{name} {n}" for name, n in counts.iloc[:_MAX_NAMED].items()]
    more = len(counts) - _MAX_NAMED
    return ", ".join([*shown, *([f"and {more} more"] if more > 0 else [])])


def number_range(values: pd.Series) -> str:
    """Describe numbers as "54 (31 to 70)": median and range; "not known" if there are none."""
    numbers = pd.to_numeric(values, errors="coerce").dropna()
    if numbers.empty:
        return _UNKNOWN
    low, middle, high = (f"{v:.3g}" for v in numbers.quantile([0.0, 0.5, 1.0]))
    return middle if low == high else f"{middle} ({low} to {high})"


def population_facts(rows: pd.DataFrame, noun: str) -> list[tuple[str, str]]:
    """List facts about the subjects and rows of a table.

    Parameters
    ----------
    rows : DataFrame
        Table with the columns of ``RunRecord.rows``.
    noun : str
        Noun for a row, such as "recording".

    Returns
    -------
    facts : list of (str, str)
        Name and value of each fact.
    """
    n_subjects = rows["subject"].nunique(dropna=False)
    facts = [
        ("Subjects", str(n_subjects)),
        (f"{noun.capitalize()}s", str(int(rows["n"].sum()))),
    ]
    per_subject = rows.groupby("subject", dropna=False)["n"].sum()
    facts.append((f"{noun.capitalize()}s per subject", number_range(per_subject)))
    if "y" in rows and pd.api.types.is_float_dtype(rows["y"]):
        facts.append(("Target", number_range(rows["y"])))
    for column, title in _COUNTED.items():
        if column in rows:
            facts.append((f"Subjects by {title.removesuffix('s')}", value_counts(rows, column)))
    if "age" in rows:
        first = rows.drop_duplicates("subject")["age"]
        unknown = int(first.isna().sum())
        note = f"; not known for {unknown}" if unknown and first.notna().any() else ""
        facts.append(("Age: median (range)", number_range(first) + note))
    if "fs" in rows:
        rates = sorted(rows["fs"].dropna().unique().tolist())
        facts.append(("Sampling rates", ", ".join(f"{r:g} Hz" for r in rates[:_MAX_NAMED])))
    return facts


def class_table(rows: pd.DataFrame, noun: str) -> pd.DataFrame | None:
    """Tabulate subjects, rows, sex and age of each class; return None without class labels."""
    if "y" not in rows or pd.api.types.is_float_dtype(rows["y"]):
        return None
    table: dict[Any, dict[str, Any]] = {}
    for label, part in rows.groupby("y", sort=True):
        entry: dict[str, Any] = {
            "subjects": part["subject"].nunique(),
            f"{noun}s": int(part["n"].sum()),
        }
        for column, title in _COUNTED.items():
            if column in part:
                entry[title] = value_counts(part, column)
        if "age" in part:
            entry["age: median (range)"] = number_range(part.drop_duplicates("subject")["age"])
        table[label] = entry
    frame = pd.DataFrame.from_dict(table, orient="index")
    return frame.rename_axis("class")


def class_text(rows: pd.DataFrame) -> str:
    """Count subjects by class ("control 12, patient 8") or describe the range of a target."""
    if "y" not in rows:
        return "labels not given"
    if pd.api.types.is_float_dtype(rows["y"]):
        return f"target {number_range(rows['y'])}"
    counts = rows.groupby("y", sort=True)["subject"].nunique()
    return ", ".join(f"{name} {n}" for name, n in counts.items())


def spelling_text(rows: pd.DataFrame) -> str:
    """List subjects that look like spellings of one name: "S1/s1, P02/P2", or "none found"."""
    found = similar_subjects(dict.fromkeys(rows["subject"].tolist()))
    shown = ["/".join(map(str, names)) for names in found]
    return ", ".join(shown[:_MAX_NAMED]) if shown else "none found"


def confounds_text(audit: ConfoundAudit) -> str:
    """List the confounds that an audit found; note if it had too few subjects to find any."""
    found = ", ".join(map(str, audit.confounds)) or "none found"
    if audit.min_pvalue <= 1 - audit.confidence:
        return found
    return f"{found}; with so few subjects, no p-value can be below {audit.min_pvalue:.2g}"


def missing_text(rows: pd.DataFrame) -> str:
    """List the columns with missing values, with the number of subjects that lack a value."""
    lacking = {
        column: rows.loc[rows[column].isna(), "subject"].nunique()
        for column in rows.columns.drop(["subject", "n"])
    }
    named = [f"{column} for {counted(n, 'subject')}" for column, n in lacking.items() if n]
    return ", ".join(named) if named else "no value is missing in the columns that describe rows"


def subjects_of_folds(record: RunRecord | None) -> str:
    """Return a clause that states whether folds have subjects in both of their sets."""
    if record is not None and "subjects" in record.protocol:
        return "the subjects of each test set are also in the training set"
    return "no subject is in both the training and the test set of a fold"
