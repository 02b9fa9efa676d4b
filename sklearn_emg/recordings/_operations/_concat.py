"""Concatenation of recording tables of several sites."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from sklearn_emg._validation import check_option
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.recordings._subjects import object_column, similar_subjects
from sklearn_emg.recordings._table import check_recording_table, is_recording_table

_MAX_NAMED = 3


def concat_tables(
    tables: Sequence[pd.DataFrame] | Mapping[str, pd.DataFrame],
    *,
    same_name: Literal["different", "same"] = "different",
) -> pd.DataFrame:
    """Concatenate the rows of recording tables of several sites.

    Every row keeps its signal, its sampling rate and its number of channels. The result has all
    columns that occur in any of the tables. If a table lacks a column, its rows have NaN in this
    column (None for ``channel_names``).

    Parameters
    ----------
    tables : sequence of DataFrame, or dict of str to DataFrame
        Recording tables or feature tables with a ``subject`` column. The keys of a dict are the
        sites of its tables. In a sequence, the sites are taken from the column ``site`` of each
        table; a table without this column is a site of its own, named "site 1", "site 2" and so on
        after its position.
    same_name : {"different", "same"}, default="different"
        Whether a name that occurs at several sites stands for different subjects or for the same
        subject. Different subjects are renamed to ``"<site>/<name>"``, with a warning. Names that
        differ only in spelling (:func:`similar_subjects`) are renamed too. Within a site, a name
        always stands for one subject.

    Returns
    -------
    table : DataFrame of shape (n_rows, n_columns)
        Rows in the order of the tables, with the index reset and a column ``site``. Labels have to
        be concatenated in the same order: ``np.concatenate([y_first, y_second])``.

    Raises
    ------
    TypeError
        If a table is not a DataFrame, or `tables` is neither a sequence nor a dict.
    ValueError
        If there is no table; if a table has no rows, no column ``subject`` or unusable rows; if
        only some tables have signals; if a row has no site; if the column ``site`` of a table
        differs from its key in a dict; or if another subject already has the new name of a renamed
        subject.

    Warns
    -----
    RecordingWarning
        If subjects are renamed, or in the cases of :func:`check_recording_table`.

    See Also
    --------
    sklearn_emg.model_selection.LeaveOneSiteOut : Test each site with a model of the other sites.
    sklearn_emg.preprocessing.Resampler : Give all rows one sampling rate, which windows require.

    Examples
    --------
    >>> from sklearn_emg.recordings import concat_tables, recording_table
    >>> first = recording_table([[0.1, -0.2]], fs=1000.0, subject="a")
    >>> second = recording_table([[0.3, -0.1, 0.2]], fs=2000.0, subject="b", side="left")
    >>> table = concat_tables({"Rome": first, "Oslo": second})
    >>> table[["site", "subject", "fs", "side"]]
       site subject      fs  side
    0  Rome       a  1000.0   NaN
    1  Oslo       b  2000.0  left
    """
    check_option(same_name, ("different", "same"), "same_name", "concat_tables")
    parts = [_with_site(table, site, k) for k, (site, table) in enumerate(_named(tables))]
    with_signals = ["signal" in part.columns for part in parts]
    if any(with_signals) and not all(with_signals):
        raise ValueError(
            f"Table {with_signals.index(False)} of concat_tables has no column 'signal', but table "
            f"{with_signals.index(True)} has one. Pass only recording tables or only feature "
            "tables."
        )
    joined = pd.concat(parts, ignore_index=True)
    if "channel_names" in joined.columns:  # NaN is not a name of a channel
        names = [n if isinstance(n, (tuple, list, str)) else None for n in joined["channel_names"]]
        joined["channel_names"] = object_column(names)
    if same_name == "different":
        joined = _separated(joined)
    if all(with_signals):
        # Each table has been checked before; this call checks the names of all subjects.
        check_recording_table(joined, plausible=False)
    return joined


def _named(tables: Any) -> list[tuple[Any, Any]]:
    if isinstance(tables, pd.DataFrame):
        raise TypeError("concat_tables takes a list or a dict of tables. Got one DataFrame.")
    if not isinstance(tables, (Mapping, Iterable)):
        raise TypeError(
            f"concat_tables takes a list or a dict of tables. Got {type(tables).__name__}."
        )
    named = list(tables.items() if isinstance(tables, Mapping) else ((None, t) for t in tables))
    if not named:
        raise ValueError("concat_tables requires at least one table.")
    return named


def _with_site(table: Any, site: Any, position: int) -> pd.DataFrame:
    """Check a table and add its column ``site``; error messages name the table."""
    where = f"Table {position if site is None else repr(site)} of concat_tables"
    try:
        if isinstance(table, pd.DataFrame) and not is_recording_table(table):
            check_recording_table(table, required=("subject",))
        else:
            check_recording_table(table)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{where}: {error}") from error
    if "site" not in table.columns:
        return table.assign(site=f"site {position + 1}" if site is None else site)
    if (missing := np.flatnonzero(table["site"].isna())).size:
        raise ValueError(f"{where}: row {missing[0]} has no site. Fill in its column 'site'.")
    if site is not None and (other := np.flatnonzero(table["site"] != site)).size:
        raise ValueError(
            f"{where} has the site {table['site'].iloc[other[0]]!r} in row {other[0]}, column "
            "'site'. Pass the tables as a list to keep this column, or drop it."
        )
    return table


def _of_several_sites(pairs: list[tuple[Any, Hashable]]) -> list[Hashable]:
    """Return the subjects that occur at several sites, possibly in different spellings."""
    sites_of: dict[Hashable, set[Any]] = {}
    for site, name in pairs:
        sites_of.setdefault(name, set()).add(site)
    for spellings in similar_subjects(sites_of):
        sites = set().union(*(sites_of[name] for name in spellings))
        sites_of.update(dict.fromkeys(spellings, sites))
    return [name for name, sites in sites_of.items() if len(sites) > 1]


def _separated(table: pd.DataFrame) -> pd.DataFrame:
    """Rename the subjects whose names occur at several sites."""
    pairs = list(zip(table["site"], table["subject"]))
    renamed = _of_several_sites(pairs)
    if not renamed:
        return table
    subjects = [f"{site}/{name}" if name in renamed else name for site, name in pairs]
    if len(set(subjects)) < len(set(pairs)):
        raise ValueError(
            "concat_tables cannot rename the subjects whose names occur at several sites to "
            "'<site>/<name>', since another subject already has such a name. Rename the subjects."
        )
    named = ", ".join(map(repr, renamed[:_MAX_NAMED])) + (", ..." * (len(renamed) > _MAX_NAMED))
    warn_of_recordings(
        f"Subjects whose names occur at several sites ({named}) were renamed, as in "
        f"{subjects[[name for _, name in pairs].index(renamed[0])]!r}, since they count as "
        "different subjects. If each name stands for one subject, use same_name='same'.",
    )
    return table.assign(subject=object_column(subjects))
