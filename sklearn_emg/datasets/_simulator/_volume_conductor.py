"""Potential of a muscle fibre at a concentric needle.

A fibre of finite length is a line source in an infinite anisotropic medium (Nandedkar and
Stålberg 1983; Dimitrov and Dimitrova 1998) with Rosenfalck's intracellular potential (1969). The
electrode averages the fibre's potential over the core and subtracts the mean over the cannula
(Nandedkar, Sanders, Stålberg and Andreassen 1988). Lengths are in mm, times in ms, potentials in mV
and diameters in µm; x and y span the cross-section with the needle's tip at 0, and z runs along the
fibre.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft, next_fast_len, rfft

SIGMA_INSIDE = 1.01  # S/m
SIGMA_RADIAL = 0.063  # S/m
SIGMA_AXIAL = 0.33  # S/m

STEP = 0.04  # mm of propagated distance between two columns of a table
_TENDON = 1.5  # mm over which the fibre's end is scattered
_RADII = np.geomspace(0.06, 14.0, 22)
_LOG_RADII = np.log(_RADII)
_RADIUS_RATIO = _LOG_RADII[1] - _LOG_RADII[0]

# The core is a slit along the needle's axis (y); an ellipse gives the weights of its points.
_CORE_Y = np.linspace(-0.232, 0.232, 5)
_CORE_WEIGHTS = np.sqrt(1 - (_CORE_Y / 0.29) ** 2)
_CORE_WEIGHTS = _CORE_WEIGHTS / _CORE_WEIGHTS.sum()
_CANNULA_Y = -np.array([0.5, 1.0, 1.8, 3.0, 4.8, 7.4, 11.0, 16.0])
_CANNULA_WEIGHTS = np.gradient(-_CANNULA_Y)
_CANNULA_WEIGHTS = _CANNULA_WEIGHTS / _CANNULA_WEIGHTS.sum()
_CANNULA_RADIUS = 0.30


def conduction_velocity(diameter: ArrayLike, factor: float = 1.0) -> NDArray[np.float64]:
    """Return the conduction velocity in mm/ms: 2.2 at 25 µm, plus 0.05 per µm above 25."""
    return factor * (2.2 + 0.05 * (np.asarray(diameter) - 25.0))


def intracellular_slope(distance: NDArray, length_scale: float = 1.0) -> NDArray:
    """Compute the derivative in mV/mm of V(s) = 96 (s/l)³ exp(-s/l) - 90, s mm after the front."""
    u = np.maximum(distance, 0.0) / length_scale
    return 96.0 / length_scale * (3 * u**2 - u**3) * np.exp(-u)


def source_strength(diameter: ArrayLike, gain: float = 1.0) -> NDArray[np.float64]:
    """Return the factor that converts values of :func:`potential_table` to mV, by diameter in µm.

    It is gain d² σ_i / (16 σ_r) in mm², where d is the diameter in mm, σ_i the conductivity inside
    the fibre and σ_r that of the tissue across it.
    """
    return gain * (np.asarray(diameter) / 1000.0) ** 2 * SIGMA_INSIDE / (16 * SIGMA_RADIAL)


def potential_table(
    endplate_distance: float,
    half_length: float,
    length_scale: float = 1.0,
    *,
    stop_distance: float | None = None,
) -> NDArray[np.float32]:
    """Compute the potential per source strength for each radius node and propagated distance.

    Parameters
    ----------
    endplate_distance : float
        Distance in mm from the end-plate to the electrode's plane.
    half_length : float
        Distance in mm from the end-plate to the fibre's end on the electrode's side.
    length_scale : float, default=1.0
        Length scale of the intracellular potential in mm.
    stop_distance : float, default=None
        Distance in mm from the end-plate at which the wave towards the electrode ends; by default,
        it ends where the fibre ends.

    Returns
    -------
    table : ndarray of shape (n_radii, n_distances)
        Column j is the potential when both waves have run ``j * STEP`` mm.

    Notes
    -----
    phi(s) is the integral over s' of V'(s - s') d/ds' [1 / R], summed over the two waves that leave
    the end-plate. Here R² = (σ_z / σ_r) r² + q², where q is the distance of the wave from the
    electrode along the fibre.
    """
    a = endplate_distance
    ends = (half_length if stop_distance is None else stop_distance, half_length + 0.3 * a)
    n = int(np.ceil((max(half_length, ends[1]) + 6 * length_scale + 14.0) / STEP))
    distance = STEP * np.arange(n)
    squared_radius = (SIGMA_AXIAL / SIGMA_RADIAL * _RADII**2)[:, None]
    kernel = np.zeros((len(_RADII), n))
    for end, sign in zip(ends, (1.0, -1.0)):
        q = sign * distance - a
        alive = np.clip((end - distance) / _TENDON, 0.0, 1.0)
        kernel -= sign * alive * q / (squared_radius + q**2) ** 1.5
    n_fft = next_fast_len(2 * n, real=True)
    slope = rfft(intracellular_slope(distance, length_scale), n_fft)
    table = irfft(rfft(kernel, n_fft, axis=1) * slope, n_fft, axis=1)[:, :n] * STEP
    return table.astype(np.float32)


class Geometry(NamedTuple):
    """Positions of fibres in the cross-section of the muscle, and their diameters.

    Attributes
    ----------
    x, y : ndarray of shape (n_fibres,)
        Positions in mm from the needle.
    diameter : ndarray of shape (n_fibres,)
        Diameters in µm.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    diameter: NDArray[np.float64]


def electrode_weights(fibres: Geometry, gap: float) -> NDArray[np.float32]:
    """Compute the weights of the table's rows in the potential between core and cannula.

    Parameters
    ----------
    fibres : Geometry
        Positions and diameters of n fibres.
    gap : float
        Distance in mm from the needle's surface to the membrane of the nearest fibre.

    Returns
    -------
    weights : ndarray of shape (n, n_radii)
        Weights of the rows. Each point of the electrode lies between two nodes of the radius and is
        interpolated linearly in log r.
    """
    x = np.maximum(np.abs(fibres.x), gap + fibres.diameter / 2000.0)[:, None]
    core = np.hypot(x, fibres.y[:, None] - _CORE_Y)
    cannula = np.maximum(np.hypot(x, fibres.y[:, None] - _CANNULA_Y), _CANNULA_RADIUS)
    radius = np.hstack([core, cannula])
    fraction = np.concatenate([_CORE_WEIGHTS, -_CANNULA_WEIGHTS])
    place = np.clip((np.log(radius) - _LOG_RADII[0]) / _RADIUS_RATIO, 0, len(_RADII) - 1 - 1e-9)
    node = place.astype(np.intp)
    upper = place - node
    n = len(fibres.x)
    flat = node + len(_RADII) * np.arange(n)[:, None]
    size = n * len(_RADII)
    weights = np.bincount(flat.ravel(), (fraction * (1 - upper)).ravel(), size)
    weights += np.bincount(flat.ravel() + 1, (fraction * upper).ravel(), size)
    # The cannula shields the core from fibres on its other side.
    shadow = 0.25 + 0.75 / (1 + np.exp(-fibres.x / 0.08))
    return (weights.reshape(n, len(_RADII)) * shadow[:, None]).astype(np.float32)
