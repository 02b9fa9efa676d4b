"""Single simulated recordings and motor unit potentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from threadpoolctl import ThreadpoolController

from sklearn_emg._validation import check_fraction, check_integer, check_option, check_real
from sklearn_emg.datasets._simulator import _motor_units as units
from sklearn_emg.datasets._simulator._arguments import check_unit_arguments, replace_amplifier
from sklearn_emg.datasets._simulator._muscle_model import (
    MUSCLES,
    SUBJECT_LOG_SD,
    SUBTYPES,
    Amplifier,
    Conditions,
    Subject,
    conditions_of,
    draw_factors,
    excitation_factor,
)
from sklearn_emg.datasets._simulator._plan import DRIVE, amplifier_of
from sklearn_emg.datasets._simulator._spontaneous import (
    add_spontaneous,
    check_spontaneous,
    without_disease,
)


@dataclass(frozen=True)
class Task:
    """One recording to simulate, independent of all others, as a picklable object."""

    conditions: Conditions
    amplifier: Amplifier
    fs: float
    n_samples: int
    return_truth: bool
    seed: np.random.SeedSequence | np.random.Generator
    spontaneous: Mapping[str, float] | None = None


@cache
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()


def _one_thread():
    # Results must not depend on the number of threads of a worker's matrix products.
    return _thread_pools().limit(limits=1, user_api="blas")


def simulate(task: Task) -> tuple[NDArray[np.float32], dict[str, Any] | None]:
    """Simulate a recording; return its signal and, if the task requests it, its ground truth."""
    rng = np.random.default_rng(task.seed)
    with _one_thread():
        c = task.conditions if task.spontaneous is None else without_disease(task.conditions)
        site = units.simulate_site(rng, c, task.n_samples / task.fs)
        if task.spontaneous is not None:
            site = add_spontaneous(rng, site, c, task.spontaneous)
        signal = units.record(rng, site.signal, task.amplifier, task.fs, task.n_samples)
        truth = None
        if task.return_truth:
            truth = units.describe_site(site, task.amplifier, task.fs)
    return signal, truth


def seed_sequence(random_state: int | np.random.RandomState | None) -> np.random.SeedSequence:
    words = check_random_state(random_state).randint(0, 2**32, size=4, dtype=np.uint32)
    return np.random.SeedSequence(words.tolist())


def _generator(random_state: int | np.random.RandomState | None) -> np.random.Generator:
    return np.random.default_rng(seed_sequence(random_state))


def simulate_recording(
    muscle: str = "biceps_brachii",
    diagnosis: str = "normal",
    *,
    severity: float = 0.5,
    drive: float = 0.035,
    duration: float = 2.0,
    fs: float = 48000.0,
    subtype: str | None = None,
    between_subject: float = 1.0,
    amplifier: Mapping[str, float] | None = None,
    spontaneous: Mapping[str, float] | None = None,
    return_truth: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> NDArray[np.float32] | tuple[NDArray[np.float32], dict[str, Any]]:
    """Simulate one concentric-needle recording of one muscle.

    Parameters
    ----------
    muscle : str, default="biceps_brachii"
        Muscle: "biceps_brachii", "deltoid", "vastus_lateralis" or "iliopsoas" (proximal), or
        "extensor_digitorum", "first_dorsal_interosseous", "tibialis_anterior" or "gastrocnemius"
        (distal).
    diagnosis : {"normal", "myopathy", "neuropathy"}, default="normal"
        Diagnosis of the subject.
    severity : float, default=0.5
        Severity in this muscle, from 0 to 1; it is ignored for a healthy muscle.
    drive : float, default=0.035
        Level of contraction: the excitation, as a fraction of the maximum, with which a healthy
        muscle produces the force. The excitation of a diseased muscle is higher by the factor that
        this muscle needs for the same force. A value of 0 means rest, with only spontaneous
        activity.
    duration : float, default=2.0
        Length of the recording in seconds.
    fs : float, default=48000.0
        Sampling rate in Hz, from 500 to 200000.
    subtype : str, default=None
        Subtype of the disease: "inflammatory" or "dystrophic" for myopathy, "als" or
        "chronic_neuropathy" for neuropathy. By default, it is drawn at random.
    between_subject : float, default=1.0
        Scale of the deviation from the average, both of the drawn subject and of the needle's
        distance from the end-plates. With 0, the subject is average and 40 years old.
    amplifier : mapping, default=None
        Settings that replace the drawn ones. "highpass", "lowpass" and "line_freq" (the frequency
        of the power line) are in Hz. "noise" (RMS of the white noise over 11.72 kHz), "powerline"
        (RMS of the power-line interference), "drift" (RMS), "resolution" and "limit" are in mV.
    spontaneous : mapping, default=None
        Spontaneous activity that replaces that of the disease; ``{}`` gives none. The values of
        "fibrillations" and "sharp_waves" (fibres, 0.5 to 15 Hz, regular), "fasciculations" (motor
        units, 0.05 to 1 Hz, irregular) and "endplate_spikes" (5 to 40 Hz, irregular) are numbers of
        sources; that of "endplate_noise" is its RMS in mV. The discharges of the sources are in
        ``truth["spontaneous"]``. Requested fasciculations come from further motor units, which are
        not in ``truth["firing_times"]``.
    return_truth : bool, default=False
        Whether to also return firing times and potentials.
    random_state : int, RandomState instance or None, default=None
        Seed of the recording.

    Returns
    -------
    signal : ndarray of shape (n_times,)
        Signal in mV, float32.
    truth : dict
        Ground truth, if ``return_truth=True``; see :func:`make_nemg_cohort`.

    Raises
    ------
    ValueError
        If a value is out of range or a name is unknown; the message lists the valid ones.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    make_nemg_cohort : Simulate many subjects; its notes describe the model, its sources and limits.
    sklearn_emg.motor_units.RestActivityDetector : Find spontaneous activity.

    Notes
    -----
    Fibrillation potentials are potentials of single fibres (biphasic or triphasic, initially
    positive, 20 to 200 uV). Positive sharp waves are potentials of fibres whose wave ends at the
    needle (with a low negative phase of 10 to 25 ms, 30 to 300 uV). Fasciculations are potentials
    of motor units. End-plate spikes are potentials of fibres at their end-plates (initially
    negative, 50 to 200 uV). These amplitudes are peak to peak. End-plate noise consists of negative
    potentials of 1.5 ms.
    Kinds, rates and sizes follow published descriptions [1]_ [2]_ [3]_; they are not fitted to
    recordings.

    References
    ----------
    .. [1] F. Buchthal and P. Rosenfalck, "Spontaneous electrical activity of human muscle",
       Electroencephalography and Clinical Neurophysiology 20 (1966) 321.
    .. [2] J. R. Daube and D. I. Rubin, "Needle electromyography", Muscle & Nerve 39 (2009) 244.
    .. [3] J. V. Partanen and U. Nousiainen, "End-plate spikes in electromyography are fusimotor
       unit potentials", Neurology 33 (1983) 1039.

    Examples
    --------
    >>> from sklearn_emg.datasets import simulate_recording
    >>> signal, truth = simulate_recording(
    ...     "tibialis_anterior", "neuropathy", fs=10000.0, return_truth=True, random_state=0
    ... )
    >>> signal.shape
    (20000,)
    >>> len(truth["firing_times"]) == len(truth["templates"])
    True
    """
    caller = "simulate_recording"
    check_unit_arguments(caller, muscle, diagnosis, severity, fs)
    check_fraction(drive, "drive", caller)
    check_real(duration, "duration", caller, 0.0, above=True)
    check_real(between_subject, "between_subject", caller, 0.0)
    if subtype is not None:
        check_option(subtype, SUBTYPES[diagnosis], "subtype", caller)
    rng = _generator(random_state)
    drawn = subtype or str(rng.choice(SUBTYPES[diagnosis]))
    s = 0.0 if diagnosis == "normal" else float(severity)
    fraction = min(between_subject, 1.0)
    age = round(40.0 + fraction * (rng.uniform(20.0, 80.0) - 40.0))
    endplate_factor = 1.0 + fraction * rng.uniform(-0.3, 0.3)
    factors = draw_factors(rng, between_subject)
    settings = amplifier_of(factors, float(rng.choice([2.0, 5.0, 10.0, 20.0])))
    subject = Subject(age, factors, diagnosis, drawn, s)
    settings = replace_amplifier(settings, amplifier, fs, caller)
    excitation = min(drive * excitation_factor(diagnosis, s), 0.9)
    conditions = conditions_of(MUSCLES[muscle], subject, s, excitation, endplate_factor)
    n_samples = max(1, round(duration * fs))
    wanted = check_spontaneous(spontaneous, caller)
    task = Task(conditions, settings, float(fs), n_samples, return_truth, rng, wanted)
    signal, truth = simulate(task)
    return signal if truth is None else (signal, truth)


def simulate_muap(
    muscle: str = "biceps_brachii",
    diagnosis: str = "normal",
    *,
    severity: float = 0.5,
    n_units: int = 1,
    max_distance: float | None = None,
    fs: float = 48000.0,
    amplifier: Mapping[str, float] | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[NDArray[np.float32], list[dict[str, Any]]]:
    """Simulate motor unit potentials at a needle inside the territories of the units.

    The subject is 40 years old and average. The units belong to the smaller half of the pool, which
    fires at low force. The subtype of a disease is drawn once for all units.

    Parameters
    ----------
    muscle : str, default="biceps_brachii"
        Muscle, as in :func:`simulate_recording`.
    diagnosis : {"normal", "myopathy", "neuropathy"}, default="normal"
        Diagnosis of the subject.
    severity : float, default=0.5
        Severity in this muscle, from 0 to 1; it is ignored for a healthy muscle.
    n_units : int, default=1
        Number of motor units.
    max_distance : float, default=None
        Maximum distance in mm of the needle from the centre of a territory. By default, the needle
        is anywhere in the territory.
    fs : float, default=48000.0
        Sampling rate in Hz, from 500 to 200000.
    amplifier : mapping, default=None
        Settings "highpass" and "lowpass" in Hz, which replace 5 and 10000. The other settings of
        :func:`simulate_recording` have no effect on noise-free potentials and raise an error.
    random_state : int, RandomState instance or None, default=None
        Seed of the units.

    Returns
    -------
    potentials : ndarray of shape (n_units, n_times)
        Potentials in mV without noise, float32.
    info : list of dict
        Properties of each unit: ``subtype``, ``rank`` (0 for the smallest, 1 for the largest),
        ``threshold`` (drive at which the unit starts to fire), ``distance`` (in mm from the needle
        to the centre of the territory), ``territory_radius`` (in mm), ``n_fibres``,
        ``n_near_fibres`` (within 0.9 mm), ``reference`` (time in s from the start of the potential
        to the firing instant) and ``ptp_mv`` (peak-to-peak amplitude in mV).

    Raises
    ------
    ValueError
        If a value is out of range or a name is unknown; the message lists the valid ones.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    make_nemg_cohort : Simulate many subjects; its notes describe the model, its sources and limits.

    Examples
    --------
    >>> from sklearn_emg.datasets import simulate_muap
    >>> potentials, info = simulate_muap("deltoid", n_units=3, fs=24000.0, random_state=0)
    >>> potentials.shape
    (3, 768)
    >>> info[0]["n_fibres"] > 20
    True
    """
    caller = "simulate_muap"
    check_unit_arguments(caller, muscle, diagnosis, severity, fs)
    check_integer(n_units, "n_units", caller)
    if max_distance is not None:
        check_real(max_distance, "max_distance", caller, 0.0, above=True)
    settings = replace_amplifier(Amplifier(), amplifier, fs, caller, ("highpass", "lowpass"))
    rng = _generator(random_state)
    subtype = str(rng.choice(SUBTYPES[diagnosis]))
    s = 0.0 if diagnosis == "normal" else float(severity)
    subject = Subject(40, dict.fromkeys(SUBJECT_LOG_SD, 1.0), diagnosis, subtype, s)
    conditions = conditions_of(MUSCLES[muscle], subject, s, DRIVE)
    pool = units.pool_around_needle(rng, conditions, n_units, max_distance)
    with _one_thread():
        potentials = units.build_potentials(rng, pool, conditions)
        templates = units.filter_templates(potentials.templates(), settings, float(fs))
    info = [
        {
            "subtype": subtype,
            "rank": float(pool.rank[i]),
            "threshold": float(pool.threshold[i]),
            "distance": float(np.hypot(pool.x[i], pool.y[i])),
            "territory_radius": float(pool.radius[i]),
            "n_fibres": int(potentials.n_fibres[i]),
            "n_near_fibres": int(potentials.n_near_fibres[i]),
            "reference": units.REFERENCE,
            "ptp_mv": float(np.ptp(templates[i])),
        }
        for i in range(n_units)
    ]
    return templates, info
