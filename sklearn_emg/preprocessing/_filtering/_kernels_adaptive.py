"""Compiled loops of the adaptive filter, imported only when needed since numba loads slowly."""

from __future__ import annotations

import numpy as np
from numba import njit

LMS, NLMS, RLS = 0, 1, 2


@njit(cache=True)
def _update_rls(weights, inverse, inputs, error, forgetting, largest, gain):
    """Compute one step of recursive least squares, updating `inverse` and `weights` in place.

    Parameters
    ----------
    weights, inputs, gain : ndarray of shape (n_weights,)
        Weights and inputs of the filter, and a buffer for the gain.
    inverse : ndarray of shape (n_weights, n_weights)
        Inverse of the weighted correlation matrix of the inputs.
    error : float
        A priori error, which is the error before the update.
    forgetting : float
        Factor by which the weights of past samples are multiplied at each sample.
    largest : float
        Upper bound of the diagonal of the inverse, which would otherwise grow without limit while
        the inputs are silent.
    """
    n = weights.shape[0]
    power = 0.0
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += inverse[i, j] * inputs[j]
        gain[i] = total
        power += inputs[i] * total
    scale = 1.0 / (forgetting + power)
    peak = 0.0
    for i in range(n):
        weights[i] += gain[i] * scale * error
        # Only the upper triangle is computed and then mirrored, since rounding errors would make
        # the matrix asymmetric and eventually indefinite.
        for j in range(i, n):
            value = inverse[i, j] - gain[i] * gain[j] * scale
            inverse[i, j] = value
            inverse[j, i] = value
        peak = max(peak, inverse[i, i])
    if peak < largest * forgetting:
        for i in range(n):
            for j in range(n):
                inverse[i, j] /= forgetting


@njit(cache=True)
def adapt_delay_line(
    signal,
    reference,
    n_taps,
    weights,
    inverse,
    algorithm,
    step,
    forgetting,
    largest,
    epsilon,
    estimate,
):
    """Predict `signal` from the last `n_taps` samples of `reference`.

    Parameters
    ----------
    signal : ndarray of shape (n_times,)
        Signal to predict.
    reference : ndarray of shape (n_taps - 1 + n_times,)
        Reference, whose sample ``n_taps - 1 + t`` is simultaneous with sample ``t`` of the signal.
    n_taps : int
        Number of weights.
    weights : ndarray of shape (n_taps,)
        Weights, which are changed in place. The first belongs to the present sample.
    inverse : ndarray of shape (n_taps, n_taps)
        Matrix of RLS, which is changed in place.
    algorithm : {LMS, NLMS, RLS}
        Algorithm that adapts the weights.
    step : float
        Step size of LMS and NLMS.
    forgetting, largest : float
        Parameters of RLS, see ``_update_rls``.
    epsilon : float
        Constant in mV² that is added to the power of the inputs in NLMS.
    estimate : ndarray of shape (n_times,)
        Output: the predicted part of the signal.
    """
    inputs = np.zeros(n_taps)
    gain = np.zeros(n_taps)
    for t in range(signal.shape[0]):
        total = 0.0
        power = 0.0
        for i in range(n_taps):
            value = reference[n_taps - 1 + t - i]
            inputs[i] = value
            total += weights[i] * value
            power += value * value
        estimate[t] = total
        error = signal[t] - total
        if algorithm == RLS:
            _update_rls(weights, inverse, inputs, error, forgetting, largest, gain)
        else:
            factor = step * error
            if algorithm == NLMS:
                factor /= power + epsilon
            for i in range(n_taps):
                weights[i] += factor * inputs[i]


@njit(cache=True)
def adapt_harmonics(
    signal, weights, inverse, state, nominal, drift, algorithm, memory, largest, estimate
):
    """Track a sine of slowly changing frequency and its harmonics.

    Parameters
    ----------
    signal : ndarray of shape (n_times,)
        Signal with interference.
    weights : ndarray of shape (2 * n_harmonics,)
        Amplitudes of the cosine and the sine of each harmonic, which are changed in place.
    inverse : ndarray of shape (2 * n_harmonics, 2 * n_harmonics)
        Matrix of RLS, which is changed in place.
    state : ndarray of shape (3,)
        Phase of the next sample in radians, frequency in radians per sample, and mean square of the
        error in mV². It is changed in place.
    nominal, drift : float
        Nominal frequency, and maximum deviation from it, in radians per sample.
    algorithm : {LMS, NLMS, RLS}
        Algorithm that adapts the weights. LMS and NLMS are the same here, since the inputs have
        constant power.
    memory : float
        Time constant in samples.
    largest : float
        Parameter of RLS, see ``_update_rls``.
    estimate : ndarray of shape (n_times,)
        Output: the estimated interference.
    """
    n_harmonics = weights.shape[0] // 2
    inputs = np.zeros(2 * n_harmonics)
    before = np.zeros(2 * n_harmonics)
    gain = np.zeros(2 * n_harmonics)
    forgetting = np.exp(-1.0 / memory)
    step = 2.0 / memory
    phase, omega, noise = state[0], state[1], state[2]
    for t in range(signal.shape[0]):
        cosine, sine = np.cos(phase), np.sin(phase)
        c, s = cosine, sine
        total = 0.0
        for k in range(n_harmonics):
            inputs[2 * k], inputs[2 * k + 1] = c, s
            total += weights[2 * k] * c + weights[2 * k + 1] * s
            c, s = c * cosine - s * sine, s * cosine + c * sine
        estimate[t] = total
        error = signal[t] - total
        noise += (error * error - noise) / memory
        before[:] = weights
        if algorithm == RLS:
            _update_rls(weights, inverse, inputs, error, forgetting, largest, gain)
        else:
            for i in range(2 * n_harmonics):
                weights[i] += step * error * inputs[i]
        if drift > 0.0:
            # If the frequency is wrong by d, the weights of harmonic k rotate by k * d per sample.
            # This d is estimated by least squares over the harmonics. The noise of the weights,
            # 2 * noise / memory, is added to the denominator, which keeps the frequency nearly
            # constant if there is no interference.
            turn, power = 0.0, 0.0
            for k in range(n_harmonics):
                a, b = before[2 * k], before[2 * k + 1]
                order = k + 1.0
                turn += order * (b * (weights[2 * k] - a) - a * (weights[2 * k + 1] - b))
                power += order * order * (a * a + b * b + 2.0 * noise / memory)
            if power > 0.0:
                # With the time constant of the weights, the loop is of second order with a damping
                # ratio of 1/2: it rings little and follows a frequency that keeps drifting.
                omega += turn / power / memory
                omega = min(max(omega, nominal - drift), nominal + drift)
        phase = (phase + omega) % (2.0 * np.pi)
    state[0], state[1], state[2] = phase, omega, noise
