"""A simulated cohort that is examined repeatedly while the disease progresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklearn_emg._tables import counted
from sklearn_emg._validation import check_fraction, check_integer, check_option, check_real
from sklearn_emg.datasets._simulator._arguments import FS_RANGE
from sklearn_emg.datasets._simulator._muscle_model import (
    MUSCLES,
    Subject,
    clipped_normal,
    conditions_of,
    excitation_factor,
)
from sklearn_emg.datasets._simulator._plan import DRIVE, draw_subject, protocol_settings
from sklearn_emg.datasets._simulator._recording import Task, seed_sequence, simulate

_CALLER = "make_progression_cohort"
MAX_SCORE = 48.0
_MUSCLE = "tibialis_anterior"
_UNITS = 150  # motor units of a healthy muscle
_NEVER = 1e6  # months


@dataclass(frozen=True)
class _Course:
    """Severity of one subject over time: 1 - (1 - start) exp(-rate t), slower under treatment."""

    start: float
    rate: float  # per month
    effect: float  # fraction by which treatment lowers the rate
    treated_from: float  # months

    def severity(self, months: NDArray[np.floating]) -> NDArray[np.floating]:
        untreated = np.minimum(months, self.treated_from)
        treated = (months - untreated) * (1 - self.effect)
        return 1 - (1 - self.start) * np.exp(-self.rate * (untreated + treated))

    def months_until(self, severity: float) -> float:
        """Return the time in months at which a severity is reached."""
        if severity <= self.start:
            return 0.0
        if self.rate <= 0:
            return _NEVER
        needed = np.log((1 - self.start) / (1 - severity)) / self.rate
        if needed <= self.treated_from:
            return float(needed)
        slow = 1 - self.effect
        return float(self.treated_from + (needed - self.treated_from) / slow) if slow else _NEVER


def make_progression_cohort(
    n_subjects: int = 60,
    *,
    n_visits: int = 6,
    interval: float = 3.0,
    n_recordings: int = 0,
    fs: float = 4000.0,
    duration: float = 1.0,
    diagnosis: str = "neuropathy",
    rate: float = 0.03,
    rate_sd: float = 0.6,
    treated: float = 0.0,
    effect: float = 0.5,
    score_noise: float = 1.5,
    placement: float = 1.0,
    jitter: float = 0.3,
    missed: float = 0.1,
    dropout: float = 0.01,
    event_severity: float = 0.6,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Simulate patients whose disease progresses from visit to visit.

    The severity s of a subject rises from its initial value towards 1 at an individual rate. In
    neuropathy, motor units are lost and the surviving units adopt their fibres, so that potentials
    become larger and longer; in myopathy, fibres are lost and potentials become smaller. At each
    visit, a clinical score is measured and, if requested, needle EMG is recorded at new sites of
    one muscle.

    Parameters
    ----------
    n_subjects : int, default=60
        Number of patients.
    n_visits : int, default=6
        Number of planned visits.
    interval : float, default=3.0
        Number of months between planned visits.
    n_recordings : int, default=0
        Number of recordings per visit; 0 simulates visits without EMG, which is fast.
    fs : float, default=4000.0
        Sampling rate in Hz, from 500 to 200000.
    duration : float, default=1.0
        Length of a recording in seconds.
    diagnosis : {"neuropathy", "myopathy"}, default="neuropathy"
        Disease of the patients.
    rate : float, default=0.03
        Median rate, per month, at which 1 - s decreases exponentially; 0 means a stable disease.
    rate_sd : float, default=0.6
        Standard deviation of the logarithm of the rate between subjects.
    treated : float, default=0.0
        Expected fraction of treated subjects. Their treatment starts at a random time in the first
        half of the planned period.
    effect : float, default=0.5
        Fraction by which the treatment lowers the rate.
    score_noise : float, default=1.5
        Standard deviation of the error of a measured score, in points (of 48).
    placement : float, default=1.0
        Factor for the variation of gain and drive with the placement of the electrode at each
        visit.
    jitter : float, default=0.3
        Standard deviation of the time of a visit, in months.
    missed : float, default=0.1
        Probability that a planned visit after the first does not take place.
    dropout : float, default=0.01
        Probability per month that a subject leaves the study.
    event_severity : float, default=0.6
        Severity at which the event (such as the need for ventilation) takes place.
    n_jobs : int, default=None
        Number of recordings simulated in parallel, as in joblib. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of the cohort.

    Returns
    -------
    cohort : :class:`~sklearn.utils.Bunch`
        Cohort with the following attributes:

        visits : DataFrame of shape (n_visits_in_all, 4)
            Table with the columns ``subject``, ``visit`` (1, 2, ...; a missed visit leaves a gap),
            ``time`` (months since the first visit) and ``score`` (the measured score, at most 48
            points; lower is worse).
        data : DataFrame or None
            Recording table with the columns ``signal`` (in mV), ``fs``, ``subject``, ``visit``,
            ``time``, ``muscle`` ("tibialis_anterior") and ``recording``; None without recordings.
        truth : DataFrame of shape (n_visits_in_all, 5)
            Values that cannot be measured, with one row per visit: ``severity``, ``true_score``,
            ``units`` (number of remaining motor units of 150), ``fibres_per_unit`` (relative to a
            healthy unit) and ``gain`` (factor due to the placement of the electrode).
        subjects : DataFrame of shape (n_subjects, 5)
            Table with the columns ``subject``, ``rate`` (per month), ``treated_from`` (months since
            the first visit; NaN if never), ``event_time`` (months to the event or, if it was not
            observed, to the last visit) and ``event`` (whether it was observed).
        DESCR : str
            Description.

    Raises
    ------
    ValueError
        If a value is out of range.

    Notes
    -----
    **The cohort is a model.** Rates, noise and the score were chosen so that most subjects have a
    visible trend over 18 months, which noise hides over 3 months; they are not fitted to any
    cohort. All visits of a subject share the same anatomy and amplifier; motor units and needle
    sites are drawn again at each visit, since the needle is inserted elsewhere. Dropout does not
    depend on the severity.

    Examples
    --------
    >>> from sklearn_emg.datasets import make_progression_cohort
    >>> cohort = make_progression_cohort(5, random_state=0)
    >>> cohort.visits.columns.tolist()
    ['subject', 'visit', 'time', 'score']
    >>> units = cohort.truth.groupby(cohort.visits["subject"])["units"]
    >>> bool(units.is_monotonic_decreasing.all())
    True
    """
    _check_arguments(
        {
            "n_subjects": (n_subjects, 1),
            "n_visits": (n_visits, 1),
            "n_recordings": (n_recordings, 0),
        },
        {"interval": interval, "duration": duration},
        {
            "rate": rate,
            "rate_sd": rate_sd,
            "score_noise": score_noise,
            "placement": placement,
            "jitter": jitter,
        },
        {
            "treated": treated,
            "effect": effect,
            "missed": missed,
            "dropout": dropout,
            "event_severity": event_severity,
        },
    )
    check_real(fs, "fs", _CALLER, *FS_RANGE)
    check_option(diagnosis, ("neuropathy", "myopathy"), "diagnosis", _CALLER)
    seeds = seed_sequence(random_state).spawn(n_subjects)
    width = max(2, len(str(n_subjects)))
    settings = protocol_settings(False, 0.35, 0.5, 1.0, None)
    tables, subjects, tasks = [], [], []
    for k, seed in enumerate(seeds):
        plan_seed, *visit_seeds = seed.spawn(1 + n_visits)
        rng = np.random.default_rng(plan_seed)
        subject = draw_subject(rng, diagnosis, settings)
        course = _draw_course(
            rng, subject, rate, rate_sd, treated, effect, 0.5 * interval * (n_visits - 1)
        )
        attended, months = _draw_visits(rng, n_visits, interval, jitter, missed, dropout)
        severity = course.severity(months)
        name = f"P{k + 1:0{width}d}"
        gain = np.exp(0.3 * placement * rng.normal(size=n_visits))[attended]
        noise = score_noise * rng.normal(size=n_visits)[attended]
        table = _visit_table(subject, severity)
        score = np.clip(table["true_score"] + noise, 0, MAX_SCORE)
        head = {"subject": name, "visit": attended + 1, "time": months, "score": score}
        tables.append(pd.DataFrame(head).join(table.assign(gain=gain)))
        event_time = course.months_until(event_severity)
        last = float(months[-1])
        subjects.append(
            {
                "subject": name,
                "rate": course.rate,
                "treated_from": course.treated_from if course.treated_from < _NEVER else np.nan,
                "event_time": min(event_time, last),
                "event": event_time <= last,
            }
        )
        if n_recordings:
            for visit, own_gain, here in zip(attended, gain, severity):
                site = replace(subject, factors={**subject.factors})
                site.factors["gain"] *= own_gain
                tasks += _tasks(
                    visit_seeds[visit], site, float(here), n_recordings, fs, duration, placement
                )
    course_table = pd.concat(tables, ignore_index=True)
    visits = course_table[["subject", "visit", "time", "score"]]
    signals = [result[0] for result in Parallel(n_jobs=n_jobs)(delayed(simulate)(t) for t in tasks)]
    return Bunch(
        visits=visits,
        data=_recordings(visits, signals, n_recordings, fs) if n_recordings else None,
        truth=course_table.drop(columns=visits.columns),
        subjects=pd.DataFrame(subjects),
        DESCR=_describe(visits, diagnosis, rate),
    )


