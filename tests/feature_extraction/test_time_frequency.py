"""Images against SciPy, closed forms and the published formulas of the mel scale and the delta."""

import numpy as np
import pytest
import scipy.signal
from data import noise
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sklearn_emg.feature_extraction import (
    STFT,
    LogSpectrogram,
    MelSpectrogram,
    WaveformImage,
    mel_filterbank,
)
from sklearn_emg.recordings import recording_table

FS = 1000.0
IMAGES = [
    STFT(nperseg=32),
    LogSpectrogram(delta=True, nperseg=32),
    MelSpectrogram(5, fs=FS, nperseg=32),
    WaveformImage(17, 23),
    WaveformImage(17, 23, limits=(-1, 1)),
]


@pytest.mark.parametrize("n_fft", [None, 50, 81])
@pytest.mark.parametrize("hop", [None, 13])
def test_stft_equals_scipy(n_fft, hop):
    X = noise(7, 3, 150)
    got = STFT("power", nperseg=40, hop=hop, n_fft=n_fft, center=False).fit_transform(X)
    step = hop or 10
    _, _, Z = scipy.signal.stft(
        X, FS, nperseg=40, noverlap=40 - step, nfft=n_fft, boundary=None, padded=False
    )
    power = 2 * np.abs(Z) ** 2
    power[:, :, 0] /= 2
    if (n_fft or 40) % 2 == 0:
        power[:, :, -1] /= 2
    np.testing.assert_allclose(got, power, rtol=1e-4, atol=1e-7)


def test_frames_are_centred_at_multiples_of_the_hop():
    # An impulse at sample 60 = 5 * 12 meets the middle of the taper, where it is 1.
    X = np.zeros((1, 151))
    X[0, 60] = 1.0
    image = STFT("power", nperseg=32, hop=12).fit_transform(X)[0, 0]
    assert image.shape == (17, 13)
    assert image[4].argmax() == 5
    assert image[4, 5] == pytest.approx(2 / 16.0**2, rel=1e-5)  # Hann taper of sum 16


def test_magnitude_of_a_sinusoid_is_its_amplitude():
    X = 2.5 * np.cos(2 * np.pi * np.arange(300) / 10)[np.newaxis] + 0.75
    image = STFT(nperseg=50, center=False).fit_transform(X)[0, 0]
    np.testing.assert_allclose(image[5], 2.5, rtol=1e-5)
    np.testing.assert_allclose(image[0], 0.75, rtol=1e-5)


def test_log_spectrogram_is_decibels_of_the_power():
    X = noise(7, 3, 150)
    power = STFT("power", nperseg=32).fit_transform(X).astype(float)
    got = LogSpectrogram(nperseg=32, top_db=None).fit_transform(X)
    np.testing.assert_allclose(got, 10 * np.log10(np.maximum(power, 1e-10)), atol=1e-3)


def test_levels_stop_at_floor_and_range():
    X = np.vstack([np.zeros(200), np.sin(np.arange(200.0))])
    got = LogSpectrogram(nperseg=64, top_db=30).fit_transform(X)
    np.testing.assert_array_equal(got[0], -100.0)
    assert got[1].max() - got[1].min() == pytest.approx(30.0, abs=1e-4)


@pytest.mark.parametrize("width", [3, 9])
def test_delta_is_the_slope_of_a_fitted_line(width):
    X = noise(2, 3, 150)
    got = LogSpectrogram(delta=True, delta_width=width, nperseg=32).fit_transform(X)
    level, delta = got[:, ::2].astype(float), got[:, 1::2]
    expected = scipy.signal.savgol_filter(level, width, polyorder=1, deriv=1, mode="nearest")
    np.testing.assert_allclose(delta, expected, atol=1e-4)


