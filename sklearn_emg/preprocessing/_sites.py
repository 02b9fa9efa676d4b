"""Standardising features by the reference subjects of each site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.metadata_routing import MetadataRequest
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from sklearn_emg._sklearn import Integral, Interval, Real, StrOptions, check_feature_names_in
from sklearn_emg._typing import Labels
from sklearn_emg._warnings import warn, warn_of_recordings
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.model_selection import draw_references, sites_of
from sklearn_emg.recordings import Subjects, feature_columns, is_healthy

__all__ = ["SiteStandardizer"]

_NORMAL_IQR = 1.3489795003921634  # interquartile range of the standard normal distribution
_MAX_NAMED = 3
_FACTS = ("subject", "reference", "group")  # columns that tell the reference subjects


@dataclass(frozen=True)
class _Rows:
    """Site, subject and reference of each row; a site or subject that nothing names is None."""

    site: NDArray[np.intp]
    sites: list[Any]
    subject: NDArray[np.object_]
    reference: NDArray[np.bool_]


class SiteStandardizer(TransformerMixin, BaseEstimator):
    """Standardise features by the reference subjects of each site.

    Amplifiers, needles and protocols differ between hospitals. Each feature is expressed as its
    distance from the reference subjects of the same site, in their standard deviations, as
    clinical reference limits are. No diagnosis of a patient is needed.

    Sites of the training are standardised by the reference subjects in the training. A site that is
    new in ``transform`` is standardised by its reference subjects among the rows given there: they
    have to be in the same call, marked by a column, since there is no y. They are not a test of a
    model: leave them out of the scores. ``partial_fit`` learns a site once, from the rows of its
    references, so that its patients can be transformed one by one.

    Parameters
    ----------
    reference : str or list of subjects, default="healthy"
        Rows of reference subjects.

        - "healthy": those that the column ``reference`` marks as True. Without this column, those
          whose column ``group`` is "healthy", "normal" or "control" (in any letter case), and in
          ``fit``, without either, those with such a label in y.
        - "all": all rows, so that each site is standardised by the subjects at hand.
        - another string: those that this column marks as True.
        - a list: those of these subjects.
    n_reference : int or None, default=None
        Number of reference subjects of each site that are used, at most. They are drawn by
        `random_state`; None uses all.
    site : str or None, default="site"
        Column with the site of each row. None treats all rows as one site. "subject" standardises
        each subject by its own reference rows, such as those of a rest or reference contraction.
    statistic : {"mean", "median"}, default="mean"
        "mean" subtracts the mean and divides by the standard deviation; "median" subtracts the
        median and divides by the interquartile range / 1.349, which single extreme rows change
        less.
    prior : float, default=0.0
        Weight of the sites of ``fit`` in the scale of a new site, as a number of references: the
        variance of the site is averaged with their mean variance, weighted by `prior` and by its
        number of references (of rows, with ``site="subject"``). With a `prior`, one reference is
        enough. The location is always that of the references.
    new_site : {"raise", "pooled"}, default="raise"
        How to treat a site that is new in ``transform`` and has too few references there. "raise"
        is an error; "pooled" uses the mean location and the scale of the sites of ``fit``, with a
        warning.
    metadata : {"keep", "drop"}, default="keep"
        Whether the columns of a table that are not features (``subject``, ``site`` ...) are kept as
        they are, for a DiVoteClassifier or splitter that follows, or dropped.
    random_state : int, default=0
        Seed of the draw of `n_reference` subjects. The draw depends on it and on the names of the
        reference subjects of the site, not on the order of the rows.

    Attributes
    ----------
    sites_ : list
        Sites seen in ``fit``, sorted, and then those of ``partial_fit``.
    location_, scale_ : ndarray of shape (n_sites, n_features)
        What is subtracted, and what divides, at each site. A feature that is constant among the
        reference subjects of a site has the scale 1; one that is NaN in all of their rows stays
        NaN.
    reference_subjects_ : dict
        Reference subjects of each site that are used.
    pooled_location_, pooled_scale_ : ndarray of shape (n_features,)
        Mean location, and root of the mean variance, of the sites of ``fit``.
    n_features_in_ : int
        Number of features, without the metadata of a table.
    feature_names_in_ : ndarray of str
        Names of the features of a table.

    Raises
    ------
    ValueError
        If X lacks the column of the sites or does not identify the reference subjects, a site has
        fewer than two reference subjects (or rows, with ``site="subject"``), or a feature is
        infinite.

    Warns
    -----
    SubjectLeakWarning
        In ``transform``, if reference subjects of a new site are among the rows.
    RecordingWarning
        If ``new_site="pooled"`` is used for a site, or an array comes without sites and
        references: all rows are taken for reference rows of one site, as
        ``SiteStandardizer("all", site=None)`` does without a warning.

    See Also
    --------
    sklearn_emg.model_selection.LeaveOneSiteOut : Tests each site on a model of the others.
    sklearn_emg.comparison.compare : With ``site="site"``, does not score reference subjects.
    ReferenceScaler : Scales signals by a reference contraction of the same subject.

    Notes
    -----
    Each reference subject has the same weight, however many rows it has. Values of windows spread
    more than those of recordings: standardise the rows that the classifier gets.

    Inside a :class:`~sklearn_emg.ensemble.DiVoteClassifier` windows are arrays. It passes the
    columns ``site``, ``subject``, ``reference`` and ``group`` of its table to the steps of its
    `estimator` that request them by scikit-learn's metadata routing, as this class does in ``fit``
    and ``transform``. If normal values differ between muscles, make the muscle a part of the site:
    ``X.assign(site=X["site"] + " " + X["muscle"])``.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.preprocessing import SiteStandardizer
    >>> X = pd.DataFrame(
    ...     {
    ...         "rms": [1.0, 3.0, 8.0, 10.0, 30.0, 50.0],
    ...         "subject": list("abcdef"),
    ...         "site": ["Rome"] * 3 + ["Oslo"] * 3,
    ...         "group": ["healthy", "healthy", "ill"] * 2,
    ...     }
    ... )
    >>> SiteStandardizer().fit_transform(X)["rms"].tolist()
    [-1.0, 1.0, 6.0, -1.0, 1.0, 3.0]
    """

    # With metadata routing these come without a request.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {
        "site": True,
        "subject": True,
        "reference": True,
        "group": True,
    }
    __metadata_request__partial_fit: ClassVar[dict[str, bool]] = __metadata_request__fit
    __metadata_request__transform: ClassVar[dict[str, bool]] = __metadata_request__fit

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "reference": [str, list, tuple, set, np.ndarray, pd.Series],
        "n_reference": [Interval(Integral, 2, None, closed="left"), None],
        "site": [str, None],
        "statistic": [StrOptions({"mean", "median"})],
        "prior": [Interval(Real, 0, None, closed="left")],
        "new_site": [StrOptions({"raise", "pooled"})],
        "metadata": [StrOptions({"keep", "drop"})],
        "random_state": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        reference: Any = "healthy",
        *,
        n_reference: int | None = None,
        site: str | None = "site",
        statistic: Literal["mean", "median"] = "mean",
        prior: float = 0.0,
        new_site: Literal["raise", "pooled"] = "raise",
        metadata: Literal["keep", "drop"] = "keep",
        random_state: int = 0,
    ) -> None:
        self.reference = reference
        self.n_reference = n_reference
        self.site = site
        self.statistic = statistic
        self.prior = prior
        self.new_site = new_site
        self.metadata = metadata
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Labels | None = None,
        *,
        site: Labels | None = None,
        subject: Labels | None = None,
        reference: Labels | None = None,
        group: Labels | None = None,
    ) -> SiteStandardizer:
        """Compute the statistics of the reference subjects of each site.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_features)
            Feature table, or an array of features; NaN is left out of the statistics.
        y : array-like of shape (n_rows,), default=None
            Labels, read only if X does not state which subjects are healthy.
        site, subject, reference, group : array-like of shape (n_rows,), default=None
            Values of the rows, for an X without these columns.

        Returns
        -------
        self : object
        """
        self._validate_params()
        if isinstance(X, pd.DataFrame):
            self._columns: list[Any] | None = list(X.columns)
            self._features: list[Any] | None = self._feature_columns(X, y, subject)
        else:
            self._columns = self._features = None
        values = self._values(X, reset=True)
        rows = self._rows(X, len(values), y, site, subject, reference, group)
        self.sites_ = rows.sites
        self.location_ = np.empty((len(rows.sites), values.shape[1]))
        self.scale_ = np.empty_like(self.location_)
        self.reference_subjects_: dict[Any, list[Any]] = {}
        for code, name in enumerate(rows.sites):
            statistics, drawn = self._statistics(values, rows, code)
            self.location_[code], self.scale_[code] = statistics
            self.reference_subjects_[name] = drawn
        self.pooled_location_ = self.location_.mean(axis=0)
        self.pooled_scale_ = np.sqrt((self.scale_**2).mean(axis=0))
        return self

    def partial_fit(
        self,
        X: Any,
        y: Labels | None = None,
        *,
        site: Labels | None = None,
        subject: Labels | None = None,
        reference: Labels | None = None,
        group: Labels | None = None,
    ) -> SiteStandardizer:
        """Learn the sites of X from their references; the statistics of all other sites stay.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_features)
            Rows of the references of one or several sites: all references of a site together,
            since earlier statistics of it are replaced. Other rows are not read.
        y : array-like of shape (n_rows,), default=None
            Labels, read only if X does not state which subjects are healthy.
        site, subject, reference, group : array-like of shape (n_rows,), default=None
            Values of the rows, for an X without these columns.

        Returns
        -------
        self : object
            The first call, without an earlier ``fit``, is a ``fit``.
        """
        if not hasattr(self, "location_"):
            return self.fit(X, y, site=site, subject=subject, reference=reference, group=group)
        values = self._values(X, reset=False)
        rows = self._rows(X, len(values), y, site, subject, reference, group)
        for code, name in enumerate(rows.sites):
            (location, scale), drawn = self._new_statistics(values, rows, code)
            known = self.sites_.index(name) if name in self.sites_ else len(self.sites_)
            self.sites_ = [*self.sites_[:known], name, *self.sites_[known + 1 :]]
            self.location_ = np.vstack(
                [self.location_[:known], location, self.location_[known + 1 :]]
            )
            self.scale_ = np.vstack([self.scale_[:known], scale, self.scale_[known + 1 :]])
            self.reference_subjects_ = {**self.reference_subjects_, name: drawn}
        return self

    def transform(
        self,
        X: Any,
        *,
        site: Labels | None = None,
        subject: Labels | None = None,
        reference: Labels | None = None,
        group: Labels | None = None,
    ) -> Any:
        """Standardise each row by the reference subjects of its site.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_features)
            As in ``fit``. Of a site that was not seen there, it has to hold the reference subjects.
        site, subject, reference, group : array-like of shape (n_rows,), default=None
            Values of the rows, for an X without these columns.

        Returns
        -------
        X_new : DataFrame or ndarray of shape (n_rows, n_features) or (n_rows, n_columns)
        """
        check_is_fitted(self)
        values = self._values(X, reset=False)
        codes, sites = self._site_codes(X, len(values), site)
        location, scale = np.empty_like(values), np.empty_like(values)
        known = {name: k for k, name in enumerate(self.sites_)}
        new = [name for name in sites if name not in known]
        reference = self._marks_to_transform(X, len(values), reference, group)
        metadata = site, subject, reference, group
        rows = self._rows(X, len(values), None, *metadata) if new else None
        leaked, pooled = [], []
        for code, name in enumerate(sites):
            here = codes == code
            if rows is None or name in known:
                k = known[name]
                location[here], scale[here] = self.location_[k], self.scale_[k]
                continue
            (location[here], scale[here]), drawn = self._statistics_of_new(values, rows, code)
            leaked += drawn
            pooled += [] if drawn else [name]
        self._warn_of_new_sites(leaked, pooled)
        return self._output(X, ((values - location) / scale).astype(values.dtype, copy=False))

    def _warn_of_new_sites(self, leaked: list[Any], pooled: list[Any]) -> None:
        """Warn of references among the rows, and of sites without references."""
        if pooled:
            warn_of_recordings(
                f"Site {pooled[0]!r} is new to SiteStandardizer and has no references: its "
                "features are standardised by those of the sites of fit (new_site='pooled'). Give "
                "its references to partial_fit.",
            )
        if leaked and self.site != "subject":
            some = ", ".join(map(repr, leaked[:_MAX_NAMED])) + ", ..." * (len(leaked) > _MAX_NAMED)
            warn(
                f"{len(leaked)} subjects given to SiteStandardizer are references of a site that "
                f"is new to it ({some}): they are not a test of a model, so leave them out of the "
                "scores, as compare(site=...) does; then filter SubjectLeakWarning.",
                SubjectLeakWarning,
            )

    def fit_transform(self, X: Any, y: Labels | None = None, **metadata: Any) -> Any:
        """Fit to X and standardise it.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_features)
        y : array-like of shape (n_rows,), default=None
        **metadata
            ``site``, ``subject``, ``reference`` and ``group``, as in :meth:`fit`.

        Returns
        -------
        X_new : DataFrame or ndarray of shape (n_rows, n_features) or (n_rows, n_columns)
        """
        return self.fit(X, y, **metadata).transform(X, **metadata)

    def draw(self, X: pd.DataFrame, y: Labels | None = None) -> dict[Any, list[Any]]:
        """Name the reference subjects of each site of a table that would be used.

        Parameters
        ----------
        X : DataFrame
            Table with the columns of sites and references.
        y : array-like of shape (n_rows,), default=None
            Labels, read only if X does not state which subjects are healthy.

        Returns
        -------
        subjects : dict
            List of subjects of each site.
        """
        self._validate_params()
        rows = self._rows(X, len(X), y)
        return {name: self._draw(rows, code) for code, name in enumerate(rows.sites)}

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns of the output.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features of an array.

        Returns
        -------
        names : ndarray of str
        """
        check_is_fitted(self)
        if self._columns is not None and self.metadata == "keep":
            return np.asarray(self._columns, dtype=object)
        return check_feature_names_in(self, input_features)

    def get_metadata_routing(self) -> MetadataRequest:
        """Requests of columns by scikit-learn's metadata routing, under the names of the columns.

        Returns
        -------
        routing : MetadataRequest
        """
        routing = super().get_metadata_routing()
        for method in (routing.fit, routing.partial_fit, routing.transform):
            if self.site is None or self.site != "site":
                method.add_request(param="site", alias=self.site or False)
            if isinstance(self.reference, str) and self.reference not in ("healthy", "all"):
                method.add_request(param="reference", alias=self.reference)
        return routing

    def _feature_columns(self, X: pd.DataFrame, y: Any, subject: Any) -> list[Any]:
        if self._is_plain(X):
            return list(X.columns)
        names = {self.site, *_FACTS}
        names |= {self.reference} if isinstance(self.reference, str) else set()
        features = feature_columns(X, y, groups=subject, other=names, include="rename it")
        numeric = [c for c in features if pd.api.types.is_numeric_dtype(X[c])]
        if not numeric:
            raise ValueError(
                "SiteStandardizer needs a table of features, and X has no numeric column except "
                f"metadata: {list(X.columns)}. Put a feature extractor before it."
            )
        return numeric

    def _values(self, X: Any, *, reset: bool) -> NDArray[np.floating]:
        if self._features is not None:
            if not isinstance(X, pd.DataFrame):
                raise ValueError("SiteStandardizer was fitted on a DataFrame; give it one.")
            needed = self._columns if self.metadata == "keep" else self._features
            # It is not known which new patients are healthy.
            optional = ["group", "reference", *np.ravel(np.asarray(self.reference, dtype=object))]
            missing = [c for c in needed or () if c not in X.columns and c not in optional]
            if missing:
                raise ValueError(
                    f"X lacks the columns {missing}, which SiteStandardizer saw in fit."
                )
            X = X[self._features]
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
            ensure_min_samples=2 if reset else 1,
        )

    def _is_plain(self, X: Any) -> bool:
        """Whether X is an array, or a frame without a column that is not a feature."""
        if not isinstance(X, pd.DataFrame):
            return True
        return not {self.site, *_FACTS}.intersection(X.columns)

    def _site_codes(self, X: Any, n_rows: int, site: Any) -> tuple[NDArray[np.intp], list[Any]]:
        if self.site is None or (site is None and self._is_plain(X)):
            return np.zeros(n_rows, dtype=np.intp), [None]
        return sites_of(X, self.site if site is None else site, "SiteStandardizer")

    def _rows(
        self,
        X: Any,
        n_rows: int,
        y: Any = None,
        site: Any = None,
        subject: Any = None,
        reference: Any = None,
        group: Any = None,
    ) -> _Rows:
        codes, sites = self._site_codes(X, n_rows, site)
        columns = X if isinstance(X, pd.DataFrame) else pd.DataFrame(index=range(n_rows))
        given = dict(zip(_FACTS, (subject, reference, group)))
        facts = {
            name: columns[name] if value is None and name in columns.columns else value
            for name, value in given.items()
        }
        if facts["subject"] is None:
            names: NDArray[Any] = np.arange(n_rows).astype(object)
        else:
            names = Subjects.of(None, facts["subject"]).by_row
        plain = self._is_plain(X) and site is None
        mask = self._reference_rows(columns, names, facts, y, plain=plain)
        return _Rows(codes, sites, names, mask)

    def _marks_to_transform(self, X: Any, n_rows: int, reference: Any, group: Any) -> Any:
        """Marks of references as given; none where a new site may be without."""
        if self.new_site == "pooled" and not self._tells_references(X, reference, group):
            return np.zeros(n_rows, dtype=bool)
        return reference

    def _tells_references(self, X: Any, reference: Any, group: Any) -> bool:
        """Whether a column states which rows of X are references."""
        if not isinstance(self.reference, str) or self.reference == "all":
            return True
        wanted = {"reference", "group"} if self.reference == "healthy" else {self.reference}
        columns = set(X.columns) if isinstance(X, pd.DataFrame) else set()
        return reference is not None or group is not None or not wanted.isdisjoint(columns)

    def _reference_rows(
        self, columns: pd.DataFrame, names: NDArray[Any], facts: dict[str, Any], y: Any, plain: bool
    ) -> NDArray[np.bool_]:
        """Whether each row is that of a reference subject."""
        if not isinstance(self.reference, str):
            listed = set(self.reference)
            return np.array([name in listed for name in names], dtype=bool)
        if self.reference == "all":
            return np.ones(len(names), dtype=bool)
        if self.reference != "healthy":
            if self.reference not in columns.columns and facts["reference"] is None:
                raise ValueError(
                    f"X has no column {self.reference!r}, in which SiteStandardizer looks for "
                    "reference subjects."
                )
            values = columns.get(self.reference, facts["reference"])
            return _marks(values, self.reference)
        if facts["reference"] is not None:
            return _marks(facts["reference"], "reference")
        healthy = _healthy_rows(facts["group"], y)
        if healthy is not None:
            return healthy
        if plain and facts["subject"] is None:
            warn_of_recordings(
                "X names neither sites nor references: SiteStandardizer takes all rows for "
                "reference rows of one site. Pass site=... and reference=..., or set "
                "SiteStandardizer('all', site=None).",
            )
            return np.ones(len(names), dtype=bool)
        raise ValueError(
            "SiteStandardizer cannot tell which subjects are references: X has neither a "
            "column 'reference' of True and False nor a column 'group' with the healthy ones. Add "
            "one, or name the subjects by 'reference'."
        )

    def _count_references(self, rows: _Rows, code: int) -> int:
        """Reference subjects of a site; reference rows, where a site is a subject."""
        marked = rows.subject[rows.reference & (rows.site == code)]
        return len(marked) if self.site == "subject" else len(set(marked.tolist()))

    def _has_references(self, rows: _Rows, code: int) -> bool:
        """Whether a new site has enough references."""
        return self._count_references(rows, code) >= (1 if self.prior else 2)

    def _draw(self, rows: _Rows, code: int, at_least: int = 2) -> list[Any]:
        """Reference subjects of a site that are used."""
        count = self._count_references(rows, code)
        if count < at_least:
            own = self.site == "subject"
            kind = "row" if own else "subject"
            remedy = (
                "Record a rest or reference contraction of the subject"
                if own
                else "Record healthy subjects there"
            )
            raise ValueError(
                f"{'Subject' if own else 'Site'} {rows.sites[code]!r} has {count} reference "
                f"{kind}{'s' * (count != 1)} among the rows given to SiteStandardizer "
                f"(reference={self.reference!r}), and at least {at_least} "
                f"{'are' if at_least > 1 else 'is'} needed. {remedy}, or leave the "
                f"{'subject' if own else 'site'} out."
            )
        marked = rows.subject[rows.reference & (rows.site == code)]
        return draw_references(marked.tolist(), self.n_reference, self.random_state)

    def _statistics_of_new(
        self, values: NDArray[np.floating], rows: _Rows, code: int
    ) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], list[Any]]:
        """Location and scale of a site that is new in ``transform``; no references where pooled."""
        if self.new_site == "pooled" and not self._has_references(rows, code):
            return (self.pooled_location_, self.pooled_scale_), []
        return self._new_statistics(values, rows, code)

    def _new_statistics(
        self, values: NDArray[np.floating], rows: _Rows, code: int
    ) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], list[Any]]:
        """Location and scale of a site that is not one of ``fit``, averaged with the prior."""
        if not self.prior:
            return self._statistics(values, rows, code)
        (location, scale), drawn = self._statistics(values, rows, code, at_least=1)
        used = np.isin(rows.subject, drawn) & rows.reference & (rows.site == code)
        n = int(used.sum()) if self.site == "subject" else len(drawn)
        # A constant feature has the scale 1, although its variance is 0.
        constant = np.nanmax(values[used], axis=0) == np.nanmin(values[used], axis=0)
        variance = np.where(constant, 0.0, scale**2)
        total = self.prior * self.pooled_scale_**2 + n * variance
        return (location, np.sqrt(total / (self.prior + n))), drawn

    def _statistics(
        self, values: NDArray[np.floating], rows: _Rows, code: int, at_least: int = 2
    ) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], list[Any]]:
        """Location and scale of a site, and the reference subjects used."""
        drawn = self._draw(rows, code, at_least)
        of_drawn = {name: k for k, name in enumerate(drawn)}
        subject = np.array([of_drawn.get(name, -1) for name in rows.subject])
        used = rows.reference & (rows.site == code) & (subject >= 0)
        return reference_statistics(values[used], subject[used], self.statistic), drawn

    def _output(self, X: Any, values: NDArray[np.floating]) -> Any:
        if self._features is None:
            return values
        if self.metadata == "drop":
            return pd.DataFrame(values, index=X.index, columns=self._features)
        out = X[[c for c in self._columns or () if c in X.columns]].copy(deep=False)
        out[self._features] = values
        return out

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _marks(values: Any, name: str) -> NDArray[np.bool_]:
    """A column of True and False as an array."""
    marks = pd.Series(np.asarray(values, dtype=object))
    if (unclear := np.flatnonzero(~marks.isin([True, False, 1, 0]))).size:
        raise ValueError(
            f"Column {name!r} must hold True or False, or 1 or 0. Row {unclear[0]} has "
            f"{marks.iloc[unclear[0]]!r}."
        )
    return marks.isin([True, 1]).to_numpy()


