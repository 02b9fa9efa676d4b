"""Splits by site, and the reference subjects of a site."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from sklearn_emg._tables import counted
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_option
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.model_selection._runs import Protocol, ProtocolRun
from sklearn_emg.model_selection._strata import Seed, SubjectStrata, sorted_positions
from sklearn_emg.recordings import object_column, warn_of_similar_names

_MAX_NAMED = 3


def sites_of(X: Any, site: str | ArrayLike, caller: str) -> tuple[NDArray[np.intp], list[Any]]:
    """Site of each row as a code, and the names of the sites in sorted order.

    Parameters
    ----------
    X : DataFrame or array-like of length n_rows
        Data to split.
    site : str or array-like of shape (n_rows,)
        Column of X with the site of each row, or the sites themselves.
    caller : str
        Name of the class or function in messages.

    Returns
    -------
    codes : ndarray of shape (n_rows,)
        Code of the site of each row.
    names : list
        Name of the site of each code.

    Raises
    ------
    ValueError
        If X lacks the column, the array has the wrong length, or a row has no site.

    Warns
    -----
    RecordingWarning
        If names of sites look like spellings of one name.
    """
    if isinstance(site, str):
        if not isinstance(X, pd.DataFrame) or site not in X.columns:
            have = f"has the columns {list(X.columns)}" if isinstance(X, pd.DataFrame) else (
                f"has no columns (it is of type {type(X).__name__})"
            )  # fmt: skip
            raise ValueError(
                f"{caller} reads the site of each row from the column {site!r}, but X {have}. Add "
                "the column, as sklearn_emg.recordings.concat_tables does, or give 'site'."
            )
        site = X[site]
    elif len(np.shape(site)) != 1 or len(site) != len(X):  # type: ignore[arg-type]
        raise ValueError(
            f"The 'site' of {caller} must be the name of a column or one site per row, {len(X)} of "
            f"them. Got an array of shape {np.shape(site)}."
        )
    codes, found = pd.factorize(object_column(cast("Any", site)), use_na_sentinel=True)
    if (missing := np.flatnonzero(codes < 0)).size:
        raise ValueError(f"Row {missing[0]} has no site. Fill it in, or drop the row.")
    warn_of_similar_names(found, "site")
    order = sorted_positions(list(found))
    return np.argsort(order)[codes], [found[k] for k in order]


class LeaveOneSiteOut(Protocol):
    """One fold per site: each site is tested with a model trained on all other sites.

    No subject is in both the training set and the test set, not even one who was recorded at two
    sites. The folds are in the order of the site names, regardless of the order of the rows.

    Parameters
    ----------
    site : str or array-like of shape (n_rows,), default="site"
        Column of X with the site of each row, or the sites themselves. An array must have the
        length of X, so use a column for nested splits.
    shared : {"raise", "drop"}, default="raise"
        How subjects with rows at several sites are treated: "raise" raises an error; "drop" gives a
        warning and leaves their rows at other sites out of training when one of their sites is
        tested.

    Raises
    ------
    ValueError
        If X has no sites or only one, a row has no site, a subject is at several sites (with
        ``shared="raise"``), a class of the tested site is missing from the training set, or a
        training set has only one class.

    Warns
    -----
    RecordingWarning
        If rows are left out of a training set (with ``shared="drop"``).

    See Also
    --------
    sklearn_emg.preprocessing.SiteStandardizer : Standardises features with reference
        subjects of each site.
    sklearn_emg.comparison.compare : Compares pipelines within and across sites, with
        ``site="site"``.
    sklearn_emg.recordings.concat_tables : Joins the tables of several sites.

    Notes
    -----
    There are usually fewer sites than folds of a k-fold split, and each fold tests a single
    hospital. The spread over the folds is therefore not a reliable estimate of the variation
    between hospitals.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.model_selection import LeaveOneSiteOut
    >>> X = pd.DataFrame({"subject": list("abcd"), "site": ["Rome", "Oslo", "Rome", "Oslo"]})
    >>> y = ["healthy", "healthy", "ill", "ill"]
    >>> for run in LeaveOneSiteOut().runs(X, y):
    ...     print(run.label, run.train, run.test)
    site Oslo [0 2] [1 3]
    site Rome [1 3] [0 2]
    """

    def __init__(
        self, site: str | ArrayLike = "site", *, shared: Literal["raise", "drop"] = "raise"
    ) -> None:
        self.site = site
        self.shared = shared

    def _runs(self, X: Any, y: Labels | None, groups: Labels | None) -> list[ProtocolRun]:
        check_option(self.shared, ("raise", "drop"), "shared", "LeaveOneSiteOut")
        codes, names = self._sites(X)
        subjects = SubjectStrata(X, y, groups)
        pairs = np.unique(np.stack([subjects.codes, codes]), axis=1)
        several = np.flatnonzero(np.bincount(pairs[0]) > 1)
        if several.size and self.shared == "raise":
            name = subjects.names[several[0]]
            at = ", ".join(repr(names[k]) for k in pairs[1, pairs[0] == several[0]])
            more = f", one of {several.size} such subjects," if several.size > 1 else ""
            raise ValueError(
                f"Subject {name!r}{more} has recordings at several sites ({at}) and would be in "
                "both training and test. If the name stands for different subjects, join the "
                "tables with sklearn_emg.recordings.concat_tables; otherwise use shared='drop'."
            )
        runs = []
        for k, name in enumerate(names):
            test = codes == k
            known = np.isin(subjects.codes, subjects.codes[test])
            train = np.flatnonzero(~known)
            if n_dropped := int((known & ~test).sum()):
                warn_of_recordings(
                    f"LeaveOneSiteOut leaves {counted(n_dropped, 'row')} of other sites out of the "
                    f"training for site {name!r}, because the same subjects were recorded there.",
                )
            _check_classes(subjects, train, np.flatnonzero(test), name)
            runs.append(ProtocolRun(k, f"site {name}", train, np.flatnonzero(test)))
        return runs

    def _sites(self, X: Any) -> tuple[NDArray[np.intp], list[Any]]:
        codes, names = sites_of(X, self.site, "LeaveOneSiteOut")
        if len(names) < 2:
            raise ValueError(
                f"LeaveOneSiteOut needs at least two sites. X has only site "
                f"{names[0]!r}; to split its subjects, use SubjectKFold."
                if names
                else "LeaveOneSiteOut needs at least two sites. X has no rows."
            )
        return codes, names

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of sites; X is needed if `site` is a column."""
        if X is None and isinstance(self.site, str):
            raise ValueError("LeaveOneSiteOut needs X to count the sites.")
        return len(self._sites(self.site if X is None else X)[1])