def _check_arguments(
    counts: dict[str, tuple[Any, int]],
    lengths: dict[str, Any],
    amounts: dict[str, Any],
    fractions: dict[str, Any],
) -> None:
    """Raise if a count is below its minimum, or if another number is out of range."""
    for name, (count, minimum) in counts.items():
        check_integer(count, name, _CALLER, minimum)
    for name, value in lengths.items():
        check_real(value, name, _CALLER, 0.0, above=True)
    for name, value in amounts.items():
        check_real(value, name, _CALLER, 0.0)
    for name, value in fractions.items():
        check_fraction(value, name, _CALLER)


def _draw_course(
    rng: np.random.Generator,
    subject: Subject,
    rate: float,
    rate_sd: float,
    treated: float,
    effect: float,
    latest: float,
) -> _Course:
    """Draw the rate and the treatment of a subject with a given initial severity."""
    own = rate * float(np.exp(rate_sd * clipped_normal(rng, bound=2.5)))
    is_treated, start = rng.random() < treated, rng.random() * max(latest, 0.0)
    return _Course(subject.severity, own, effect, start if is_treated else _NEVER)


def _draw_visits(
    rng: np.random.Generator,
    n_visits: int,
    interval: float,
    jitter: float,
    missed: float,
    dropout: float,
) -> tuple[NDArray[np.intp], NDArray[np.floating]]:
    """Draw numbers and times of the visits that take place; the first always does, at time 0."""
    planned = interval * np.arange(n_visits)
    # The order of visits is kept: a visit is moved by less than half an interval.
    moved = np.clip(jitter * rng.normal(size=n_visits), -0.4 * interval, 0.4 * interval)
    months = planned + moved
    months[0] = 0.0
    left = rng.exponential(1 / dropout) if dropout > 0 else np.inf
    here = (rng.random(n_visits) >= missed) & (months < left)
    here[0] = True
    return np.flatnonzero(here), months[here]