def test_filterbank_follows_slaneys_formulas():
    def to_mel(f):
        return 3 * f / 200 if f < 1000 else 15 + 27 * np.log(f / 1000) / np.log(6.4)

    fs, n_fft, n_mels = 10000.0, 512, 30
    grid = np.linspace(0, 5000, 500001)
    mel = np.array([to_mel(f) for f in grid])
    corners = [grid[np.searchsorted(mel, m)] for m in np.linspace(0, to_mel(5000), n_mels + 2)]
    got = mel_filterbank(fs, n_fft, n_mels)
    f = np.arange(n_fft // 2 + 1) * fs / n_fft
    for row, (low, centre, high) in zip(got, zip(corners, corners[1:], corners[2:])):
        expected = np.interp(f, [low, centre, high], [0, 2 / (high - low), 0], left=0, right=0)
        np.testing.assert_allclose(row, expected, atol=1e-2 * expected.max())


def test_filterbank_equals_values_of_librosa():
    # librosa 0.11: librosa.filters.mel(sr=10000, n_fft=64, n_mels=5)[[0, 2, 4]][:, [3, 5, 8, 20]]
    expected = [
        [0.0021126923505228224, 0.00039691876826054113, 0.0, 0.0],
        [0.0, 0.0, 0.0013494984265957374, 0.0],
        [0.0, 0.0, 0.0, 0.0006268792684353243],
    ]
    got = mel_filterbank(10000.0, 64, 5)[[0, 2, 4]][:, [3, 5, 8, 20]]
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_filters_have_area_one():
    weights = mel_filterbank(10000.0, 8192, 12)
    np.testing.assert_allclose(weights.sum(axis=1) * 10000 / 8192, 1.0, rtol=1e-3)


def test_mel_spectrogram_is_filtered_power():
    X = noise(7, 3, 150)
    power = STFT("power", nperseg=32).fit_transform(X)
    got = MelSpectrogram(5, fs=FS, nperseg=32, log=False).fit_transform(X)
    expected = np.einsum("mk,wckt->wcmt", mel_filterbank(FS, 32, 5), power)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_waveform_by_hand():
    image = WaveformImage(height=5, width=4, limits=(0, 4)).fit_transform([[0.0, 4.0, 2.0]])[0, 0]
    # Column 0 rises from 0 to 2, column 1 from 2 to 4, then down to 3 and to 2.
    assert image.astype(int).tolist() == [
        [0, 1, 1, 0],
        [0, 1, 1, 1],
        [1, 1, 0, 1],
        [1, 0, 0, 0],
        [1, 0, 0, 0],
    ]


@pytest.mark.parametrize("n_times", [2, 9, 40, 1000])
def test_waveform_covers_a_finely_drawn_line(n_times):
    x = np.random.default_rng(1).normal(size=n_times)
    height, width = 31, 41  # no point of a column edge lies half-way between two rows
    image = WaveformImage(height, width).fit_transform(x[np.newaxis])[0, 0]
    at = np.linspace(0, n_times - 1, 200 * width * max(n_times // width, 1) + 1)
    y = np.interp(at, np.arange(n_times), x)
    row = np.rint((x.max() - y) / (x.max() - x.min()) * (height - 1)).astype(int)
    column = np.minimum((at / (n_times - 1) * width).astype(int), width - 1)
    drawn = np.zeros((height, width))
    np.add.at(drawn, (row, column), 1)
    assert (image[drawn > 0] == 1).all()
    # Only a corner of the line between two of the points may be missing.
    assert ((image == 1) & (drawn == 0)).sum() <= 2


def test_waveform_of_a_constant_is_a_line_at_half_height():
    image = WaveformImage(5, 6).fit_transform(np.full((1, 30), 7.0))[0, 0]
    np.testing.assert_array_equal(image.argmax(axis=0), 2)
    assert image.sum() == 6


def test_waveform_with_limits_keeps_the_amplitude():
    X = np.array([[0.0, 1.0, 0.0, -1.0]] * 2) * [[1.0], [10.0]]
    free = WaveformImage(9, 8).fit_transform(X)
    fixed = WaveformImage(9, 8, limits=(-10, 10)).fit_transform(X)
    np.testing.assert_array_equal(free[0], free[1])
    assert fixed[0].sum() < fixed[1].sum()


@pytest.mark.parametrize("transformer", IMAGES, ids=lambda t: type(t).__name__)
def test_image_depends_on_its_window_alone(transformer):
    X = noise(61, 3, 150)
    together = transformer.fit_transform(X)
    assert together.dtype == np.float32
    assert together.ndim == 4
    np.testing.assert_array_equal(transformer.transform(X[::-1])[::-1], together)
    np.testing.assert_array_equal(transformer.transform(X[5:6])[0], together[5])
    threaded = clone(transformer).set_params(n_jobs=2).fit_transform(X)
    np.testing.assert_array_equal(threaded, together)


@pytest.mark.parametrize("transformer", IMAGES, ids=lambda t: type(t).__name__)
def test_channels_stand_side_by_side(transformer):
    X = noise(7, 3, 150)
    together = transformer.fit_transform(X)
    alone = [transformer.fit_transform(X[:, [channel]]) for channel in range(3)]
    np.testing.assert_array_equal(together, np.concatenate(alone, axis=1))


@pytest.mark.parametrize("transformer", IMAGES, ids=lambda t: type(t).__name__)
def test_table_equals_array(transformer):
    X = noise(4, 3, 150)
    transformer = clone(transformer)
    expected = transformer.fit_transform(X)
    table = recording_table(list(X), fs=FS, subject=list("abcd"))
    np.testing.assert_array_equal(transformer.fit_transform(table), expected)


def test_table_of_unequal_rows_is_refused():
    table = recording_table([np.ones(100), np.ones(90)], fs=FS, subject=["a", "b"])
    with pytest.raises(ValueError, match=r"row 1 has 1 x 90\. Cut the table into windows"):
        STFT(nperseg=16).fit(table)
    transformer = STFT(nperseg=16).fit(table.iloc[:1])
    with pytest.raises(ValueError, match=r"row 0 has 1 x 90"):
        transformer.transform(table.iloc[1:])


def test_pandas_output_leaves_images_alone():
    pipeline = make_pipeline(STFT(nperseg=32)).set_output(transform="pandas")
    with config_context(transform_output="pandas"):
        assert pipeline.fit_transform(noise(7, 3, 150)).shape == (7, 3, 17, 19)


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_float32_and_integers_give_the_same_images(dtype):
    X = np.rint(100 * noise(7, 3, 150))
    for transformer in IMAGES[:3]:
        expected = transformer.fit_transform(X)
        np.testing.assert_allclose(
            transformer.fit_transform(X.astype(dtype)), expected, rtol=1e-3, atol=1e-2
        )


@pytest.mark.parametrize(
    "transformer, message",
    [
        (STFT(nperseg=200, center=False), "shorter than the nperseg=200"),
        (STFT(nperseg=64, n_fft=32), "'n_fft' parameter of STFT must be at least nperseg=64"),
        (STFT(taper="hannn"), "'taper' parameter of STFT"),
        (LogSpectrogram(delta_width=4), "must be odd"),
        (MelSpectrogram(), "MelSpectrogram needs the sampling rate"),
        (MelSpectrogram(60, fs=FS, nperseg=32), "Lower 'n_mels' or raise 'n_fft'"),
        (MelSpectrogram(fs=FS, f_max=600.0), "<= 500 Hz, half the sampling rate"),
        (WaveformImage(limits=(1, 1)), "must be a pair in mV with low < high"),
    ],
)
def test_wrong_parameters_are_named(transformer, message):
    with pytest.raises(ValueError, match=message):
        transformer.fit(noise(7, 3, 150))


def test_other_length_than_fitted_is_refused():
    transformer = WaveformImage().fit(noise(7, 3, 150))
    with pytest.raises(ValueError, match="fitted on windows of 3 x 150"):
        transformer.transform(noise(7, 3, 149))
