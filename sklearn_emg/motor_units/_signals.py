"""Conditioning and whitening of signals, peaks, snippets and correlations with templates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float64]

# Fractions of a sample by which templates are shifted.
N_STEPS = 9
STEPS = np.linspace(-0.5, 0.5, N_STEPS)


def condition(signal: Floats, fs: float, highpass: float, lowpass: float, factor: int) -> Floats:
    """Band-pass filter a signal without phase shift, and keep every `factor`-th sample.

    The gain is that of a second-order Butterworth high-pass filter, applied forwards and backwards,
    multiplied by a raised cosine around the low-pass frequency.
    """
    n_times = signal.shape[-1]
    n_out = -(-n_times // factor)
    # A ramp from the last to the first value makes the signal periodic, so its ends do not ring.
    pad = max(int(0.02 * fs) // factor, 1) * factor
    n_all = fft.next_fast_len(n_out + pad // factor, real=True) * factor
    ramp = np.linspace(0.0, 1.0, n_all - n_times + 2)[1:-1]
    first, last = signal[..., :1], signal[..., -1:]
    periodic = np.concatenate([signal, last + (first - last) * ramp], axis=-1)
    spectrum = fft.rfft(periodic, axis=-1)[..., : n_all // factor // 2 + 1]
    frequency = np.arange(spectrum.shape[-1]) * (fs / n_all)
    gain = frequency**4 / (frequency**4 + highpass**4)
    edge = np.clip((frequency / lowpass - 0.85) / 0.3, 0.0, 1.0)
    spectrum *= gain * 0.5 * (1.0 + np.cos(np.pi * edge)) / factor
    return np.ascontiguousarray(fft.irfft(spectrum, n_all // factor, axis=-1)[..., :n_out])


def whitener(signal: Floats, used: NDArray[np.bool_], n_bins: int = 128) -> Floats:
    """Gain at each frequency, of shape (n_channels, n_bins + 1), that makes `signal` white.

    The spectrum is the median over segments, on which single potentials have little effect.
    """
    length = 2 * n_bins
    n = signal.shape[-1] // n_bins - 1
    at = n_bins * np.arange(max(n, 1))[:, None] + np.arange(length)
    if n < 4:
        return np.ones((len(signal), n_bins + 1))
    good = used[at].all(axis=1)
    if good.sum() < 4:
        return np.ones((len(signal), n_bins + 1))
    window = np.hanning(length + 2)[1:-1]
    window /= np.sqrt((window**2).sum())
    power = np.abs(fft.rfft(signal[:, at[good]] * window, axis=-1)) ** 2
    # The median of an exponential distribution is ln 2 times its mean.
    level = np.median(power, axis=1) / np.log(2.0)
    kernel = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9.0
    padded = np.pad(level, ((0, 0), (2, 2)), mode="reflect")
    level = np.array([np.convolve(row, kernel, "valid") for row in padded])
    floor = 0.1 * np.median(level[:, 2 : n_bins // 2], axis=-1, keepdims=True) + 1e-300
    return 1.0 / np.sqrt(np.maximum(level, floor))


def shape_spectrum(signal: Floats, gain: Floats) -> Floats:
    """Multiply the spectrum by a gain known at equidistant frequencies.

    Parameters
    ----------
    signal : ndarray of shape (n_channels, n_times)
        Signal in any unit.
    gain : ndarray of shape (n_channels, n_bins)
        Gain of each channel from 0 to the Nyquist frequency; it is interpolated linearly.

    Returns
    -------
    shaped : ndarray of shape (n_channels, n_times)
        Signal with the new spectrum. It is padded with zeros, so its ends do not wrap around.
    """
    n = signal.shape[-1]
    n_fast = fft.next_fast_len(n + 2 * gain.shape[-1], real=True)
    spectrum = fft.rfft(signal, n_fast, axis=-1)
    place = np.linspace(0.0, 1.0, spectrum.shape[-1])
    known = np.linspace(0.0, 1.0, gain.shape[-1])
    for channel, row in enumerate(gain):
        spectrum[channel] *= np.interp(place, known, row)
    return np.ascontiguousarray(fft.irfft(spectrum, n_fast, axis=-1)[..., :n])


def active(signal: Floats, minimum: int) -> slice:
    """Find the part of a signal without constant segments at either end.

    Parameters
    ----------
    signal : ndarray of shape (n_channels, n_times)
        Signal in any unit.
    minimum : int
        Minimum number of samples of a constant segment that is left out. All channels must be
        constant in it.

    Returns
    -------
    part : slice
        Samples that remain; none if the whole signal is constant.
    """
    n_times = signal.shape[-1]
    changes = np.flatnonzero((np.diff(signal, axis=-1) != 0).any(axis=0))
    if not len(changes):
        return slice(0, 0)
    first = changes[0] + 1 if changes[0] + 1 >= minimum else 0
    last = changes[-1] + 1 if n_times - changes[-1] - 1 >= minimum else n_times
    return slice(int(first), int(last))


def moving(signal: Floats, factor: int) -> NDArray[np.bool_]:
    """Return whether each `factor`-th sample lies in a segment that is not constant.

    Parameters
    ----------
    signal : ndarray of shape (n_channels, n_times)
        Recording.
    factor : int
        Number of samples of the recording per sample of the result.

    Returns
    -------
    used : ndarray of bool of shape (ceil(n_times / factor),)
        True where more than a fifth of the 100 samples around a sample differ from their successor
        in at least one channel.
    """
    changes = np.abs(np.diff(signal, axis=-1)).max(axis=0) > 0
    count = np.cumsum(np.concatenate([[0], changes, [0]]))
    half = 50
    first = np.maximum(np.arange(signal.shape[-1]) - half, 0)
    last = np.minimum(first + 2 * half, signal.shape[-1])
    return ((count[last] - count[first]) > 0.2 * (last - first))[::factor]


def noise_level(signal: Floats, used: NDArray[np.bool_]) -> Floats:
    """Standard deviation of Gaussian noise in each channel, estimated by the median of |x|."""
    values = signal[:, used]
    if not values.shape[-1]:
        return np.zeros(len(signal))
    return np.median(np.abs(values), axis=-1) / 0.6745


def peaks(signal: Floats, threshold: float, distance: int) -> tuple[NDArray[np.int64], Floats]:
    """Find the samples at which the norm over channels is highest within `distance`.

    The result is the samples and the fraction of a sample, from -0.5 to 0.5, by which each peak is
    later.
    """
    square = np.einsum("ct,ct->t", signal, signal)
    high = np.flatnonzero(square > threshold**2)
    order = high[np.argsort(-square[high], kind="stable")]
    taken = np.zeros(square.size, dtype=bool)
    found = []
    for at in order:
        if not taken[at]:
            found.append(at)
            taken[max(at - distance, 0) : at + distance + 1] = True
    samples = np.sort(np.array(found, dtype=np.int64))
    # A sample at the edge of the zone around a higher peak is not a peak.
    inner = samples[(samples > 0) & (samples < square.size - 1)]
    inner = inner[(square[inner] >= square[inner - 1]) & (square[inner] >= square[inner + 1])]
    largest = np.abs(signal[:, inner]).argmax(axis=0)
    before, at, after = (signal[largest, inner + k] for k in (-1, 0, 1))
    bend = before - 2 * at + after
    shift = np.divide(0.5 * (before - after), bend, out=np.zeros(inner.size), where=bend != 0)
    return inner, np.clip(shift, -0.5, 0.5)


def snippets(signal: Floats, at: NDArray[np.floating], before: int, length: int) -> Floats:
    """Segments of shape (n, n_channels, length) that begin `before` samples before each `at`.

    Between samples, the signal is interpolated with a sinc in a Hann window of 11 samples. Beyond
    the ends of the signal, the segments contain zeros.
    """
    from sklearn_emg.motor_units._kernels import stretches

    return stretches(np.ascontiguousarray(signal), np.asarray(at, np.float64), before, length)


def median(stretches: Floats) -> Floats:
    """Compute the median over segments by a compiled sort.

    Parameters
    ----------
    stretches : ndarray of shape (n, n_channels, length)
        Segments, such as those around the discharges of a unit. They must not contain NaN.

    Returns
    -------
    middle : ndarray of shape (n_channels, length)
        Median of each sample, in the unit of the segments.
    """
    from sklearn_emg.motor_units._kernels import medians

    return medians(stretches)


def shifted(templates: NDArray[np.floating], shifts: Floats) -> NDArray[Any]:
    """Delay templates by each of `shifts` samples.

    The templates have the shape (n, n_channels, length), and the result has the shape
    (n, n_shifts, n_channels, length).
    """
    length = templates.shape[-1]
    n = fft.next_fast_len(length + 32, real=True)
    spectrum = fft.rfft(templates, n, axis=-1)[:, None]
    phase = np.exp(-2j * np.pi * fft.rfftfreq(n) * shifts[:, None]).astype(spectrum.dtype)
    return fft.irfft(spectrum * phase[None, :, None], n, axis=-1)[..., :length]


def gains(signal: Floats, templates: Floats, before: int) -> NDArray[np.float32]:
    """Decrease in the energy of the signal if a template is subtracted, at its reference."""
    n_units, _, length = templates.shape
    n_times = signal.shape[-1]
    size = 1024
    step = size - length + 1
    n_blocks = -(-n_times // step)
    padded = np.pad(signal, ((0, 0), (before, n_blocks * step + size - n_times)))
    blocks = np.lib.stride_tricks.sliding_window_view(padded, size, axis=-1)[:, ::step][
        :, :n_blocks
    ]
    spectrum = fft.rfft(blocks.astype(np.float32), axis=-1)
    # The decrease is twice the correlation minus the energy of the template.
    of_templates = fft.rfft(2.0 * templates.astype(np.float32), size, axis=-1).conj()
    energy = np.einsum("ucl,ucl->u", templates, templates).astype(np.float32)
    n_whole = n_times // step
    out = np.empty((n_units, n_times), dtype=np.float32)
    for unit, rows in enumerate(of_templates):
        product = (spectrum * rows[:, None]).sum(axis=0)
        values = fft.irfft(product, size, axis=-1)
        whole = out[unit, : n_whole * step].reshape(n_whole, step)
        np.subtract(values[:n_whole, :step], energy[unit], out=whole)
        if n_whole < n_blocks:
            rest = out[unit, n_whole * step :]
            np.subtract(values[n_whole, : rest.size], energy[unit], out=rest)
    return out


def correlations(templates: NDArray[np.floating], bank: NDArray[np.floating]) -> NDArray[Any]:
    """Correlations of templates with several versions of other templates.

    `templates` has the shape (n, n_channels, length), and `bank` has the shape (n_others,
    n_versions, n_channels, length). The result has the shape (n_others, n_versions, n,
    2 * length - 1), with lags from 1 - length to length - 1 samples.
    """
    length = templates.shape[-1]
    n = fft.next_fast_len(2 * length, real=True)
    a = fft.rfft(templates, n, axis=-1).conj()
    b = fft.rfft(bank, n, axis=-1)
    values = fft.irfft(np.einsum("icf,jscf->jsif", a, b), n, axis=-1)
    return np.concatenate([values[..., n - length + 1 :], values[..., :length]], axis=-1)


def taper(length: int, edge: int) -> Floats:
    """Return a window with raised-cosine edges and ones between them (a Tukey window).

    Parameters
    ----------
    length : int
        Number of samples, at least twice `edge`.
    edge : int
        Number of samples of each edge. Sample i of the rising edge is
        0.5 - 0.5 cos(pi (i + 0.5) / edge).

    Returns
    -------
    window : ndarray of shape (length,)
        Window with values from 0 to 1.
    """
    window = np.ones(length)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    window[:edge] = ramp
    window[length - edge :] = ramp[::-1]
    return window


def synthesise(
    bank: Floats, units: NDArray, at: NDArray, steps: NDArray, before: int, n_times: int
) -> Floats:
    """Compute the sum of the potentials of all discharges.

    Parameters
    ----------
    bank : ndarray of shape (n_units, n_steps, n_channels, length)
        Templates, each shifted by fractions of a sample from -0.5 to 0.5.
    units, at, steps : ndarray of int of shape (n_discharges,)
        Unit, sample and step of the shift of each discharge.
    before : int
        Index of the sample of the templates at the time of the discharge.
    n_times : int
        Number of samples of the result. Potentials are cut off at its ends.

    Returns
    -------
    total : ndarray of shape (n_channels, n_times)
        Sum in the unit of the templates.
    """
    from sklearn_emg.motor_units._kernels import place

    out = np.zeros((bank.shape[2], n_times))
    place(out, bank, units, at, steps, before, 1.0)
    return out


def refine(residual: Floats, templates: list[Floats], trains: list[Floats], before: int) -> None:
    """Improve templates one after another by the median of the residual around their discharges.

    Parameters
    ----------
    residual : ndarray of shape (n_channels, n_times)
        Recording minus the potentials of all trains; it is changed in place.
    templates : list of ndarray of shape (n_channels, length)
        Templates, which are changed in place and may be zeros at first.
    trains : list of ndarray of shape (n_discharges,)
        Times of the discharges of each template in samples.
    before : int
        Index of the sample of the templates at the time of the discharge.
    """
    for template, times in zip(templates, trains):
        length = template.shape[-1]
        window = taper(length, max(length // 12, 1))
        change = window * median(snippets(residual, times, before, length))
        template += change
        residual -= place_templates(change, times, before, residual.shape[-1])


def jiggle(residual: Floats, template: Floats, times: Floats, before: int) -> float:
    """Jiggle: normalised consecutive amplitude differences of Stålberg and Sonoo (1994).

    It is the sum over time of the median of |x_{i+1} - x_i|, corrected for the noise and divided by
    the sum of the absolute values of the template.
    """
    rest = snippets(residual, times, before, template.shape[-1])
    step = median(np.abs(np.diff(rest, axis=0)))
    noise = np.quantile(step, 0.25, axis=-1, keepdims=True)
    excess = np.sqrt(np.maximum(step**2 - noise**2, 0.0))
    return float(excess.sum() / np.abs(template).sum())


def place_templates(template: Floats, times: Floats, before: int, n_times: int) -> Floats:
    """Sum of one template placed at all times (in samples), of shape (n_channels, n_times)."""
    whole = np.floor(times + 0.5).astype(np.int64)
    steps = np.round((times - whole + 0.5) * (N_STEPS - 1)).astype(np.int64)
    bank = shifted(template[np.newaxis], STEPS)
    nought = np.zeros(len(times), dtype=np.int64)
    return synthesise(bank, nought, whole, steps, before, n_times)
