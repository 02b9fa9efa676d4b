"""Standardisation of features by the reference subjects of each site."""

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
from sklearn_emg._tables import columns_text, counted, first_few
from sklearn_emg._typing import Labels
from sklearn_emg._warnings import warn, warn_of_recordings
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.model_selection import draw_references, sites_of
from sklearn_emg.preprocessing._scaling import marked_rows
from sklearn_emg.recordings import Subjects, feature_columns, is_healthy

_NORMAL_IQR = 1.3489795003921634  # interquartile range of the standard normal distribution
_MAX_NAMED = 3
_FACTS = ("subject", "reference", "group")  # columns that identify the reference subjects


@dataclass(frozen=True)
class _Rows:
    """Site, subject and reference mark of each row; an unnamed site is None."""

    site: NDArray[np.intp]
    sites: list[Any]
    subject: NDArray[np.object_]
    reference: NDArray[np.bool_]


class SiteStandardizer(TransformerMixin, BaseEstimator):
    """Standardise features by the reference subjects of each site.

    Amplifiers, needles and protocols differ between hospitals. Each feature is expressed as its
    difference from the mean of the reference subjects of the same site, in units of their standard
    deviation, as is done with clinical reference values. The diagnoses of patients are not needed.

    Training sites are standardised by the reference subjects in the training data. A site that is
    new in ``transform`` is standardised by its reference subjects among the rows given to that
    call. A column must mark them, since ``transform`` takes no y. Leave these subjects out when
    scoring a model. ``partial_fit`` learns a site from the rows of its reference subjects, so that
    its patients can be transformed one by one.

    Parameters
    ----------
    reference : str or list of subjects, default="healthy"
        Selection of the rows of reference subjects.

        - "healthy": rows in which the column ``reference`` is True. Without this column, rows in
          which the column ``group`` is "healthy", "normal" or "control" (in any letter case).
          Without either column, ``fit`` uses the rows with such a label in y.
        - "all": all rows, so each site is standardised by all of its subjects.
        - another string: rows in which the column of this name is True.
        - a list of subjects: rows of these subjects.
    n_reference : int or None, default=None
        Maximum number of reference subjects per site. If a site has more, they are drawn at random.
        None uses all of them.
    site : str or None, default="site"
        Name of the column that contains the site of each row. None treats all rows as one site.
        "subject" standardises each subject by its own reference rows, such as those recorded at
        rest or during a reference contraction.
    statistic : {"mean", "median"}, default="mean"
        Statistics of the reference subjects. "mean" subtracts the mean and divides by the standard
        deviation. "median" subtracts the median and divides by the interquartile range / 1.349;
        both are less sensitive to outliers.
    prior : float, default=0.0
        Weight of the training sites in the scale of a new site, expressed as a number of reference
        subjects. The variance of the new site, weighted by its number of reference subjects (of
        reference rows, with ``site="subject"``), is averaged with the mean variance of the training
        sites, weighted by `prior`. If `prior` is positive, one reference subject is enough at a new
        site. The location is always that of the reference subjects of the new site.
    new_site : {"raise", "pooled"}, default="raise"
        Treatment of a site that is new in ``transform`` and has too few reference subjects. "raise"
        raises an error. "pooled" warns and uses `pooled_location_` and `pooled_scale_`.
    metadata : {"keep", "drop"}, default="keep"
        Treatment of the columns of a table that are not features, such as ``subject`` and ``site``.
        "keep" leaves them unchanged, for a DiVoteClassifier or splitter that needs them. "drop"
        removes them.
    random_state : int, default=0
        Seed for drawing `n_reference` subjects. The draw depends on the seed and on the names of
        the reference subjects of the site, but not on the order of the rows.

    Attributes
    ----------
    sites_ : list
        Sites seen in ``fit``, in sorted order, followed by those added by ``partial_fit``.
    location_, scale_ : ndarray of shape (n_sites, n_features)
        Values that are subtracted from the features of each site, and values by which the
        differences are divided. A feature that is constant among the reference subjects of a site
        has a scale of 1. A feature that is NaN in all of their rows has NaN statistics.
    reference_subjects_ : dict
        Reference subjects that are used, by site.
    pooled_location_, pooled_scale_ : ndarray of shape (n_features,)
        Mean of the locations and square root of the mean variance of the sites seen in ``fit``.
    n_features_in_ : int
        Number of features seen in ``fit``, excluding the metadata of a table.
    feature_names_in_ : ndarray of str
        Names of the features seen in ``fit``, set only for a table.

    Raises
    ------
    ValueError
        If X lacks the column of the sites or does not identify the reference subjects, a site has
        fewer than two reference subjects (or rows, with ``site="subject"``; see also `prior` and
        `new_site`), or a feature is infinite.

    Warns
    -----
    SubjectLeakWarning
        If reference subjects of a new site are among the rows given to ``transform`` (unless
        ``site="subject"``).
    RecordingWarning
        If pooled statistics are used for a new site, or an array or a table without metadata is
        given without sites and reference marks. In the latter case, all rows are treated as
        reference rows of a single site; use ``SiteStandardizer("all", site=None)`` to request this
        without a warning.

    See Also
    --------
    sklearn_emg.model_selection.LeaveOneSiteOut : Holds out one site at a time.
    sklearn_emg.comparison.compare : Leaves reference subjects out of the scores if a site is given.
    ReferenceScaler : Divides signals by the amplitude of a reference contraction.

    Notes
    -----
    Each reference subject has the same weight, regardless of its number of rows. Features of
    windows vary more than those of recordings, so standardise the same kind of rows that the
    classifier takes.

    Inside a :class:`~sklearn_emg.ensemble.DiVoteClassifier`, windows are arrays. The ensemble
    passes the columns ``site``, ``subject``, ``reference`` and ``group`` of its table to the steps
    of its `estimator` that request them through the metadata routing of scikit-learn. This class
    requests them in ``fit``, ``partial_fit`` and ``transform``. If normal values differ between
    muscles, include the muscle in the site: ``X.assign(site=X["site"] + " " + X["muscle"])``.

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

    # With metadata routing, these are requested by default.
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
            Feature table or array of features. NaN values are ignored in the statistics.
        y : array-like of shape (n_rows,), default=None
            Labels, used only if X does not state which subjects are healthy.
        site, subject, reference, group : array-like of shape (n_rows,), default=None
            Values for the rows of an X that lacks these columns.

        Returns
        -------
        self : object
            Fitted transformer.
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
        """Learn statistics of the sites of X from reference subjects; keep those of other sites.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_features)
            Rows of the reference subjects of one or more sites. Give all reference subjects of a
            site in one call, since its earlier statistics are replaced. Other rows are ignored.
        y : array-like of shape (n_rows,), default=None
            Labels, used only if X does not state which subjects are healthy.
        site, subject, reference, group : array-like of shape (n_rows,), default=None
            Values for the rows of an X that lacks these columns.

        Returns
        -------
        self : object
            Fitted estimator. Without an earlier ``fit``, the first call is equivalent to ``fit``.
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
            As in ``fit``. It must contain the reference subjects of each site that was not seen
            there.
        site, subject, reference, group : array-like of shape (n_rows,), default=None
            Values for the rows of an X that lacks these columns.

        Returns
        -------
        X_new : DataFrame or ndarray of shape (n_rows, n_features) or (n_rows, n_columns)
            Standardised features, with the metadata of a table if ``metadata="keep"``.
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
        """Warn of reference subjects among the rows and of sites with too few of them."""
        if pooled:
            names = first_few(map(repr, pooled), _MAX_NAMED)
            one = len(pooled) == 1
            warn_of_recordings(
                f"{'Site' if one else 'Sites'} {names} {'is' if one else 'are'} new to "
                f"SiteStandardizer and {'has' if one else 'have'} too few references. The features "
                "are standardised by the pooled statistics of fit (new_site='pooled'). Give "
                f"references of {'this site' if one else 'these sites'} to partial_fit.",
            )
        if leaked and self.site != "subject":
            some = ", ".join(map(repr, leaked[:_MAX_NAMED])) + ", ..." * (len(leaked) > _MAX_NAMED)
            warn(
                "SiteStandardizer got references of a site that is new to it: "
                f"{counted(len(leaked), 'subject')} ({some}). References do not test a model, so "
                "leave them out of the scores, as compare(site=...) does; SubjectLeakWarning can "
                "then be ignored.",
                SubjectLeakWarning,
            )

    def fit_transform(self, X: Any, y: Labels | None = None, **metadata: Any) -> Any:
        """Fit to X and standardise it.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_features)
            As in :meth:`fit`.
        y : array-like of shape (n_rows,), default=None
            As in :meth:`fit`.
        **metadata : dict
            ``site``, ``subject``, ``reference`` and ``group``, as in :meth:`fit`.

        Returns
        -------
        X_new : DataFrame or ndarray of shape (n_rows, n_features) or (n_rows, n_columns)
            Standardised features, as returned by :meth:`transform`.
        """
        return self.fit(X, y, **metadata).transform(X, **metadata)

    def draw(self, X: pd.DataFrame, y: Labels | None = None) -> dict[Any, list[Any]]:
        """Return the reference subjects that would be used for each site of a table.

        Parameters
        ----------
        X : DataFrame
            Table with the columns of sites and references.
        y : array-like of shape (n_rows,), default=None
            Labels, used only if X does not state which subjects are healthy.

        Returns
        -------
        subjects : dict
            List of reference subjects for each site.
        """
        self._validate_params()
        rows = self._rows(X, len(X), y)
        return {name: self._draw(rows, code) for code, name in enumerate(rows.sites)}

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Get the names of the columns of the output.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features, if ``fit`` was given an array.

        Returns
        -------
        names : ndarray of str
            Column names of a table with ``metadata="keep"``, otherwise feature names.
        """
        check_is_fitted(self)
        if self._columns is not None and self.metadata == "keep":
            return np.asarray(self._columns, dtype=object)
        return check_feature_names_in(self, input_features)

    def get_metadata_routing(self) -> MetadataRequest:
        """Get the metadata requests, with the column names given by `site` and `reference`.

        Returns
        -------
        routing : MetadataRequest
            Requests for the metadata routing of scikit-learn.
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
                raise ValueError(
                    "SiteStandardizer was fitted on a DataFrame and needs one. Got "
                    f"{type(X).__name__}."
                )
            needed = self._columns if self.metadata == "keep" else self._features
            # These columns may be missing, since it is not known which new patients are healthy.
            optional = ["group", "reference", *np.ravel(np.asarray(self.reference, dtype=object))]
            missing = [c for c in needed or () if c not in X.columns and c not in optional]
            if missing:
                raise ValueError(
                    f"X lacks the {columns_text(missing)} seen by SiteStandardizer in fit."
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
        """Return whether X is an array or a DataFrame without metadata columns."""
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
        """Return the marks as given, or all False if there are none and `new_site` is "pooled"."""
        if self.new_site == "pooled" and not self._tells_references(X, reference, group):
            return np.zeros(n_rows, dtype=bool)
        return reference

    def _tells_references(self, X: Any, reference: Any, group: Any) -> bool:
        """Return whether a column states which rows of X belong to reference subjects."""
        if not isinstance(self.reference, str) or self.reference == "all":
            return True
        wanted = {"reference", "group"} if self.reference == "healthy" else {self.reference}
        columns = set(X.columns) if isinstance(X, pd.DataFrame) else set()
        return reference is not None or group is not None or not wanted.isdisjoint(columns)

    def _reference_rows(
        self, columns: pd.DataFrame, names: NDArray[Any], facts: dict[str, Any], y: Any, plain: bool
    ) -> NDArray[np.bool_]:
        """Return whether each row belongs to a reference subject."""
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
            return marked_rows(values, self.reference)
        if facts["reference"] is not None:
            return marked_rows(facts["reference"], "reference")
        healthy = _healthy_rows(facts["group"], y)
        if healthy is not None:
            return healthy
        if plain and facts["subject"] is None:
            warn_of_recordings(
                "X has neither sites nor reference marks: SiteStandardizer treats all rows as "
                "reference rows of one site. Pass site=... and reference=..., or set "
                "SiteStandardizer('all', site=None).",
            )
            return np.ones(len(names), dtype=bool)
        raise ValueError(
            "SiteStandardizer cannot tell which subjects are references: X has neither a "
            "column 'reference' of True and False nor a column 'group' with healthy subjects. Add "
            "one, or list the subjects in the 'reference' parameter."
        )

    def _count_references(self, rows: _Rows, code: int) -> int:
        """Count the reference subjects of a site, or its reference rows if a site is a subject."""
        marked = rows.subject[rows.reference & (rows.site == code)]
        return len(marked) if self.site == "subject" else len(set(marked.tolist()))

    def _has_references(self, rows: _Rows, code: int) -> bool:
        """Return whether a new site has enough reference subjects."""
        return self._count_references(rows, code) >= (1 if self.prior else 2)

    def _draw(self, rows: _Rows, code: int, minimum: int = 2) -> list[Any]:
        """Draw those reference subjects of a site that are used."""
        count = self._count_references(rows, code)
        if count < minimum:
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
                f"(reference={self.reference!r}), and at least {minimum} "
                f"{'are' if minimum > 1 else 'is'} needed. {remedy}, or leave the "
                f"{'subject' if own else 'site'} out."
            )
        marked = rows.subject[rows.reference & (rows.site == code)]
        return draw_references(marked.tolist(), self.n_reference, self.random_state)

    def _statistics_of_new(
        self, values: NDArray[np.floating], rows: _Rows, code: int
    ) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], list[Any]]:
        """Compute the location and scale of a new site, or return those of all sites if pooled."""
        if self.new_site == "pooled" and not self._has_references(rows, code):
            return (self.pooled_location_, self.pooled_scale_), []
        return self._new_statistics(values, rows, code)

    def _new_statistics(
        self, values: NDArray[np.floating], rows: _Rows, code: int
    ) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], list[Any]]:
        """Compute the location and scale of a site that was not in ``fit``, using the prior."""
        if not self.prior:
            return self._statistics(values, rows, code)
        (location, scale), drawn = self._statistics(values, rows, code, minimum=1)
        used = np.isin(rows.subject, drawn) & rows.reference & (rows.site == code)
        n = int(used.sum()) if self.site == "subject" else len(drawn)
        # A constant feature has a scale of 1, although its variance is 0.
        constant = np.nanmax(values[used], axis=0) == np.nanmin(values[used], axis=0)
        variance = np.where(constant, 0.0, scale**2)
        total = self.prior * self.pooled_scale_**2 + n * variance
        return (location, np.sqrt(total / (self.prior + n))), drawn

    def _statistics(
        self, values: NDArray[np.floating], rows: _Rows, code: int, minimum: int = 2
    ) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], list[Any]]:
        """Compute the location and scale of a site, and return its reference subjects."""
        drawn = self._draw(rows, code, minimum)
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


