"""Units of samples, and conversion of samples to mV."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_emg.recordings._signal_file import SignalFile

_TO_MILLIVOLT = {
    "nv": 1e-6,
    "nanovolt": 1e-6,
    "nvolt": 1e-6,
    "uv": 1e-3,
    "microvolt": 1e-3,
    "uvolt": 1e-3,
    "mcv": 1e-3,
    "microv": 1e-3,
    "mikrovolt": 1e-3,
    "мкв": 1e-3,
    "mv": 1.0,
    "millivolt": 1.0,
    "mvolt": 1.0,
    "milliv": 1.0,
    "мв": 1.0,
    "v": 1e3,
    "volt": 1e3,
    "в": 1e3,
}
_COUNTS = ("count", "counts")


# A power of ten before or after the unit: "x10-3 V", "10^-6 V", "1e-6 V", "V x 10^-6".
_POWER = (
    r"[x×*·]?\s*(?:10\s*(?:(?:\^|\*\*)\s*(?P<{0}1>[-+]?\d{{1,2}})|(?P<{0}2>[-+]\d{{1,2}}))"
    r"|1?e(?P<{0}3>[-+]?\d{{1,2}}))"
)
_SCALED = re.compile(
    rf"{_POWER.format('a')}\s*[x×*·]?\s*(?P<unit>\D+)|(?P<first>\D+?)\s*{_POWER.format('b')}"
)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")


def _parts(unit: str) -> tuple[str, int]:
    """Split a unit with a power of ten into the plain unit and the exponent."""
    text = _plain(unit.translate(_SUPERSCRIPTS))
    match = _SCALED.fullmatch(text)
    if match is None:
        return text.replace("u v", "uv"), 0
    power = next(v for k in ("a1", "a2", "a3", "b1", "b2", "b3") if (v := match[k]) is not None)
    return (match["unit"] or match["first"]).strip().removesuffix("s"), int(power)


def _plain(unit: str) -> str:
    """Write a unit in lower case, without brackets, and with "u" for any micro sign."""
    # Two characters look like a micro sign, U+00B5 and the Greek letter U+03BC. The longer
    # spellings are their UTF-8 bytes, decoded as Latin-1.
    name = re.sub("^(?:[\u00b5\u03bc]|Âµ|Î¼)", "u", unit.strip().strip("[](){}").strip())
    return name.lower().removesuffix("s")


def is_voltage(unit: str) -> bool:
    """Return whether a unit is a voltage, in any common spelling."""
    return _parts(unit)[0] in _TO_MILLIVOLT


def millivolts_per(unit: str) -> float:
    """Return the number of millivolts in one unit of voltage.

    Parameters
    ----------
    unit : str
        Unit in any common spelling: nV, uV, mV or V, possibly with a power of ten, such as
        "x10-3 V".

    Returns
    -------
    factor : float
        Factor that converts samples in `unit` to mV.

    Raises
    ------
    ValueError
        If the unit is not a voltage.

    Examples
    --------
    >>> from sklearn_emg.recordings import millivolts_per
    >>> millivolts_per("uV"), millivolts_per("mv"), millivolts_per("V")
    (0.001, 1.0, 1000.0)
    """
    name, power = _parts(unit)
    if name not in _TO_MILLIVOLT:
        raise ValueError(f"the unit {unit!r} is not a known voltage (nV, uV, mV, V)")
    factor = _TO_MILLIVOLT[name]
    # Decimal numbers are used, since the product of floats may differ in the last digit.
    return float(Decimal(f"{factor:g}").scaleb(power))


class Scale:
    """Conversion of samples to mV.

    Parameters
    ----------
    unit : {"nV", "uV", "mV", "V", "counts"}
        Unit of the samples.
    gain : float or None
        Counts per mV, which "counts" requires.
    baseline : float or None
        Count that stands for 0 mV. If None, it is 0.

    Raises
    ------
    ValueError
        If `unit` is unknown, if `gain` or `baseline` is given with a voltage, or if either is
        invalid.
    """

    def __init__(self, unit: Any, gain: Any, baseline: Any):
        if not isinstance(unit, str):
            raise ValueError(
                f"The 'unit' of recording_table must be a str such as 'mV'. Got {unit!r}."
            )
        counts = unit.strip().lower() in _COUNTS
        if not counts and (gain is not None or baseline is not None):
            raise ValueError(
                "The 'gain' and 'baseline' of recording_table require unit='counts'. "
                f"Got unit={unit!r}."
            )
        self.factor = _millivolts_per_count(gain) if counts else _millivolts_per_unit(unit)
        self.baseline = 0.0 if baseline is None else float(baseline)
        if not np.isfinite(self.baseline):
            raise ValueError(
                f"The 'baseline' of recording_table must be a finite number. Got {baseline!r}."
            )

    def apply(self, signal: NDArray | SignalFile) -> NDArray | SignalFile:
        """Convert a signal to mV; a file stays a file, and non-numeric signals are unchanged."""
        if self.factor == 1.0 and self.baseline == 0.0:
            return signal
        if isinstance(signal, SignalFile):
            return signal.rescaled(self.factor, self.baseline)
        if signal.dtype.kind not in "fiu":
            return signal
        exact = signal.dtype.kind == "f" and signal.dtype.itemsize > 2  # half precision is not
        values = signal if exact else signal.astype(np.float64)
        return (values - self.baseline) * self.factor


def _millivolts_per_count(gain: Any) -> float:
    if gain is None or not np.isfinite(gain) or gain <= 0:
        raise ValueError(
            "With unit='counts', recording_table requires a 'gain', a positive number of counts "
            f"per mV. Got {gain!r}."
        )
    return 1.0 / float(gain)


def _millivolts_per_unit(unit: str) -> float:
    try:
        return millivolts_per(unit)
    except ValueError:
        raise ValueError(
            "The 'unit' of recording_table must be 'nV', 'uV', 'mV', 'V' or 'counts'. "
            f"Got {unit!r}."
        ) from None