def reference_statistics(
    values: NDArray[np.floating], subject: NDArray[np.intp], statistic: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Location and scale of each feature, in which every subject has the same weight.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_features)
        NaN is left out.
    subject : ndarray of int of shape (n_rows,)
        Code of the subject of each row.
    statistic : {"mean", "median"}

    Returns
    -------
    location, scale : ndarray of shape (n_features,)
        NaN where a feature has no value; the scale of a constant feature is 1.
    """
    values = check_array(values, dtype=np.float64, ensure_all_finite="allow-nan")
    finite = np.isfinite(values)
    counts = np.zeros((int(subject.max()) + 1, values.shape[1]))
    np.add.at(counts, subject, finite)
    weights = finite / np.maximum(counts[subject], 1)
    total = weights.sum(axis=0)
    filled = np.where(finite, values, 0.0)
    largest = np.abs(filled).max(axis=0)
    with np.errstate(invalid="ignore"):
        if statistic == "mean":
            location = (weights * filled).sum(axis=0) / total
            deviation = np.where(finite, values - location, 0.0)
            scale = np.sqrt((weights * deviation**2).sum(axis=0) / total)
        else:
            low, location, high = (
                np.array([_quantile(x, w, q) for x, w in zip(filled.T, weights.T)])
                for q in (0.25, 0.5, 0.75)
            )
            scale = (high - low) / _NORMAL_IQR
    tiny = 10 * np.finfo(np.float64).eps * largest
    return location, np.where(scale <= tiny, 1.0, scale)


def _quantile(values: NDArray[np.float64], weights: NDArray[np.float64], q: float) -> float:
    """Weighted quantile: the mean of the two values where the weights on both sides are equal."""
    if not weights.any():
        return np.nan
    order = np.argsort(values[weights > 0])
    values, weights = values[weights > 0][order], weights[weights > 0][order]
    below = np.cumsum(weights) / weights.sum()
    first = np.searchsorted(below, q - 1e-9)
    return float(values[[first, np.searchsorted(below, q + 1e-9)]].mean())


def _healthy_rows(group: Any, y: Any) -> NDArray[np.bool_] | None:
    """Rows with a healthy label; None if it is not known, or no label of y is that of controls."""
    labels = y if group is None else group
    if labels is None:
        return None
    healthy = np.array([is_healthy(label) for label in np.asarray(labels, dtype=object)])
    return healthy if group is not None or healthy.any() else None