def reference_statistics(
    values: NDArray[np.floating], subject: NDArray[np.intp], statistic: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the location and scale of each feature with the same weight for every subject.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_features)
        Features. NaN values are ignored.
    subject : ndarray of int of shape (n_rows,)
        Code of the subject of each row.
    statistic : {"mean", "median"}
        Statistic, see :class:`SiteStandardizer`.

    Returns
    -------
    location, scale : ndarray of shape (n_features,)
        Location and scale. They are NaN for a feature without values. The scale of a constant
        feature is 1.
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
    """Compute a weighted quantile, averaging two values if the weights on both sides are equal."""
    if not weights.any():
        return np.nan
    order = np.argsort(values[weights > 0])
    values, weights = values[weights > 0][order], weights[weights > 0][order]
    below = np.cumsum(weights) / weights.sum()
    first = np.searchsorted(below, q - 1e-9)
    return float(values[[first, np.searchsorted(below, q + 1e-9)]].mean())


def _healthy_rows(group: Any, y: Any) -> NDArray[np.bool_] | None:
    """Return which rows have a healthy label, or None if neither `group` nor `y` states this."""
    labels = y if group is None else group
    if labels is None:
        return None
    healthy = np.array([is_healthy(label) for label in np.asarray(labels, dtype=object)])
    return healthy if group is not None or healthy.any() else None
