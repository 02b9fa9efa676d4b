"""Reference limits of motor unit potentials, published or learned from one's own controls."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import t as student
from sklearn.linear_model import QuantileRegressor

from sklearn_emg._tables import ReadableTable, columns_text, counted, first_few
from sklearn_emg._validation import check_fraction, check_integer, check_option, check_real
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.motor_units._given import (
    KEYS,
    checked_rows,
    one_age,
    warn_of_repeats,
    warn_of_units,
)
from sklearn_emg.motor_units._limit_tables import (
    LOGARITHMIC,
    PUBLISHED_LIMITS,
    STATISTICS,
    WORDS,
    check_groups,
    class_probabilities,
    control_range,
    healthy_rows,
    muscle_name,
    statistics_of,
)
from sklearn_emg.recordings import is_healthy, warn_of_known_subjects, warn_of_subject_names

_MIN_CONTROLS = 3
_MIN_AGES = 10
_ROUNDING = 1e-9
_WITHIN, _TOO_FEW = "within limits", "too few potentials"
_LIMITS = [
    *("muscle", "measure", "statistic", "centre", "sd", "low", "high", "scale"),
    *("age", "age_low", "age_high", "slope", "n_controls", "source"),
]
_PUBLISHED = ["muscle", "measure", "mean", "sd", "lowest", "highest", "source"]


class ReferenceLimits:
    """Limits of motor unit potentials by muscle, published or learned from one's own controls.

    For each muscle and measure, three statistics of a subject are compared with limits: the mean of
    the potentials and, by the outlier method [1]_, the third lowest and the third highest of 20
    potentials. Results are numbers and neutral words, not a diagnosis.

    Parameters
    ----------
    measures : sequence of str, default=("amplitude", "duration")
        Columns of the tables of potentials. "amplitude", "duration", "area", "thickness" and
        "size_index" determine the probabilities; "phases", "turns" and "rise_time" do not.
    confidence : float, default=0.95
        Proportion of healthy muscles for which the means of all `measures` should lie within the
        limits learned from controls. The same holds for the outliers.
    min_potentials : int, default=20
        Minimum number of potentials of a muscle. Controls with fewer potentials are left out. For
        other subjects with fewer potentials, measures are reported without a conclusion.
    min_age_span : float, default=20.0
        Minimum age range in years of the controls of a muscle for limits that depend on age. Such
        limits also require at least 10 controls of known age.

    Attributes
    ----------
    limits_ : DataFrame of shape (n_limits, 14)
        Limits, with one row per ``muscle``, ``measure`` and ``statistic`` ("mean", "lowest" or
        "highest"). The further columns are ``centre``, ``sd``, ``low`` and ``high`` (NaN for the
        side that a statistic does not have), ``scale`` ("log" if `sd` is that of log10 values),
        ``age``, ``age_low`` and ``age_high``, the mean, lowest and highest age in years of the
        controls (NaN if limits do not depend on age), ``slope`` per year on that scale (0 if limits
        do not depend on age), ``n_controls`` and ``source``. Amplitudes are in mV and durations in
        ms. For published limits, ``centre`` and ``sd`` of single potentials are NaN, and
        ``n_controls`` is 0.
    subjects_ : list
        Names of the controls from whose potentials the limits were learned; empty for published
        limits.

    See Also
    --------
    muscle_potentials : Measure the potentials of a recording table.
    sklearn_emg.ensemble.NormalLimitRules : Decision list that can use these limits.

    Notes
    -----
    Of n potentials, ``floor(n / 10)`` may lie beyond a limit on each side, which is 2 of 20. For 20
    potentials, exceeding this number is equivalent to the third lowest potential lying below its
    limit or the third highest above it.

    Limits learned from n controls are prediction limits for the next healthy subject,
    ``centre +- t * sd * sqrt(1 + 1 / n)``. Here t is the two-sided quantile of Student's
    distribution for ``1 - confidence`` divided by the number of measures (Bonferroni correction).
    Each subject counts once. Amplitude, area, duration, thickness and rise time are compared on a
    logarithmic scale. If limits depend on age, the centre is a median regression on age. Published
    limits of the mean are mean +- 2 SD on a linear scale.

    The probabilities follow one rule. A score z is the mean of the z values of the measures that
    determine the probabilities. With equal priors and normal distributions of unit SD around -2
    (myopathic), 0 (normal) and +2 (neuropathic), the probability of a class is proportional to
    ``exp(-(z - centre)**2 / 2)``. The z value of a muscle compares its mean with the means of the
    controls. The z value of a potential is -2 at the lower and +2 at the upper limit of single
    potentials, and linear on the scale of the measure. The rule is a convention of this package:
    probabilities rank muscles and are not calibrated on patients.

    The published values apply to average potentials of 20 different units. Single discharges, as
    measured by :class:`~sklearn_emg.feature_extraction.MUAPFeatures`, are shorter, and many of them
    may come from the same unit. Prefer limits from your own controls, measured in the same way.

    References
    ----------
    .. [1] E. Stålberg, C. Bischoff, B. Falck. Outliers, a way to detect abnormality in quantitative
       EMG. Muscle Nerve 17 (1994) 392-399.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.motor_units import ReferenceLimits
    >>> potentials = pd.DataFrame({"amplitude": [0.2] * 20, "duration": [5.0] * 20})
    >>> potentials = potentials.assign(subject="P1", muscle="biceps brachii")
    >>> muscles = ReferenceLimits().use_table().score_muscles(potentials)
    >>> muscles[["summary", "abnormal"]].values.tolist()
    [['low, short potentials', True]]
    """

    limits_: pd.DataFrame
    subjects_: list[Any]

    def __init__(
        self,
        measures: Sequence[str] = ("amplitude", "duration"),
        *,
        confidence: float = 0.95,
        min_potentials: int = 20,
        min_age_span: float = 20.0,
    ):
        if isinstance(measures, str) or len(measures) == 0:
            raise ValueError(
                f"The 'measures' of ReferenceLimits must be a list of names. Got {measures!r}."
            )
        for measure in measures:
            check_option(measure, tuple(WORDS), "measures", "ReferenceLimits")
        self.measures = tuple(dict.fromkeys(measures))
        self.confidence = check_fraction(confidence, "confidence", "ReferenceLimits", below=True)
        self.min_potentials = check_integer(min_potentials, "min_potentials", "ReferenceLimits")
        self.min_age_span = check_real(min_age_span, "min_age_span", "ReferenceLimits", 0.0)

    def __repr__(self) -> str:
        return (
            f"ReferenceLimits({list(self.measures)}, confidence={self.confidence:g}, "
            f"min_potentials={self.min_potentials}, min_age_span={self.min_age_span:g})"
        )

    def use_table(self, table: pd.DataFrame | None = None) -> Self:
        """Use published limits.

        Parameters
        ----------
        table : DataFrame of shape (n_limits, n_columns), default=None
            Table with one row per muscle and measure and the columns ``muscle``, ``measure``,
            ``mean`` and ``sd`` (of the means of healthy subjects), ``lowest`` and ``highest``
            (limits of single potentials) and ``source``. Amplitudes are in mV and durations in ms.
            By default the limits are those of the Norwegian guideline for amplitude and duration
            in deltoid, biceps brachii and first dorsal interosseous with the concentric needle.

        Returns
        -------
        self : object
            This object, with limits.

        Raises
        ------
        ValueError
            If a column is missing, if a row has no source or has invalid limits, if a muscle and
            measure occur twice, or if the table has none of the measures.
        """
        table = pd.DataFrame(PUBLISHED_LIMITS) if table is None else table
        if lacking := [name for name in _PUBLISHED if name not in table]:
            raise ValueError(f"The 'table' of ReferenceLimits lacks the {columns_text(lacking)}.")
        for row, source in enumerate(table["source"]):
            if not (isinstance(source, str) and source.strip()):
                raise ValueError(f"Row {row} of the 'table' of ReferenceLimits has no source.")
        rows: list[dict[str, Any]] = []
        published = _published_rows(table[table["measure"].isin(self.measures)])
        _check_units(published)
        for given in published:
            mean, sd, scale = given["mean"], given["sd"], _scale(given["measure"])
            known = {"muscle": muscle_name(given["muscle"]), "measure": given["measure"]}
            known |= dict.fromkeys(("age", "age_low", "age_high"), np.nan)
            known |= {"slope": 0.0, "n_controls": 0, "source": given["source"]}
            for statistic, centre, spread, low, high, of in (
                ("mean", mean, sd, mean - 2 * sd, mean + 2 * sd, "linear"),
                ("lowest", np.nan, np.nan, given["lowest"], np.nan, scale),
                ("highest", np.nan, np.nan, np.nan, given["highest"], scale),
            ):
                numbers = {"centre": centre, "sd": spread, "low": low, "high": high, "scale": of}
                rows.append({**known, "statistic": statistic, **numbers})
        if not rows:
            raise ValueError(f"The 'table' of ReferenceLimits has none of {list(self.measures)}.")
        self.limits_ = pd.DataFrame(rows, columns=_LIMITS)
        self.subjects_ = []
        return self

    def fit(self, X: pd.DataFrame, y: ArrayLike | None = None) -> Self:
        """Learn limits from healthy subjects by muscle.

        Parameters
        ----------
        X : DataFrame of shape (n_potentials, n_columns)
            Table with one potential per row and the columns ``subject``, ``muscle``, the measures
            and, optionally, ``age`` in years, as returned by :func:`muscle_potentials`.
        y : array-like of shape (n_potentials,), default=None
            Group of each row. Only rows of groups called healthy, normal or control are used. By
            default all rows are used.

        Returns
        -------
        self : object
            This object, with limits.

        Raises
        ------
        ValueError
            If a column is missing, if no row belongs to a healthy group, if a subject has several
            ages, or if no muscle has three controls with enough potentials.

        Warns
        -----
        RecordingWarning
            If controls with too few potentials or muscles with too few controls are left out, or if
            many potentials of a muscle are repeated.
        """
        if y is not None:
            X = healthy_rows(X, y, type(self).__name__)
        return self._learn(self._statistics(X))

    def _learn(self, found: pd.DataFrame) -> Self:
        few = found["n"] < self.min_potentials
        if few.any():
            warn_of_recordings(
                f"ReferenceLimits leaves out {_named(found[few])}: fewer than "
                f"{self.min_potentials} potentials. Pass more recordings of these muscles."
            )
        found = found[~few]
        warn_of_subject_names(found["subject"].unique())
        rows, small = [], set()
        used: set[Any] = set()
        for (muscle, measure), part in found.groupby(["muscle", "measure"], sort=True):
            if len(part) < _MIN_CONTROLS:
                small.add(str(muscle))
                continue
            rows += [self._limit(part, muscle, measure, statistic) for statistic in STATISTICS]
            used.update(part["subject"])
        if not rows:
            raise ValueError(
                f"ReferenceLimits requires at least {_MIN_CONTROLS} controls with "
                f"{self.min_potentials} potentials of a muscle, but no muscle has them."
            )
        if small:
            warn_of_recordings(
                f"ReferenceLimits has no limits for {', '.join(sorted(small))}: fewer than "
                f"{_MIN_CONTROLS} controls with enough potentials."
            )
        self.limits_ = pd.DataFrame(rows, columns=_LIMITS)
        self.subjects_ = list(dict.fromkeys(found["subject"][found["subject"].isin(used)]))
        return self

    def _limit(self, part: pd.DataFrame, muscle: Any, measure: Any, statistic: str) -> dict:
        """Compute the limits of one statistic from one value per control."""
        scale = _scale(measure)
        ages = part["age"].to_numpy(dtype=np.float64)
        known = np.isfinite(ages)
        by_age = known.sum() >= _MIN_AGES and np.ptp(ages[known]) >= self.min_age_span
        values = _to_scale(part[statistic].to_numpy(), scale)
        age, age_low, age_high, slope, centre = np.nan, np.nan, np.nan, 0.0, None
        if by_age:
            values, ages = values[known], ages[known]
            age, age_low, age_high = float(ages.mean()), float(ages.min()), float(ages.max())
            model = QuantileRegressor(quantile=0.5, alpha=0.0).fit(ages[:, None] - age, values)
            slope, centre = float(model.coef_[0]), float(model.intercept_)
            values = values - slope * (ages - age)
        outside = (1 - self.confidence) / len(self.measures)
        factor = student.ppf(1 - outside / 2, len(values) - 1 - by_age)
        factor *= np.sqrt(1 + 1 / len(values))
        centre, sd, low, high = control_range(values, factor, centre=centre, n_terms=1 + by_age)
        return {
            "muscle": muscle,
            "measure": measure,
            "statistic": statistic,
            "centre": _from_scale(centre, scale),
            "sd": float(sd),
            "low": np.nan if statistic == "highest" else _from_scale(low, scale),
            "high": np.nan if statistic == "lowest" else _from_scale(high, scale),
            "scale": scale,
            "age": age,
            "age_low": age_low,
            "age_high": age_high,
            "slope": slope,
            "n_controls": len(values),
            "source": f"{len(values)} own controls",
        }

    def _statistics(self, X: pd.DataFrame) -> pd.DataFrame:
        """Table of n, mean, lowest, highest and age for each subject, muscle and measure."""
        X = self._checked(X)
        rows = []
        for (subject, muscle), part in X.groupby(KEYS, sort=False, dropna=False):
            age = part["age"].iloc[0] if "age" in X else np.nan
            for measure in self.measures:
                values = part[measure].dropna().to_numpy(dtype=np.float64)
                found = {"subject": subject, "muscle": muscle, "measure": measure, "age": age}
                rows.append({**found, **statistics_of(values)})
        return pd.DataFrame(rows)

    def _checked(self, X: pd.DataFrame) -> pd.DataFrame:
        columns = [*self.measures, "age"] if "age" in getattr(X, "columns", ()) else self.measures
        X = checked_rows(
            X,
            columns,
            one="potential",
            source="muscle_potentials",
            caller="ReferenceLimits",
        )
        warn_of_repeats(X, self.measures)
        if "age" in X:
            X = X.assign(age=one_age(X))
        for measure in LOGARITHMIC.intersection(self.measures):
            if (X[measure] <= 0).any():
                row = X.index[np.flatnonzero(X[measure] <= 0)[0]]
                raise ValueError(f"The {measure} of row {row!r} must be positive.")
        return X

    # -------------------------------------------------------------- scores

    def muscles(self) -> list[str]:
        """Names of the muscles that have limits.

        Returns
        -------
        names : list of str
            Names in the order of ``limits_``.

        Raises
        ------
        ValueError
            If the limits are neither fitted nor published.
        """
        return list(dict.fromkeys(self._fitted()["muscle"]))

    def _fitted(self) -> pd.DataFrame:
        if not hasattr(self, "limits_"):
            raise ValueError("ReferenceLimits has no limits yet: call fit or use_table first.")
        return self.limits_

    def single_limits(self, muscle: str, measure: str, age: float = np.nan) -> tuple[float, float]:
        """Limits of single potentials of a muscle.

        Parameters
        ----------
        muscle : str
            Name of the muscle.
        measure : str
            One of `measures`.
        age : float, default=NaN
            Age of the subject in years, used if limits depend on age. If NaN, the limits are those
            at the mean age of the controls.

        Returns
        -------
        low, high : float
            Lower and upper limit in the unit of the measure.

        Raises
        ------
        ValueError
            If the limits are neither fitted nor published, if there are none of this muscle or
            measure, or if `age` is not a number.

        Warns
        -----
        RecordingWarning
            If limits depend on age and `age` is outside the range of the controls.
        """
        if age is not None and not (isinstance(age, Real) and np.isnan(age)):
            age = check_real(age, "age", "single_limits", 0.0)
            given = pd.DataFrame({"subject": [None], "muscle": [muscle_name(muscle)], "age": [age]})
            self._warn_of_ages(given)
        return self._single_limits(muscle, measure, np.nan if age is None else age)

    def _single_limits(self, muscle: str, measure: str, age: float) -> tuple[float, float]:
        low = self._row(muscle, measure, "lowest")
        high = self._row(muscle, measure, "highest")
        return _at_age(low, "low", age), _at_age(high, "high", age)

    def _row(self, muscle: str, measure: str, statistic: str) -> dict[str, Any]:
        limits = self._fitted()
        name = muscle_name(muscle)
        here = (limits["muscle"] == name) & (limits["measure"] == measure)
        found = limits[here & (limits["statistic"] == statistic)].to_dict("records")
        if not found:
            raise ValueError(
                f"ReferenceLimits has no limits for {measure} of the muscle {name!r}. It has "
                f"limits for {', '.join(self.muscles())}; fit it on controls of this muscle, pass "
                "a table with a source, or leave the potentials of this muscle out of X."
            )
        return {str(name): value for name, value in found[0].items()}

    def score_measures(self, X: pd.DataFrame) -> pd.DataFrame:
        """Compare each measure of each muscle of each subject with its limits.

        Parameters
        ----------
        X : DataFrame of shape (n_potentials, n_columns)
            Table of potentials as for :meth:`fit`.

        Returns
        -------
        table : DataFrame of shape (n_rows, 15)
            Results with one row per ``subject``, ``muscle`` and ``measure``. The further columns
            are ``n``, the number of potentials; their ``mean``, its ``z`` and its limits
            ``mean_low`` and ``mean_high``; the limits ``low`` and ``high`` of single potentials;
            the numbers ``n_below`` and ``n_above`` of potentials beyond these limits and
            ``n_allowed``, the number allowed on each side; ``enough``, whether there are at least
            `min_potentials` potentials; and ``finding``, in words, which is "too few potentials" if
            there are not enough.

        Raises
        ------
        ValueError
            If the limits are neither fitted nor published, if a column is missing, or if there are
            no limits for a muscle.

        Warns
        -----
        RecordingWarning
            If muscles have fewer than `min_potentials` potentials, or if limits depend on age and
            the age of a subject is missing or outside the range of the controls, or if many
            potentials of a muscle are repeated.
        SubjectLeakWarning
            If subjects are among the controls from which the limits were learned.
        """
        return self._measured(X, extrapolates=False)

    def _measured(self, X: pd.DataFrame, *, extrapolates: bool) -> pd.DataFrame:
        """Score measures; without warnings of ages beyond the controls if this is intended."""
        self._fitted()
        X = self._checked(X)
        found = self._statistics(X)
        warn_of_known_subjects(self.subjects_, dict.fromkeys(found["subject"]), "ReferenceLimits")
        few = found["n"] < self.min_potentials
        if few.any():
            warn_of_recordings(
                f"{_named(found[few])}: fewer than {self.min_potentials} potentials, too few for "
                "the outlier method. Record more sites of these muscles."
            )
        if not extrapolates:
            self._warn_of_ages(found)
        return self._scored(found, X)

    def _warn_of_ages(self, found: pd.DataFrame) -> None:
        """Warn about ages that are missing or beyond those of the controls, if limits use them."""
        by_age = self._fitted()[self.limits_["slope"] != 0].groupby("muscle")
        if not len(by_age):
            return
        found = found.join(by_age[["age_low", "age_high"]].first(), on="muscle")
        unknown = found[found["age"].isna() & found["age_low"].notna()]
        if len(unknown):
            warn_of_recordings(
                f"{_named(unknown)}: the age is not known, so the limits at the mean age of the "
                "controls are used. Add a column 'age' in years."
            )
        beyond = found[(found["age"] < found["age_low"]) | (found["age"] > found["age_high"])]
        if len(beyond):
            age, low, high = beyond[["age", "age_low", "age_high"]].iloc[0]
            warn_of_recordings(
                f"{_named(beyond)}: the age, {age:g}, is outside the range of the controls, "
                f"{low:g} to {high:g} years, so the limits are extrapolated. Learn limits from "
                "controls of this age too."
            )

    def _scored(self, found: pd.DataFrame, X: pd.DataFrame) -> pd.DataFrame:
        potentials = dict(list(X.groupby(KEYS, sort=False, dropna=False)))
        rows = []
        for given in found.to_dict("records"):
            subject, muscle, measure = given["subject"], given["muscle"], given["measure"]
            age, n_allowed = given["age"], given["n"] // 10
            mean = self._row(muscle, measure, "mean")
            mean_low, mean_high = (_at_age(mean, side, age) for side in ("low", "high"))
            low, high = self._single_limits(muscle, measure, age)
            values = potentials[subject, muscle][measure]
            n_below, n_above = int((values < low).sum()), int((values > high).sum())
            # If all controls are equal, a rounding difference is not a deviation.
            below = given["mean"] < mean_low - _ROUNDING * abs(mean_low) or n_below > n_allowed
            above = given["mean"] > mean_high + _ROUNDING * abs(mean_high) or n_above > n_allowed
            words = zip(WORDS[measure][:2], (below, above))
            finding = " and ".join(word for word, beyond in words if beyond) or _WITHIN
            enough = given["n"] >= self.min_potentials
            rows.append(
                {
                    **{name: given[name] for name in ("subject", "muscle", "measure", "n", "mean")},
                    "z": _z(given["mean"], mean, age),
                    "mean_low": mean_low,
                    "mean_high": mean_high,
                    "low": low,
                    "high": high,
                    "n_below": n_below,
                    "n_above": n_above,
                    "n_allowed": n_allowed,
                    "enough": enough,
                    "finding": finding if enough else _TOO_FEW,
                }
            )
        return ReadableTable(rows)

    def score_muscles(self, X: pd.DataFrame) -> pd.DataFrame:
        """Summarise each muscle of each subject in words and probabilities.

        Parameters
        ----------
        X : DataFrame of shape (n_potentials, n_columns)
            Table of potentials as for :meth:`fit`.

        Returns
        -------
        table : DataFrame of shape (n_muscles, 10)
            Results with one row per ``subject`` and ``muscle``. The further columns are
            ``n_potentials``; ``enough``, whether all measures have `min_potentials` values; ``z``,
            the mean z value of the measures that determine the probabilities; the probabilities
            ``myopathic``, ``normal`` and ``neuropathic``; ``abnormal``, whether any measure is
            beyond its limits; and ``summary``, in words. Measures with fewer than `min_potentials`
            are not used: ``z`` and the probabilities are NaN if no measure is left that determines
            them, and ``abnormal`` is NA if no other measure is beyond its limits.

        Raises
        ------
        ValueError
            In the same cases as :meth:`score_measures`.

        Warns
        -----
        RecordingWarning, SubjectLeakWarning
            In the same cases as :meth:`score_measures`.
        """
        return self._summary(self.score_measures(X))

    def _summary(self, scored: pd.DataFrame) -> pd.DataFrame:
        rows = []
        for (subject, muscle), part in scored.groupby(KEYS, sort=False, dropna=False):
            decided = part[part["enough"]]
            few = part.loc[~part["enough"], "measure"]
            beyond = decided.loc[decided["finding"] != _WITHIN, "finding"]
            parts = [", ".join(beyond) + " potentials"] if len(beyond) else []
            if len(few):
                of = "" if len(few) == len(part) else f" on {' and '.join(few)}"
                parts.append(f"{_TOO_FEW} for a conclusion{of}")
            directed = decided.loc[[WORDS[name][2] for name in decided["measure"]], "z"].dropna()
            z = float(directed.mean()) if len(directed) else np.nan
            rows.append(
                {
                    "subject": subject,
                    "muscle": muscle,
                    "n_potentials": int(part["n"].max()),
                    "enough": not len(few),
                    "z": z,
                    **{name: float(value) for name, value in class_probabilities(z).items()},
                    "abnormal": True if len(beyond) else pd.NA if len(few) else False,
                    "summary": "; ".join(parts) or "no measure beyond its limits",
                }
            )
        return ReadableTable(rows).astype({"abnormal": "boolean"})

    def score_potentials(self, X: pd.DataFrame) -> pd.DataFrame:
        """Compare each potential with the limits of single potentials.

        Parameters
        ----------
        X : DataFrame of shape (n_potentials, n_columns)
            Table of potentials as for :meth:`fit`.

        Returns
        -------
        table : DataFrame of shape (n_potentials, n_measures + 4)
            Results with the index of `X`. The columns are ``z_`` followed by the name of each
            measure (-2 at the lower and +2 at the upper limit); ``z``, the mean of those values
            whose measures determine the probabilities; and the probabilities ``myopathic``,
            ``normal`` and ``neuropathic``. Values are NaN if a potential lacks the measures.

        Raises
        ------
        ValueError
            In the same cases as :meth:`score_measures`.

        Warns
        -----
        RecordingWarning
            If limits depend on age and the age of a subject is missing or outside the range of the
            controls.
        """
        X = self._checked(X)
        self._warn_of_ages(X.assign(age=X.get("age", np.nan)))
        scores = pd.DataFrame(np.nan, index=X.index, columns=[f"z_{m}" for m in self.measures])
        ages = X["age"].to_numpy(dtype=np.float64) if "age" in X else np.full(len(X), np.nan)
        names = X["muscle"].to_numpy()
        for muscle in dict.fromkeys(names):
            for age in np.unique(ages[names == muscle]):
                here = (names == muscle) & ((ages == age) | (np.isnan(ages) & np.isnan(age)))
                for k, measure in enumerate(self.measures):
                    scale = _scale(measure)
                    ends = np.array(self._single_limits(muscle, measure, age))
                    low, high = _to_scale(ends, scale)
                    values = _to_scale(X[measure].to_numpy(dtype=np.float64)[here], scale)
                    scores.iloc[here, k] = 4 * (values - (low + high) / 2) / (high - low)
        directed = scores[[f"z_{m}" for m in self.measures if WORDS[m][2]]]
        z = directed.mean(axis=1)
        return scores.assign(z=z, **class_probabilities(z))

    def cross_score(self, X: pd.DataFrame, y: ArrayLike) -> pd.DataFrame:
        """Score all subjects with limits of controls, excluding each control from its own limits.

        Each control is compared with limits learned from the other controls, and each other subject
        with limits learned from all controls.

        Parameters
        ----------
        X : DataFrame of shape (n_potentials, n_columns)
            Table of potentials as for :meth:`fit`.
        y : array-like of shape (n_potentials,)
            Group of each row. The groups called healthy, normal or control are the controls.

        Returns
        -------
        table : DataFrame of shape (n_muscles, 11)
            Results as returned by :meth:`score_muscles`, in the order of the subjects in `X`, with
            the additional column ``group``.

        Raises
        ------
        ValueError
            In the same cases as :meth:`fit`, if a subject has several groups, or if a muscle has no
            limits, or has none when one of its controls is left out.
        """
        check_groups(X, y, type(self).__name__)
        X = self._checked(X)
        groups = pd.Series(np.asarray(y, dtype=object), index=X["subject"].to_numpy())
        groups = groups[~groups.index.duplicated()]
        controls = [name for name, group in groups.items() if is_healthy(group)]
        other = X[~X["subject"].isin(controls)]
        parts = [self._copy().fit(X, y).score_muscles(other)] if len(other) else []
        found = self._statistics(X[X["subject"].isin(controls)])
        for name in controls:
            limits = self._copy()._learn(found[found["subject"] != name])
            own = limits._measured(X[X["subject"] == name], extrapolates=True)
            parts.append(limits._summary(own))
        table = pd.concat(parts, ignore_index=True)
        table.insert(1, "group", table["subject"].map(groups))
        order = {name: k for k, name in enumerate(groups.index)}
        return table.sort_values(
            "subject", key=lambda names: names.map(order), kind="stable", ignore_index=True
        )

    def _copy(self) -> ReferenceLimits:
        return ReferenceLimits(
            self.measures,
            confidence=self.confidence,
            min_potentials=self.min_potentials,
            min_age_span=self.min_age_span,
        )


def _published_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Check the rows of a table of limits, and return them."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for given in table.to_dict("records"):
        row: dict[str, Any] = {str(name): value for name, value in given.items()}
        key = (muscle_name(row["muscle"]), row["measure"])
        place = f"The 'table' of ReferenceLimits, {key[1]} of {key[0]!r}"
        for name in ("mean", "sd", "lowest", "highest"):
            check_real(row[name], name, place)
        if row["sd"] <= 0 or not row["lowest"] < row["mean"] < row["highest"]:
            raise ValueError(
                f"{place}: 'sd' must be positive, and 'mean' between 'lowest' and 'highest'."
            )
        if _scale(key[1]) == "log" and row["lowest"] <= 0:
            raise ValueError(f"{place}: 'lowest' must be positive.")
        if key in found:
            raise ValueError(f"{place}: this measure of the muscle occurs twice. Keep one row.")
        found[key] = row
    return list(found.values())


def _check_units(published: list[dict[str, Any]]) -> None:
    for given in published:
        mean = pd.DataFrame({given["measure"]: [given["mean"]], "of": [given["muscle"]]})
        warn_of_units(mean, ["of"])


def _scale(measure: str) -> str:
    return "log" if measure in LOGARITHMIC else "linear"


def _to_scale(values: Any, scale: str) -> Any:
    return np.log10(values) if scale == "log" else values


def _from_scale(value: float, scale: str) -> float:
    return float(10.0**value) if scale == "log" else float(value)


def _at_age(row: dict[str, Any], side: str, age: float) -> float:
    """Centre or limit of a row at an age or, if that is NaN, at the mean age of the controls."""
    if row["slope"] == 0 or np.isnan(age):
        return float(row[side])
    moved = _to_scale(np.float64(row[side]), row["scale"]) + row["slope"] * (age - row["age"])
    return _from_scale(moved, row["scale"])


def _z(value: float, row: dict[str, Any], age: float) -> float:
    """Distance from the centre in standard deviations, on the scale of the limits."""
    ends = _to_scale(np.array([value, _at_age(row, "centre", age)]), row["scale"])
    return float((ends[0] - ends[1]) / row["sd"]) if row["sd"] > _ROUNDING else np.nan


def _named(found: pd.DataFrame) -> str:
    """Description of muscles and, if they are known, their subjects for messages."""
    names = [
        m if s is None else f"{m} of {s}"
        for s, m in dict.fromkeys(zip(found["subject"], found["muscle"]))
    ]
    return f"{counted(len(names), 'muscle')} ({first_few(names, 5)})"
