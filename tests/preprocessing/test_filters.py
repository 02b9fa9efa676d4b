import warnings
from itertools import pairwise

import numpy as np
import pytest
from data import noise
from scipy import signal

from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.preprocessing import BandpassFilter, HighpassFilter, LowpassFilter, NotchFilter
from sklearn_emg.preprocessing._filtering._design import Taps, causal_filter, initial_state
from sklearn_emg.recordings import recording_table

FS = 1000.0
IIR = ["butterworth", "chebyshev1", "chebyshev2", "bessel"]


def _sine(freq, n_times=4000, fs=FS):
    return np.sin(2 * np.pi * freq * np.arange(n_times) / fs)


@pytest.mark.parametrize("design", [*IIR, "fir"])
@pytest.mark.parametrize("zero_phase", [True, False])
def test_sine_in_the_band_keeps_its_amplitude_within_one_percent(design, zero_phase):
    # Twice 0.1 dB, the default ripple, would be more than a percent.
    bandpass = BandpassFilter(10.0, 400.0, design=design, ripple=0.04, zero_phase=zero_phase, fs=FS)
    middle = bandpass.fit_transform(_sine(60.0)[None])[0, 1000:-1000]
    # The mean square of a sine of amplitude 1 is 1/2; 2000 samples are 120 whole periods.
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(1.0, rel=0.01)


@pytest.mark.parametrize("design", [*IIR, "fir"])
@pytest.mark.parametrize("freq", [2.0, 300.0])
def test_sine_far_outside_the_band_is_removed(design, freq):
    filtered = BandpassFilter(20.0, 100.0, design=design, fs=FS).fit_transform(_sine(freq)[None])
    assert np.abs(filtered[0, 1000:-1000]).max() < 0.01


def test_zero_phase_butterworth_has_the_closed_form_response():
    freq, corner, order = 70.0, 50.0, 3
    filtered = LowpassFilter(corner, order=order, fs=FS).fit_transform(_sine(freq)[None])
    # Bilinear transform: frequencies are warped by tan(pi f / fs); two passes square the response.
    ratio = np.tan(np.pi * freq / FS) / np.tan(np.pi * corner / FS)
    expected = 1 / (1 + ratio ** (2 * order))
    amplitude = np.sqrt(2 * np.mean(filtered[0, 1000:-1000] ** 2))
    assert amplitude == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("bandpass_design", ["butterworth", "chebyshev1"])
def test_corner_of_a_causal_filter_is_where_the_design_puts_it(bandpass_design):
    low = HighpassFilter(40.0, design=bandpass_design, zero_phase=False, fs=FS)
    amplitude = np.sqrt(2 * np.mean(low.fit_transform(_sine(40.0)[None])[0, 2000:] ** 2))
    loss = {"butterworth": 10 * np.log10(2), "chebyshev1": 0.1}[bandpass_design]
    assert -20 * np.log10(amplitude) == pytest.approx(loss, abs=0.02)


def test_zero_phase_equals_scipy():
    X = noise(3, 2, 500)
    sos = signal.butter(4, (20.0, 450.0), btype="bandpass", fs=FS, output="sos")
    np.testing.assert_array_equal(
        BandpassFilter(20.0, 450.0, fs=FS).fit_transform(X), signal.sosfiltfilt(sos, X)
    )


def test_zero_phase_fir_is_a_plain_convolution_in_the_middle():
    X = noise(2, 900)
    filtered = BandpassFilter(50.0, 200.0, design="fir", transition=20.0, fs=FS).fit_transform(X)
    taps = signal.firwin(165, (50.0, 200.0), pass_zero=False, fs=FS)  # 3.3 * 1000 / 20 = 165
    for row, out in zip(X, filtered):
        # 1 %: the taps are those of the windowed sinc, corrected so that they sum to 0.
        np.testing.assert_allclose(out[82:-82], np.convolve(row, taps, "valid"), atol=0.01)


@pytest.mark.parametrize("design", [*IIR, "fir"])
def test_zero_phase_is_symmetric_in_time(design):
    pulse = np.zeros((1, 2001))
    pulse[0, 1000] = 1.0
    filtered = BandpassFilter(20.0, 300.0, design=design, fs=FS).fit_transform(pulse)[0]
    np.testing.assert_allclose(filtered, filtered[::-1], atol=1e-9)


