"""Search for the discharges of known templates, and estimation of templates from discharges."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sklearn_emg.motor_units import _signals as signals
from sklearn_emg.motor_units._signals import STEPS, Floats

Integers = NDArray[np.int64]

# Time in s before and after the reference of a template, which is its largest deflection.
BEFORE, AFTER = 0.004, 0.008
# A discharge must decrease the energy of the residual by the sum of the following four terms.
# Constant term, in units of the variance of the noise.
_MIN_GAIN = 12.0
# Fraction of the energy of the template.
_MIN_FRACTION = 0.25
# Additional fraction of this energy if the discharge follows the previous one improbably soon.
_EARLY_FRACTION = 0.35
# Number of standard deviations of the change that variable potentials nearby can cause.
_CAUTION = 2.5
# Fraction of the median interval below which a discharge is early.
_EARLY = 0.45
# Time in s within which no unit discharges twice.
_REFRACTORY = 0.003
# Upper limit of the number of discharges of all units per second.
_MAX_RATE = 600


def _integers() -> Integers:
    return np.empty(0, dtype=np.int64)


@dataclass
class Search:
    """Templates and discharges of one recording, at the working rate and in units of the noise.

    Attributes
    ----------
    x : ndarray of shape (n_channels, n_times)
        White signal with noise of standard deviation 1.
    used : ndarray of bool of shape (n_times,)
        Whether each sample lies in a segment that is not constant.
    fs : float
        Sampling rate of `x` in Hz.
    templates : ndarray of shape (n_units, n_channels, length)
        Template of each unit.
    units, at, steps : ndarray of shape (n_discharges,)
        Unit and nearest sample of each discharge, and the shift within the sample as an index of
        ``STEPS``.
    gains : ndarray of shape (n_discharges,)
        Decrease in the energy of the residual due to each discharge.
    stretch : float
        Factor of the lengths of templates and windows, since slow potentials are longer.
    """

    x: Floats
    used: NDArray[np.bool_]
    fs: float
    templates: Floats
    units: Integers = field(default_factory=_integers)
    at: Integers = field(default_factory=_integers)
    steps: Integers = field(default_factory=_integers)
    gains: Floats = field(default_factory=lambda: np.empty(0))
    stretch: float = 1.0

    @classmethod
    def start(cls, x: Floats, used: NDArray[np.bool_], fs: float, stretch: float) -> Search:
        """Create a search without units."""
        length = int((BEFORE + AFTER) * stretch * fs)
        return cls(x, used, fs, np.empty((0, len(x), length)), stretch=stretch)

    @property
    def before(self) -> int:
        return int(BEFORE * self.stretch * self.fs)

    @property
    def length(self) -> int:
        return self.templates.shape[-1]

    @property
    def times(self) -> Floats:
        """Times of all discharges in samples."""
        return self.at + STEPS[self.steps]

    @property
    def energy(self) -> Floats:
        return np.einsum("ucl,ucl->u", self.templates, self.templates)

    @property
    def counts(self) -> Integers:
        return np.bincount(self.units, minlength=len(self.templates))

    @property
    def seconds(self) -> float:
        return float(self.used.sum()) / self.fs

    def train(self, unit: int) -> Floats:
        """Times of a unit's discharges in s, in ascending order."""
        return np.sort(self.times[self.units == unit]) / self.fs

    def window(self) -> Floats:
        return signals.taper(self.length, 8)

    def residual(self) -> Floats:
        """Signal without the potentials of all discharges."""
        bank = signals.shifted(self.templates, STEPS)
        return self.x - self._sum(bank, self.units, self.at, self.steps)

    def _sum(self, bank: Floats, units: Integers, at: Integers, steps: Integers) -> Floats:
        n_times = self.x.shape[-1]
        return signals.synthesise(bank, units, at, steps, self.before, n_times)

    def adapt(self, templates: Floats) -> None:
        """Adapt templates of the whole recording to this part of it."""
        residual = self.residual()
        for unit, n in enumerate(self.counts):
            if n >= 4:
                times = self.times[self.units == unit]
                parts = signals.snippets(residual, times, self.before, self.length)
                change = shrink(signals.median(parts) * self.window(), n)
                self.templates[unit] = templates[unit] + change * n / (n + 8.0)

    def measure(self) -> None:
        """Determine by how much each discharge decreases the energy of the residual."""
        from sklearn_emg.motor_units._kernels import projections

        bank = signals.shifted(self.templates, STEPS)
        rest = self.x - self._sum(bank, self.units, self.at, self.steps)
        where = (self.units, self.at, self.steps, self.before)
        self.gains = self.energy[self.units] + 2.0 * projections(rest, bank, *where)

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Keep the given units, and remove all others."""
        number = np.cumsum(kept) - 1
        left = kept[self.units]
        self.units = number[self.units[left]]
        self.at, self.steps, self.gains = (
            self.at[left],
            self.steps[left],
            self.gains[left],
        )
        self.templates = self.templates[kept]


def shrink(template: Floats, n: int) -> Floats:
    """Shrink those parts of a median of `n` potentials to 0 that do not differ from noise."""
    variance = 1.6 / max(n, 1)
    kernel = np.hanning(13)[1:-1]
    kernel /= kernel.sum()
    local = np.array([np.convolve(row**2, kernel, "same") for row in template])
    return template * np.maximum(1.0 - 2.0 * variance / np.maximum(local, 1e-12), 0.0)


def estimate(search: Search, n_iterations: int = 2) -> None:
    """Estimate each template as the median over its discharges, without the other units."""
    window = search.window()
    residual = search.residual()
    counts = search.counts
    for _ in range(n_iterations):
        for unit in np.argsort(-search.energy, kind="stable"):
            own = search.units == unit
            if not counts[unit]:
                continue
            parts = signals.snippets(residual, search.times[own], search.before, search.length)
            change = window * signals.median(parts)
            search.templates[unit] += change
            bank = signals.shifted(change[None], STEPS)
            nought = np.zeros(counts[unit], dtype=np.int64)
            residual -= search._sum(bank, nought, search.at[own], search.steps[own])
    for unit, n in enumerate(counts):
        search.templates[unit] = shrink(search.templates[unit], n)


def recentre(search: Search) -> None:
    """Move the reference of each template to its largest deflection.

    A reference is moved only by more than six samples. The deflection is measured by the energy of
    all channels, summed over five samples.

    Parameters
    ----------
    search : Search
        State of the decomposition, whose templates and samples of discharges are changed in place.
    """
    for unit, template in enumerate(search.templates):
        level = np.convolve((template**2).sum(axis=0), np.ones(5), "same")
        shift = int(level.argmax()) - search.before
        if abs(shift) > 6:
            search.at[search.units == unit] += shift
            moved = np.zeros_like(template)
            target = slice(None, -shift) if shift > 0 else slice(-shift, None)
            source = slice(shift, None) if shift > 0 else slice(None, shift)
            moved[:, target] = template[:, source]
            search.templates[unit] = moved * search.window()


def _variation(search: Search) -> NDArray[np.float32]:
    """Amount by which a discharge of each unit (first axis) raises the threshold of each unit."""
    templates = search.templates
    excess = np.zeros_like(templates)
    residual = search.residual() if len(search.units) else search.x
    for unit, n in enumerate(search.counts):
        if n >= 5:
            at = search.at[search.units == unit].astype(np.float64)
            parts = signals.snippets(residual, at, search.before, search.length)
            # 0.455 is the median of the square of a standard normal variable.
            excess[unit] = np.maximum(signals.median(parts**2) / 0.455 - 1.5, 0.0)
    squares = (templates**2).astype(np.float32)
    variance = signals.correlations(squares, excess[:, None].astype(np.float32))[:, 0]
    return np.float32(2.0 * _CAUTION) * np.sqrt(np.maximum(variance, 0.0))


def find_discharges(search: Search, n_sweeps: int = 1, *, intervals: bool = False) -> None:
    """Find the discharges of the templates; if `intervals`, early ones require more evidence."""
    from sklearn_emg.motor_units._kernels import match

    templates, energy = search.templates, search.energy
    n_units = len(templates)
    if not n_units:
        search.units, search.at, search.steps = _integers(), _integers(), _integers()
        search.gains = np.empty(0)
        return
    expected = np.zeros(n_units, dtype=np.int64)
    doubt = np.zeros(n_units, dtype=np.float32)
    for unit in range(n_units) if intervals else ():
        times = search.train(unit)
        if len(times) > 6:
            expected[unit] = int(_EARLY * np.median(np.diff(times)) * search.fs)
            doubt[unit] = _EARLY_FRACTION * energy[unit]
    values = signals.gains(search.x, templates, search.before)
    bars = np.empty_like(values)
    bars[:] = (_MIN_GAIN + _MIN_FRACTION * energy)[:, None]
    # Large artefacts must not exceed this threshold either.
    never = np.maximum(values.max(axis=1), 4.0 * energy + 1000.0).astype(np.float32)
    single = templates.astype(np.float32)
    gram = signals.correlations(single, signals.shifted(single, STEPS))
    size = int(search.x.shape[-1] / search.fs * _MAX_RATE) + 100
    units, at, steps = (np.empty(size, dtype=np.int64) for _ in range(3))
    refractory = int(_REFRACTORY * search.fs)
    model = (gram, _variation(search), refractory, expected, doubt, never)
    n = match((values, bars), model, n_sweeps, units, at, steps)
    order = np.argsort(at[:n], kind="stable")
    search.units, search.at, search.steps = units[:n][order], at[:n][order], steps[:n][order]
    search.measure()
