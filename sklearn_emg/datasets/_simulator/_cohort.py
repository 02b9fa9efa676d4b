"""A simulated cohort examined with a concentric needle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, overload

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from sklearn_emg._tables import counted
from sklearn_emg._validation import check_fraction, check_integer, check_option, check_real
from sklearn_emg.datasets._description import DataSet, SetFacts
from sklearn_emg.datasets._simulator._arguments import FS_RANGE, check_classes, check_duration
from sklearn_emg.datasets._simulator._muscle_model import MUSCLES, Subject
from sklearn_emg.datasets._simulator._plan import (
    CLINICAL_RECORDINGS,
    CLINICAL_SUBJECTS,
    Plan,
    class_counts,
    draw_subject,
    plan_cohort,
    protocol_settings,
    recording_conditions,
)
from sklearn_emg.datasets._simulator._recording import Task, seed_sequence, simulate


@overload
def make_nemg_cohort(
    n_subjects: int = ...,
    *,
    n_recordings: int | None = ...,
    fs: float = ...,
    duration: float | tuple[float, float] = ...,
    classes: Sequence[str] = ...,
    severity: float | None = ...,
    difficulty: float = ...,
    noise: float = ...,
    drive: float | None = ...,
    region_balance: Literal["clinical", "balanced"] = ...,
    protocol: Literal["clinical", "biceps_low_force"] = ...,
    return_truth: bool = ...,
    return_X_y: Literal[False] = ...,
    n_jobs: int | None = ...,
    random_state: int | np.random.RandomState | None = ...,
) -> DataSet: ...


@overload
def make_nemg_cohort(
    n_subjects: int = ...,
    *,
    n_recordings: int | None = ...,
    fs: float = ...,
    duration: float | tuple[float, float] = ...,
    classes: Sequence[str] = ...,
    severity: float | None = ...,
    difficulty: float = ...,
    noise: float = ...,
    drive: float | None = ...,
    region_balance: Literal["clinical", "balanced"] = ...,
    protocol: Literal["clinical", "biceps_low_force"] = ...,
    return_truth: bool = ...,
    return_X_y: Literal[True],
    n_jobs: int | None = ...,
    random_state: int | np.random.RandomState | None = ...,
) -> tuple[pd.DataFrame, NDArray[np.str_]]: ...


def make_nemg_cohort(
    n_subjects: int = 57,
    *,
    n_recordings: int | None = None,
    fs: float = 48000.0,
    duration: float | tuple[float, float] = (0.41, 4.0),
    classes: Sequence[str] = ("normal", "myopathy", "neuropathy"),
    severity: float | None = None,
    difficulty: float = 0.5,
    noise: float = 1.0,
    drive: float | None = None,
    region_balance: Literal["clinical", "balanced"] = "clinical",
    protocol: Literal["clinical", "biceps_low_force"] = "clinical",
    return_truth: bool = False,
    return_X_y: bool = False,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> DataSet | tuple[pd.DataFrame, NDArray[np.str_]]:
    """Simulate needle EMG of healthy subjects and of patients with nerve or muscle disease.

    Each subject has an age, an anatomy, an amplifier and, if ill, a severity, so windows of one
    subject resemble each other more than those of two subjects of the same class. A random split of
    windows leaks this similarity; a split by subject does not.

    Parameters
    ----------
    n_subjects : int, default=57
        Number of subjects, divided equally among the classes (in the ratio of the protocol with
        ``protocol="biceps_low_force"``).
    n_recordings : int, default=None
        Number of recordings. By default, it is 376 for 57 subjects, in proportion for other numbers
        of subjects, and 8 per subject with ``protocol="biceps_low_force"``.
    fs : float, default=48000.0
        Sampling rate in Hz, from 500 to 200000.
    duration : float or tuple of float, default=(0.41, 4.0)
        Length of all recordings, or their shortest and longest length, in seconds.
    classes : sequence of {"normal", "myopathy", "neuropathy"}, default=all three
        Diagnoses in the cohort.
    severity : float, default=None
        Mean severity of the patients, from 0 (none) to 1. By default, it depends on `difficulty`.
    difficulty : float, default=0.5
        Difficulty from 0 (severe disease, similar subjects, quiet amplifiers) to 1 (mild disease,
        dissimilar subjects, noisy amplifiers).
    noise : float, default=1.0
        Factor for all noise: electrode drift, power-line interference and white noise.
    drive : float, default=None
        Median contraction, as a fraction of the maximal excitation. By default, it is 0.035, or
        0.009 with ``protocol="biceps_low_force"``. A value of 0 gives recordings at rest.
    region_balance : {"clinical", "balanced"}, default="clinical"
        Proportion of proximal muscles. "clinical" has the published imbalance (52 % in myopathy,
        39 % in neuropathy, 18 % in controls), so that region and diagnosis are associated and a
        classifier may learn the region. "balanced" takes half of the recordings of each class from
        each region.
    protocol : {"clinical", "biceps_low_force"}, default="clinical"
        Protocol of the examination. "biceps_low_force" imitates a set of biceps recordings at low
        force with controls, ALS and myopathy (9 : 7 : 6 subjects). It fixes `difficulty` and
        `region_balance`, which must keep their defaults.
    return_truth : bool, default=False
        Whether the Bunch also contains firing times and motor unit potentials.
    return_X_y : bool, default=False
        Whether to return the table and the diagnoses instead of a Bunch.
    n_jobs : int, default=None
        Number of recordings simulated in parallel, as in joblib. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of the cohort. An int gives the same cohort in each call.

    Returns
    -------
    cohort : :class:`~sklearn.utils.Bunch`
        Cohort with the following attributes:

        data : DataFrame of shape (n_recordings, 10)
            Recording table with the columns ``signal`` (float32 arrays in mV, core minus cannula,
            so that the main spike is negative; some laboratories show the opposite sign), ``fs``
            (Hz), ``subject``, ``muscle``, ``region`` ("proximal" or "distal"), ``recording``,
            ``subtype``, ``severity`` (in the recorded muscle), ``drive`` (mean of the recording)
            and ``age`` (years). The columns from ``subtype`` to ``drive`` are unknown to an
            examiner: they are for analysis, not for prediction.
        target : ndarray of shape (n_recordings,)
            Diagnosis of the subject of each recording.
        target_names : list of str
            Names of the classes.
        subjects : DataFrame of shape (n_subjects, 5)
            Table with the columns ``subject``, ``diagnosis``, ``subtype``, ``severity`` and
            ``age``.
        truth : list of dict or None
            Ground truth of each recording, with the keys ``firing_times`` (list of arrays, in s),
            ``templates`` (noise-free potentials in mV as the amplifier records them, of shape
            (n_units, n_times) at `fs`), ``reference`` (time in s from the start of a template to
            the firing instant), ``ptp_mv`` (peak-to-peak amplitude in mV), ``visible`` (whether
            this is larger than 20 µV and than 8 times the white noise), ``threshold`` (drive at
            which the unit starts to fire), ``n_fibres``, ``n_near_fibres`` (within 0.9 mm),
            ``drive`` (every 10 ms) and ``spontaneous`` (list of dict with ``kind``,
            ``firing_times``, ``template``, ``ptp_mv`` and ``visible``; fasciculations are also
            among the firing times of their units).
        DESCR : str
            Description.
        describe : callable
            ``cohort.describe()`` summarises what was simulated and states known confounds.
    (data, target) : tuple
        If ``return_X_y=True``.

    Raises
    ------
    ValueError
        If a value is out of range, a name is unknown (the message lists the valid ones), a class
        has no subject, a subject has no recording, or an argument contradicts the protocol.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    simulate_recording : Simulate one recording of one muscle.
    simulate_muap : Simulate single motor unit potentials.

    Notes
    -----
    Motor units have disc-shaped territories in which muscle fibres lie at random. Each fibre is a
    line source of finite length [1]_ with the conduction velocity 2.2 + 0.05 (d - 25) m/s for a
    diameter of d µm [2]_, recorded by the core and the cannula of a concentric needle [3]_. Small
    units are recruited first [4]_ and always fire faster than units that are recruited later [5]_.
    In myopathy, fibres are lost and their diameters vary more; in neuropathy, units are lost, and
    the surviving units adopt fibres, fire faster and transmit less reliably. With 57 subjects and
    376 recordings, the cohort has the composition of the nEMGNet study: 122 recordings of myopathy
    (312.84 s), 160 of neuropathy (422.78 s) and 94 of controls (203.50 s), 19 subjects each.

    **Limits.** The cohort is a model: results on it say nothing about diagnostic accuracy. It is
    meant for examples, tests and the teaching of validation.

    - Amplitudes, noise, drive and the effects of disease were set by hand to match published norms
      and features of real recordings, with one to nine subjects per class; there is no independent
      validation set. Values for which there is no norm or recording were chosen, not fitted.
    - In controls, peaks are up to 30 % too large, sample entropy is about 50 % too high and the
      median frequency about 25 % too high, because real recordings contain more slow activity of
      distant units. Potentials in ALS are shorter and have fewer turns than in real recordings;
      giant units with many satellites are rare.
    - The amplitude per turn and the high-frequency polyphasia of very chronic neuropathy are
      underestimated. In myopathy, the largest absolute sample of a cohort is 1.5 to 3.7 mV (nine
      seeds), whereas published recordings reach about 1.3 mV.
    - There is no fatigue, motion artefact, end-plate noise, complex repetitive discharge,
      myotonia, doublet or short-term synchrony; the force is constant and low to moderate; the
      tissue is homogeneous and infinite; there is no negative afterpotential; there is one type of
      needle. Discharges just before or after the recording do not extend into it.
    - Severity has no clinical unit. The region is confounded with the diagnosis by default.

    With the same seed and NumPy version, the result is the same to the last bit for any `n_jobs`.

    References
    ----------
    .. [1] G. V. Dimitrov and N. A. Dimitrova, "Precise and fast calculation of the motor unit
       potentials detected by a point and rectangular plate electrode", Medical Engineering &
       Physics 20 (1998) 374.
    .. [2] S. D. Nandedkar and E. Stålberg, "Simulation of single muscle fibre action potentials",
       Medical & Biological Engineering & Computing 21 (1983) 158.
    .. [3] S. D. Nandedkar, D. B. Sanders, E. V. Stålberg and S. Andreassen, "Simulation of
       concentric needle EMG motor unit action potentials", Muscle & Nerve 11 (1988) 151.
    .. [4] A. J. Fuglevand, D. A. Winter and A. E. Patla, "Models of recruitment and rate coding
       organization in motor-unit pools", Journal of Neurophysiology 70 (1993) 2470.
    .. [5] C. J. De Luca and E. C. Hostage, "Relationship between firing rate and recruitment
       threshold of motoneurons in voluntary isometric contractions", Journal of Neurophysiology
       104 (2010) 1034.

    Examples
    --------
    >>> from sklearn_emg.datasets import make_nemg_cohort
    >>> cohort = make_nemg_cohort(6, n_recordings=12, fs=4000.0, duration=0.5, random_state=0)
    >>> cohort.data.shape
    (12, 10)
    >>> cohort.data["signal"].iloc[0].shape
    (2000,)
    >>> cohort.target_names
    ['normal', 'myopathy', 'neuropathy']
    """
    _check_arguments(
        n_subjects,
        n_recordings,
        fs,
        severity,
        difficulty,
        noise,
        drive,
        region_balance,
        protocol,
    )
    shortest, longest = check_duration(duration, "make_nemg_cohort")
    classes = check_classes(classes)
    biceps = protocol == "biceps_low_force"
    if n_recordings is None:
        per_subject = 8 if biceps else CLINICAL_RECORDINGS / CLINICAL_SUBJECTS
        n_recordings = round(n_subjects * per_subject)
    subject_counts, recording_counts = class_counts(n_subjects, n_recordings, classes, biceps)
    settings = protocol_settings(biceps, severity, difficulty, noise, drive)

    seeds = seed_sequence(random_state).spawn(1 + n_subjects + n_recordings)
    plan_rng = np.random.default_rng(seeds[0])
    plan = plan_cohort(
        plan_rng,
        subject_counts,
        recording_counts,
        (float(shortest), float(longest)),
        biceps=biceps,
        balanced=region_balance == "balanced",
        fs=float(fs),
    )
    subjects = [
        draw_subject(np.random.default_rng(seed), diagnosis, settings)
        for seed, diagnosis in zip(seeds[1 : 1 + n_subjects], plan.diagnoses)
    ]
    tasks, severities = [], []
    for row, seed in zip(plan.recordings, seeds[1 + n_subjects :]):
        subject = subjects[row.subject]
        conditions_seed, signal_seed = seed.spawn(2)
        conditions, severity_here = recording_conditions(
            np.random.default_rng(conditions_seed), subject, row.muscle, settings
        )
        severities.append(severity_here)
        tasks.append(
            Task(conditions, subject.amplifier, float(fs), row.n_samples, return_truth, signal_seed)
        )
    results = Parallel(n_jobs=n_jobs)(delayed(simulate)(task) for task in tasks)

    names, table = _table(plan, subjects, results, tasks, severities, float(fs))
    target = np.array([subjects[row.subject].diagnosis for row in plan.recordings])
    if return_X_y:
        return table, target
    facts = _facts(region_balance, biceps, n_subjects, n_recordings)
    return DataSet(
        data=table,
        target=target,
        target_names=list(classes),
        subjects=_subject_table(names, subjects),
        truth=[result[1] for result in results] if return_truth else None,
        DESCR=_describe(table, target, classes, protocol),
        facts=facts,
    )


def _subject_table(names: NDArray[np.str_], subjects: Sequence[Subject]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "subject": names,
            "diagnosis": [subject.diagnosis for subject in subjects],
            "subtype": [subject.subtype for subject in subjects],
            "severity": [subject.severity for subject in subjects],
            "age": [subject.age for subject in subjects],
        }
    )


def _check_arguments(
    n_subjects: int,
    n_recordings: int | None,
    fs: float,
    severity: float | None,
    difficulty: float,
    noise: float,
    drive: float | None,
    region_balance: str,
    protocol: str,
) -> None:
    caller = "make_nemg_cohort"
    check_integer(n_subjects, "n_subjects", caller)
    if n_recordings is not None:
        check_integer(n_recordings, "n_recordings", caller)
    check_real(fs, "fs", caller, *FS_RANGE)
    for name, value in (("severity", severity), ("difficulty", difficulty), ("drive", drive)):
        if name == "difficulty" or value is not None:
            check_fraction(value, name, caller)
    check_real(noise, "noise", caller, 0.0)
    check_option(region_balance, ("clinical", "balanced"), "region_balance", caller)
    check_option(protocol, ("clinical", "biceps_low_force"), "protocol", caller)
    if protocol == "biceps_low_force" and (difficulty != 0.5 or region_balance != "clinical"):
        raise ValueError(
            "protocol='biceps_low_force' of make_nemg_cohort fixes the muscle and the variation "
            "between subjects: leave 'difficulty' and 'region_balance' at their defaults. Got "
            f"difficulty={difficulty!r} and region_balance={region_balance!r}."
        )


def _table(
    plan: Plan,
    subjects: Sequence[Subject],
    results: Sequence[tuple],
    tasks: Sequence[Task],
    severities: Sequence[float],
    fs: float,
) -> tuple[NDArray[np.str_], pd.DataFrame]:
    """Return the names of the subjects, and the recording table."""
    width = max(2, len(str(len(subjects))))
    names = np.array([f"S{i + 1:0{width}d}" for i in range(len(subjects))])
    of_row = np.array([row.subject for row in plan.recordings])
    signals = np.empty(len(results), dtype=object)
    for i, result in enumerate(results):
        signals[i] = result[0]
    table = pd.DataFrame(
        {
            "signal": signals,
            "fs": fs,
            "subject": names[of_row],
            "muscle": [row.muscle for row in plan.recordings],
            "region": [MUSCLES[row.muscle].region for row in plan.recordings],
            "recording": np.arange(len(results)),
            "subtype": [subjects[i].subtype for i in of_row],
            "severity": severities,
            "drive": [task.conditions.drive for task in tasks],
            "age": [subjects[i].age for i in of_row],
        }
    )
    return names, table


def _facts(region_balance: str, biceps: bool, n_subjects: int, n_recordings: int) -> SetFacts:
    confound = ""
    if biceps:
        confound = "age: it is drawn by class, as in N2001"
    elif region_balance == "clinical":
        confound = "region: 52 % of the muscles are proximal in myopathy, 39 % in neuropathy, 18 % "
        confound += "in controls"
    return SetFacts(
        title="Simulated concentric-needle EMG",
        about="The cohort is a model: results on it say nothing about diagnostic accuracy.",
        source="sklearn_emg.datasets.make_nemg_cohort, whose documentation describes the model",
        licence="none needed, as the recordings are simulated",
        cite="the references of make_nemg_cohort",
        confounds=(confound,) if confound else (),
        subjects=n_subjects,
        recordings=n_recordings,
    )


def _describe(table: pd.DataFrame, target: NDArray, classes: Sequence[str], protocol: str) -> str:
    seconds = np.array([len(signal) for signal in table["signal"]]) / table["fs"].to_numpy()
    lines = [
        "Simulated concentric-needle EMG",
        "-------------------------------",
        f"Protocol {protocol!r}, {counted(table['subject'].nunique(), 'subject')}, "
        f"{counted(len(table), 'recording')}, {seconds.sum():.2f} s.",
    ]
    for name in classes:
        members = target == name
        proximal = int((table["region"][members] == "proximal").sum())
        lines.append(
            f"{name}: {counted(table['subject'][members].nunique(), 'subject')}, "
            f"{counted(members.sum(), 'recording')} ({proximal} proximal, "
            f"{members.sum() - proximal} distal), {seconds[members].sum():.2f} s"
        )
    lines += [
        "",
        "Signals are in mV, core minus cannula. The cohort is a model: results on it say nothing",
        "about diagnostic accuracy. Model, sources and limits are in the documentation of",
        "sklearn_emg.datasets.make_nemg_cohort.",
    ]
    return "\n".join(lines)