@pytest.mark.parametrize("design", [*IIR, "fir"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stream_of_chunks_equals_the_whole_to_the_last_bit(design, dtype):
    X = (noise(3, 1000) + 5.0).astype(dtype)
    causal = BandpassFilter(20.0, 300.0, design=design, zero_phase=False, fs=FS)
    stream = causal.stream()
    cuts = [0, 1, 2, 9, 10, 300, 301, 777, 1000]
    chunks = [stream.process(X[:, a:b]) for a, b in pairwise(cuts)]
    whole = causal.fit_transform(X)
    assert whole.dtype == dtype
    np.testing.assert_array_equal(np.concatenate(chunks, axis=1), whole)


@pytest.mark.parametrize("n_taps", [1, 2, 1023, 1024, 3001])
def test_a_causal_fir_filter_is_that_of_scipy_from_its_steady_state(n_taps):
    taps = signal.firwin(n_taps, 100.0, fs=FS)
    X = noise(2, 700) + 3.0
    state = initial_state(X[:, :1], Taps(taps))
    filtered, state = causal_filter(X, Taps(taps), state)
    begin = signal.lfilter_zi(taps, [1.0]) * X[:, :1] if n_taps > 1 else np.zeros((2, 0))
    expected, _ = signal.lfilter(taps, [1.0], X, zi=begin)
    np.testing.assert_allclose(filtered, expected, atol=1e-12)
    before = np.hstack([np.repeat(X[:, :1], n_taps - 1, axis=1), X])
    np.testing.assert_array_equal(state, before[:, X.shape[1] :])


@pytest.mark.parametrize("kind", ["float16", ">f4", ">f8", "int16", "longdouble"])
@pytest.mark.parametrize("zero_phase", [True, False])
def test_other_types_of_samples_are_computed_in_single_or_double_precision(kind, zero_phase):
    """As in a stream: half precision would lose digits in each step."""
    values = (100 * noise(600)).astype(kind)
    step = BandpassFilter(20.0, 300.0, zero_phase=zero_phase)
    single = np.dtype(kind).newbyteorder("=") == np.float32
    exact = values.astype(np.float32 if single else np.float64)
    found, expected = (
        step.fit_transform(recording_table([v], fs=FS, subject=["a"]))["signal"][0]
        for v in (values, exact)
    )
    assert found.dtype == expected.dtype == exact.dtype
    np.testing.assert_array_equal(found, expected)
    if not zero_phase:
        stream = step.stream(FS)
        chunks = [stream.process(values[:7]), stream.process(values[7:])]
        np.testing.assert_array_equal(np.concatenate(chunks), expected)


def test_reset_stream_begins_anew():
    chunk = noise(40)
    stream = NotchFilter(50.0, zero_phase=False).stream(fs=FS)
    first, second = stream.process(chunk), stream.process(chunk)
    assert not np.array_equal(first, second)
    stream.reset()
    np.testing.assert_array_equal(stream.process(chunk), first)


def test_stream_takes_an_empty_chunk_in_its_stride():
    stream = NotchFilter(50.0, zero_phase=False).stream(fs=FS)
    assert stream.process(np.empty((2, 0))).shape == (2, 0)
    assert stream.process(np.ones((2, 3))).shape == (2, 3)


@pytest.mark.parametrize(
    "chunk, match",
    [
        (np.array([[1.0, np.nan]] * 2), "contains NaN"),
        (np.ones((3, 2)), "began with signals of shape"),
        (1.0, "time axis"),
    ],
)
def test_stream_refuses_bad_chunks(chunk, match):
    stream = NotchFilter(50.0, zero_phase=False, fs=FS).stream()
    stream.process(np.ones((2, 5)))
    with pytest.raises(ValueError, match=match):
        stream.process(chunk)


def test_zero_phase_filter_refuses_to_stream():
    with pytest.raises(ValueError, match="zero_phase=False to stream"):
        BandpassFilter(fs=FS).stream()


@pytest.mark.parametrize("design", ["butterworth", "fir"])
def test_causal_filter_makes_no_step_out_of_an_offset(design):
    X = np.full((2, 300), 7.0)
    highpass = HighpassFilter(20.0, design=design, zero_phase=False, fs=FS)
    lowpass = LowpassFilter(100.0, design=design, zero_phase=False, fs=FS)
    np.testing.assert_allclose(highpass.fit_transform(X), 0.0, atol=1e-9)
    np.testing.assert_allclose(lowpass.fit_transform(X), 7.0, rtol=1e-9)


def test_notch_reduces_the_power_line_frequency_and_its_harmonics_by_40_db():
    X = np.sum([_sine(f, 8000) for f in (60.0, 120.0, 180.0, 240.0, 300.0)], axis=0)[None]
    left = NotchFilter(60.0, harmonics=5, fs=FS).fit_transform(X)[0, 2000:-2000]
    assert 20 * np.log10(np.std(left) / np.std(X)) < -40


def test_notch_without_harmonics_leaves_the_harmonic():
    left = NotchFilter(60.0, fs=FS).fit_transform(_sine(120.0)[None])[0, 1000:-1000]
    assert np.sqrt(2 * np.mean(left**2)) == pytest.approx(1.0, rel=0.01)


@pytest.mark.parametrize("fs, n", [(1000.0, 9), (1001.0, 10), (240.0, 2)])
def test_all_harmonics_stay_below_the_nyquist_frequency(fs, n):
    freqs = NotchFilter(50.0, harmonics="all")._freqs(fs)
    assert len(freqs) == n
    assert freqs[-1] < fs / 2


def test_notch_is_3_db_down_at_half_its_width():
    w, h = signal.sosfreqz(NotchFilter(50.0, bandwidth=4.0)._coefficients(FS).sos, 2**16, fs=FS)
    inside = w[np.abs(h) < np.sqrt(0.5)]
    assert inside[-1] - inside[0] == pytest.approx(4.0, rel=0.02)


def test_rows_of_a_table_are_filtered_at_their_own_rates():
    long, short = noise(2, 1500), noise(700)
    table = recording_table([long, short], fs=[1000.0, 2000.0], subject=["a", "b"], level=[3, 4])
    filtered = HighpassFilter(20.0).fit_transform(table)
    for row, (values, fs) in enumerate([(long, 1000.0), (short, 2000.0)]):
        expected = HighpassFilter(20.0, fs=fs).fit_transform(np.atleast_2d(values))
        np.testing.assert_array_equal(np.atleast_2d(filtered["signal"][row]), expected)
    assert filtered.drop(columns="signal").equals(table.drop(columns="signal"))


@pytest.mark.parametrize(
    "step",
    [
        BandpassFilter(20.0, 400.0, fs=FS),
        BandpassFilter(20.0, 400.0, design="fir", fs=FS),
        NotchFilter(zero_phase=False, fs=FS),
    ],
)
@pytest.mark.parametrize("n_times", [1, 2, 17])
def test_short_windows_keep_their_length_and_type(step, n_times):
    X = noise(2, 3, n_times).astype(np.float32)
    filtered = step.fit_transform(X)
    assert (filtered.shape, filtered.dtype) == (X.shape, np.float32)
    assert np.isfinite(filtered).all()


def test_input_stays_as_it_was_and_may_be_read_only_and_strided():
    base = noise(4, 200)
    X = base[::2, ::-1]
    X.flags.writeable = False
    expected = BandpassFilter(fs=FS).fit_transform(X.copy())
    np.testing.assert_array_equal(BandpassFilter(fs=FS).fit_transform(X), expected)


@pytest.mark.parametrize(
    "step, match",
    [
        (
            BandpassFilter(20.0, 600.0, fs=FS),
            r"The 'high' parameter of BandpassFilter must be below the Nyquist frequency, 500.0 Hz "
            r"for fs=1000.0. Got 600.0 instead.",
        ),
        (HighpassFilter(500.0, fs=FS), "'low' parameter of HighpassFilter must be below the Nyq"),
        (BandpassFilter(300.0, 200.0, fs=FS), "'low' parameter of BandpassFilter must be below 'h"),
        (NotchFilter(60.0, harmonics=9, fs=FS), "'harmonics' parameter .* up to 540.0 Hz"),
        (NotchFilter(50.0, bandwidth=100.0, fs=FS), "'bandwidth' parameter of NotchFilter must"),
        (NotchFilter(50.0), "NotchFilter needs the sampling rate of arrays"),
        (BandpassFilter(-1.0, fs=FS), "'low' parameter of BandpassFilter must be a float in"),
        (BandpassFilter(design="cheby", fs=FS), "'design' parameter of BandpassFilter must be"),
    ],
)
def test_unusable_parameters_are_refused(step, match):
    with pytest.raises(ValueError, match=match):
        step.fit(noise(2, 100))


def test_a_row_that_is_sampled_too_slowly_is_named():
    table = recording_table([np.ones(90), np.ones(80)], fs=[1000.0, 500.0], subject="a")
    step = LowpassFilter(300.0).fit(table.iloc[:1])
    with pytest.raises(ValueError, match=r"Row 1.*'high' parameter of LowpassFilter"):
        step.transform(table)


def test_gaps_in_windows_are_refused_with_row_and_remedy():
    X = np.ones((3, 2, 50))
    X[1, 1, 7] = np.nan
    with pytest.raises(ValueError, match=r"1 of 3 rows, first in row 1; .*GapInterpolator"):
        NotchFilter(50.0, fs=FS).fit(X)


@pytest.mark.parametrize(
    "step, warns",
    [
        (BandpassFilter(0.04, 0.8, fs=1000.0), True),
        (LowpassFilter(0.8, fs=1000.0), True),
        (LowpassFilter(5.0, fs=1000.0), False),
        (HighpassFilter(0.5, fs=1000.0), False),
    ],
)
def test_corners_given_as_fractions_of_the_nyquist_frequency_are_warned_of(step, warns):
    told = pytest.warns(RecordingWarning, match="multiply it by 500 Hz")
    with told if warns else warnings.catch_warnings():
        if not warns:
            warnings.simplefilter("error")
        step.fit(0.1 * np.random.default_rng(0).normal(size=(2, 500)))