def _visit_table(subject: Subject, severity: NDArray[np.floating]) -> pd.DataFrame:
    """Return the ground truth at each severity."""
    found = [
        conditions_of(MUSCLES[_MUSCLE], replace(subject, severity=s), float(s), DRIVE)
        for s in severity
    ]
    fibres = [c.fibre_multiplier * c.fibres_kept for c in found]
    return pd.DataFrame(
        {
            "severity": severity,
            "true_score": MAX_SCORE * (1 - severity),
            "units": [_UNITS * c.units_kept for c in found],
            "fibres_per_unit": fibres,
        }
    )


def _tasks(
    seed: np.random.SeedSequence,
    subject: Subject,
    severity: float,
    n_recordings: int,
    fs: float,
    duration: float,
    placement: float,
) -> list[Task]:
    """Plan the recordings of one visit, each at a different site."""
    conditions_seed, *signal_seeds = seed.spawn(1 + n_recordings)
    rng = np.random.default_rng(conditions_seed)
    n_samples = max(1, round(duration * fs))
    tasks = []
    for signal_seed in signal_seeds:
        drive = DRIVE * subject.factors["drive"] * excitation_factor(subject.diagnosis, severity)
        drive *= np.exp(0.3 * placement * float(clipped_normal(rng, bound=2.5)))
        conditions = conditions_of(
            MUSCLES[_MUSCLE],
            subject,
            severity,
            float(np.clip(drive, 0.003, 0.9)),
            rng.uniform(0.7, 1.3),
        )
        tasks.append(Task(conditions, subject.amplifier, float(fs), n_samples, False, signal_seed))
    return tasks


def _recordings(
    visits: pd.DataFrame, signals: Sequence[Any], n_recordings: int, fs: float
) -> pd.DataFrame:
    """Build the recording table of all visits."""
    rows = visits.loc[visits.index.repeat(n_recordings), ["subject", "visit", "time"]]
    rows = rows.reset_index(drop=True)
    rows.insert(0, "signal", pd.Series(signals, dtype=object))
    rows.insert(1, "fs", float(fs))
    rows["muscle"], rows["recording"] = _MUSCLE, np.arange(len(rows))
    return rows


def _describe(visits: pd.DataFrame, diagnosis: str, rate: float) -> str:
    return (
        f"Simulated course of {diagnosis}\n\n{counted(visits['subject'].nunique(), 'subject')}, "
        f"{counted(len(visits), 'visit')} over {visits['time'].max():.1f} months, median rate of "
        f"progression {rate:g} per month. The cohort is a model: results on it say nothing about "
        "prognosis in patients."
    )