def _check_classes(
    subjects: SubjectStrata, train: NDArray[np.intp], test: NDArray[np.intp], site: Any
) -> None:
    """Raise if the training set lacks a class of the test set, or has only one class."""
    if not train.size:
        raise ValueError(
            f"No row is left for training when site {site!r} is tested: all subjects of the other "
            "sites were also recorded at this site."
        )
    if not subjects.classes:
        return
    trained, tested = (
        np.atleast_1d(subjects.has_class[np.unique(subjects.codes[rows])].any(axis=0))
        for rows in (train, test)
    )
    if missing := [c for c, t, n in zip(subjects.classes, tested, trained) if t and not n]:
        raise ValueError(
            f"When site {site!r} is tested, the training set has no subject of class "
            f"{', '.join(map(repr, missing))}: the other sites have none, or only subjects of this "
            "site. Use the same class names at all sites, or leave the class out."
        )
    if trained.sum() < 2:
        raise ValueError(
            f"When site {site!r} is tested, the training set has only the class "
            f"{subjects.classes[int(np.argmax(trained))]!r}: the other sites need patients and "
            "controls."
        )


def draw_references(names: Iterable[Hashable], n: int | None, random_state: Seed) -> list[Any]:
    """Draw at most `n` reference subjects of one site (None: all), in sorted order.

    The draw depends on the set of names and the seed, but not on the order of the rows.
    """
    found = list(dict.fromkeys(names))
    ordered: Sequence[Any] = [found[k] for k in sorted_positions(found)]
    if n is None or n >= len(ordered):
        return list(ordered)
    chosen = check_random_state(random_state).permutation(len(ordered))[:n]
    return [ordered[k] for k in sorted(chosen)]
