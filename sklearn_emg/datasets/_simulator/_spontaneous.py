"""Requested activity at rest: fibres, motor units and end-plates that discharge spontaneously.

Kinds, rates and sizes follow published descriptions of the needle examination, which
:func:`sklearn_emg.datasets.simulate_recording` cites. They were not fitted to recordings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from sklearn_emg._validation import check_integer, check_option, check_real
from sklearn_emg.datasets._simulator import _motor_units as units
from sklearn_emg.datasets._simulator._motor_units import Site, Train
from sklearn_emg.datasets._simulator._muscle_model import Conditions

# Kind of the events of each source, by the setting that gives the number of these sources.
KINDS = {
    "fibrillations": "fibrillation",
    "sharp_waves": "positive sharp wave",
    "fasciculations": "fasciculation",
    "endplate_spikes": "end-plate activity",
}
_RATES = {  # rate of one source in Hz
    "fibrillations": (0.5, 15.0),
    "sharp_waves": (0.5, 15.0),
    "fasciculations": (0.05, 1.0),
    "endplate_spikes": (5.0, 40.0),
}
_SIZES = {  # mV, peak to peak
    "fibrillations": (0.02, 0.2),
    "sharp_waves": (0.03, 0.3),
    "endplate_spikes": (0.05, 0.2),
}
_CV = 0.05  # coefficient of variation of the intervals of fibrillation potentials and sharp waves
_REFRACTORY = {"fasciculations": 0.1, "endplate_spikes": 0.004}  # s
_ENDPLATE = 0.3  # mm from the end-plate to the needle, for end-plate spikes
# Rate in Hz and length in s of the potentials in end-plate noise.
_MINIATURE_RATE, _MINIATURE_LENGTH = 300.0, 0.0015


def check_spontaneous(given: Mapping[str, Any] | None, caller: str) -> dict[str, float] | None:
    """Check the parameter `spontaneous`: numbers of sources, and the RMS of end-plate noise."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise TypeError(
            f"The 'spontaneous' parameter of {caller} must be a mapping. Got {given!r} instead."
        )
    for name, value in given.items():
        check_option(name, (*KINDS, "endplate_noise"), "spontaneous", caller)
        if name == "endplate_noise":
            check_real(value, "spontaneous['endplate_noise']", caller, 0.0)
        else:
            check_integer(value, f"spontaneous[{name!r}]", caller, 0)
    return dict(given)


def without_disease(c: Conditions) -> Conditions:
    """Return conditions in which the disease itself causes no activity at rest."""
    return replace(c, fibrillating_fibres=0.0, fasciculation_rate=0.0)


def add_spontaneous(
    rng: np.random.Generator, site: Site, c: Conditions, wanted: Mapping[str, float]
) -> Site:
    """Add the requested sources to a site and to its ground truth."""
    n_samples = len(site.signal)
    trains = []
    for name in KINDS:
        n = int(wanted.get(name, 0))
        if n:
            trains += _sources(rng, c, name, n, n_samples)
    signal = units.add_trains(site.signal, trains)
    signal = signal + _endplate_noise(rng, wanted.get("endplate_noise", 0.0), n_samples)
    return replace(site, signal=signal, spontaneous=[*site.spontaneous, *trains])


def _sources(
    rng: np.random.Generator, c: Conditions, name: str, n: int, n_samples: int
) -> list[Train]:
    low, high = _RATES[name]
    rates = np.exp(rng.uniform(np.log(low), np.log(high), n))
    if name in _REFRACTORY:
        firings = [_irregular(rng, rate, _REFRACTORY[name], n_samples) for rate in rates]
    else:
        firings = [units.regular_firings(rng, rate, _CV, n_samples) for rate in rates]
    return [Train(KINDS[name], s, w) for s, w in zip(firings, _waves(rng, c, name, n))]


def _waves(rng: np.random.Generator, c: Conditions, name: str, n: int) -> NDArray[np.float32]:
    if name == "fasciculations":
        pool = units.pool_around_needle(rng, c, n)
        return units.build_potentials(rng, pool, c).templates()
    diameter = rng.uniform(18.0, 45.0, n)
    x, y = rng.uniform(0.05, 0.4, n), rng.uniform(-0.4, 0.4, n)
    at = _ENDPLATE if name == "endplate_spikes" else None
    waves = units.fibre_potentials(c, x, y, diameter, at)
    if name == "sharp_waves":
        waves = units.sharpen(rng, waves)
    low, high = _SIZES[name]
    size = np.exp(rng.uniform(np.log(low), np.log(high), n))
    return (waves * (size / np.ptp(waves, axis=1))[:, None]).astype(np.float32)


def _irregular(
    rng: np.random.Generator, rate: float, refractory: float, n_samples: int
) -> NDArray[np.intp]:
    """Draw samples of a Poisson process with the mean `rate` in Hz and a refractory time in s."""
    seconds = n_samples / (1000.0 * units.RATE)
    n = int(2 * rate * seconds + 20)
    intervals = refractory + rng.exponential(max(1.0 / rate - refractory, 1e-6), n)
    # The first interval has already begun when the recording starts.
    times = np.cumsum(intervals) - rng.random() * intervals[0]
    return np.rint(times[times < seconds] * 1000.0 * units.RATE).astype(np.intp)[:n_samples]


def _endplate_noise(rng: np.random.Generator, rms: float, n_samples: int) -> NDArray[np.float32]:
    """Draw negative monophasic potentials of 1.5 ms at random times, with the given RMS in mV."""
    if rms == 0:
        return np.zeros(n_samples, dtype=np.float32)
    pulse = -np.hanning(int(_MINIATURE_LENGTH * 1000.0 * units.RATE) + 2)
    expected = _MINIATURE_RATE / (1000.0 * units.RATE)
    counts = rng.poisson(expected, n_samples) * np.exp(0.3 * rng.standard_normal(n_samples))
    noise = fftconvolve(counts, pulse, "same")
    noise -= noise.mean()
    return (noise * rms / noise.std()).astype(np.float32)
