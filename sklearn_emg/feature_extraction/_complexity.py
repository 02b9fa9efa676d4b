"""Complexity features: entropies, fractal dimensions, fluctuation exponent and compressibility."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._sklearn import POSITIVE, Integral, Interval, StrOptions
from sklearn_emg.base import FeatureExtractor
from sklearn_emg.feature_extraction._blocks import map_rows
from sklearn_emg.feature_extraction._info import FeatureInfo, check_features, check_min_n_times
from sklearn_emg.feature_extraction._spectral import power_spectrum

_Values = Callable[["ComplexityFeatures", NDArray[np.float64]], NDArray[np.float64]]


def _info(name: str, title: str, formula: str, source: str, min_n_times: int) -> FeatureInfo:
    return FeatureInfo(name, title, formula, "1", "complexity", source, min_n_times, 0.0)


FEATURES: dict[str, FeatureInfo] = {
    info.name: info
    for info in (
        _info(
            "sample_entropy",
            "Sample entropy",
            "ln B - ln A, where B and A are the numbers of pairs of the N - m templates that match "
            "in m and in m + 1 samples (largest difference <= tolerance * std(x)); if A is 0, "
            "ln((N-m)(N-m-1)/2), the largest value that N allows",
            "Richman, Moorman. Physiological time-series analysis using approximate entropy and "
            "sample entropy. Am. J. Physiol. 278 (2000) H2039-H2049",
            4,
        ),
        _info(
            "approximate_entropy",
            "Approximate entropy",
            "phi_m - phi_{m+1}, where phi_m is the mean over the N - m + 1 templates of "
            "ln(proportion of templates that match, the template itself included)",
            "Pincus. Approximate entropy as a measure of system complexity. Proc. Natl. Acad. Sci. "
            "USA 88 (1991) 2297-2301",
            4,
        ),
        _info(
            "fuzzy_entropy",
            "Fuzzy entropy",
            "ln phi_m - ln phi_{m+1}, where phi_m is the mean of exp(-d^n / tolerance) over pairs "
            "of the N - m templates of (x - mean(x)) / std(x), each minus its mean, and d is the "
            "largest difference of a pair",
            "Chen, Wang, Xie, Yu. Characterization of surface EMG signal based on fuzzy entropy. "
            "IEEE Trans. Neural Syst. Rehabil. Eng. 15 (2007) 266-272",
            4,
        ),
        _info(
            "permutation_entropy",
            "Permutation entropy",
            "-sum p ln p / ln(n!) over the ordinal patterns of n = permutation_order samples; the "
            "earlier of two equal samples has the lower rank",
            "Bandt, Pompe. Permutation entropy: a natural complexity measure for time series. "
            "Phys. Rev. Lett. 88 (2002) 174102",
            3,
        ),
        _info(
            "spectral_entropy",
            "Spectral entropy",
            "-sum p_k ln p_k / ln M, where p_k = P_k / sum P over the M bins of the periodogram "
            "above 0 Hz",
            "Inouye et al. Quantification of EEG irregularity by use of the entropy of the power "
            "spectrum. Electroencephalogr. Clin. Neurophysiol. 79 (1991) 204-210",
            4,
        ),
        _info(
            "svd_entropy",
            "Singular value decomposition entropy",
            "-sum s_k ln s_k / ln n, where s_k are the singular values, divided by their sum, of "
            "the embedding matrix of n = svd_order columns",
            "Roberts, Penny, Rezek. Temporal and spatial complexity measures for EEG based "
            "brain-computer interfacing. Med. Biol. Eng. Comput. 37 (1999) 93-98",
            3,
        ),
        _info(
            "higuchi",
            "Higuchi fractal dimension",
            "slope of ln L(k) on ln(1/k), k = 1..k_max, where L(k) is the mean over m = 1..k of "
            "sum_i |x_{m+ik} - x_{m+(i-1)k}| (N-1) / (floor((N-m)/k) k^2)",
            "Higuchi. Approach to an irregular time series on the basis of the fractal theory. "
            "Physica D 31 (1988) 277-283",
            20,
        ),
        _info(
            "katz",
            "Katz fractal dimension",
            "ln n / (ln n + ln(d / L)), where n = N - 1, L = sum |d_i| and d = max |x_i - x_1|; "
            "limited to 100, which is also the value if d <= L / n",
            "Katz. Fractals and the analysis of waveforms. Comput. Biol. Med. 18 (1988) 145-156; "
            "distances along the amplitude as in Esteller et al., IEEE Trans. Circuits Syst. I 48 "
            "(2001) 177-183",
            3,
        ),
        _info(
            "petrosian",
            "Petrosian fractal dimension",
            "ln N / (ln N + ln(N / (N + 0.4 n))), where n is the number of sign changes of d_i, "
            "without zeros",
            "Petrosian. Kolmogorov complexity of finite sequences and recognition of different "
            "preictal EEG patterns. Proc. IEEE Symp. Comput.-Based Med. Syst. (1995) 212-217",
            2,
        ),
        _info(
            "box_counting",
            "Box-counting dimension",
            "slope of ln(number of boxes) on ln(1/width), where the curve is scaled to a square "
            "and boxes are 2, 4, 8 ... samples wide, at least 8 in a row",
            "Mandelbrot. The Fractal Geometry of Nature. Freeman, 1982; for EMG: Gitter, "
            "Czerniecki. Fractal analysis of the electromyographic interference pattern. "
            "J. Neurosci. Methods 58 (1995) 103-108",
            32,
        ),
        _info(
            "dfa",
            "Detrended fluctuation analysis exponent",
            "slope of ln F(n) on ln n, where F(n) is the root mean square deviation of "
            "cumsum(x - mean) from straight lines in boxes of n samples, n = 4 * 1.2^i up to "
            "N / 10",
            "Peng et al. Mosaic organization of DNA nucleotides. Phys. Rev. E 49 (1994) 1685-1689",
            100,
        ),
        _info(
            "lempel_ziv",
            "Lempel-Ziv complexity",
            "c log2(N) / N, where c is the number of phrases in the exhaustive history of "
            "x_i >= median(x)",
            "Lempel, Ziv. On the complexity of finite sequences. IEEE Trans. Inf. Theory 22 (1976) "
            "75-81",
            2,
        ),
    )
}


def _entropy(counts: NDArray[np.floating]) -> NDArray[np.float64]:
    """Compute -sum p ln p of proportions along the last axis; 0 where all counts are 0."""
    total = counts.sum(axis=-1, keepdims=True)
    p = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    entropy = -(p * np.log(p, out=np.zeros_like(p), where=p > 0)).sum(axis=-1)
    return entropy + 0.0  # not -0.0


def _slopes(
    u: NDArray[np.float64], values: NDArray[np.float64], otherwise: float
) -> NDArray[np.float64]:
    """Compute the slope of ln(values) on u for each row, from the positive values only.

    A value is 0 if the signal repeats itself exactly, as a sinusoid does after its period. If fewer
    than two values are positive, the slope is `otherwise`.
    """
    weight = values > 0
    n = np.maximum(weight.sum(axis=-1), 1)
    y = np.log(values, out=np.zeros_like(values), where=weight)
    du = weight * (u - (weight * u).sum(axis=-1, keepdims=True) / n[:, np.newaxis])
    square = (du**2).sum(axis=-1)
    enough = weight.sum(axis=-1) > 1
    slope = np.divide((du * y).sum(axis=-1), square, out=np.zeros(len(values)), where=enough)
    return np.where(enough, slope, otherwise)


def _flat(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    return rows.max(axis=1) == rows.min(axis=1)


def _fluctuation_sizes(n_times: int) -> NDArray[np.int64]:
    """Compute the box sizes: the integer parts of 4 * 1.2^i, up to a tenth of the window."""
    steps = int(math.log(n_times / 40) / math.log(1.2))
    return np.unique((4 * 1.2 ** np.arange(steps + 1)).astype(np.int64))


class ComplexityFeatures(FeatureExtractor):
    """Entropies, fractal dimensions and other measures of the irregularity of a window.

    A fast search computes sample and approximate entropy exactly (see Notes).

    Parameters
    ----------
    features : "all" or list of str, \
default=("sample_entropy", "permutation_entropy", "higuchi")
        Names of the features, in the order of the output. :func:`feature_table` lists the formula
        and source of each.
    order : int, default=2
        Length m of the templates of sample, approximate and fuzzy entropy.
    tolerance : float, default=0.2
        Tolerance of sample, approximate and fuzzy entropy, in standard deviations of the window
        (divisor N). In fuzzy entropy, it is the width of the exponential.
    fuzzy_exponent : float, default=2
        Exponent n of the distance in fuzzy entropy.
    permutation_order : int, default=3
        Number of samples of an ordinal pattern, from 2 to 8.
    svd_order : int, default=3
        Number of columns of the embedding matrix of ``svd_entropy``.
    delay : int, default=1
        Distance in samples between neighbouring elements of an ordinal pattern or of a row of the
        embedding matrix.
    k_max : int, default=10
        Largest step in samples of the curves of Higuchi's method.
    n_jobs : int, default=None
        Number of threads that process blocks of windows. None means 1 unless a
        `joblib.parallel_config` context is active; -1 means all processors.

    Attributes
    ----------
    n_features_in_ : int
        Size of the second axis of the array seen in ``fit``: number of samples for 2-D windows and
        number of channels for 3-D windows; not set for a recording table.
    n_channels_in_ : int
        Number of channels of the signals seen in ``fit``.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``; None for a recording table.

    Raises
    ------
    ValueError
        If a feature is unknown or windows are too short for a feature.

    See Also
    --------
    SpectralFeatures : Its ``spectral_entropy`` has more options for the spectrum.

    Notes
    -----
    No feature depends on the unit of the signal. For a constant window, entropies and ``dfa`` are
    0, fractal dimensions are 1, and ``lempel_ziv`` is that of a sequence with two phrases.

    Sample and approximate entropy compare integer ranks instead of samples, and compare only
    templates whose first samples match. The counts of matching pairs are exact. The computing time
    grows with the square of the window length, by some tens of picoseconds per pair. Fuzzy entropy
    compares all pairs, which takes about 5 us per sample for windows of 4000 samples.

    Box counting underestimates the dimension of windows of finite length: it gives about 1.4 for
    Brownian motion of 4000 samples, whose dimension is 1.5. Higuchi's method has no such bias.

    All computations are in float64.

    References
    ----------
    .. [1] J. S. Richman, J. R. Moorman. Physiological time-series analysis using approximate
       entropy and sample entropy. Am. J. Physiol. 278 (2000) H2039-H2049.
    .. [2] T. Higuchi. Approach to an irregular time series on the basis of the fractal theory.
       Physica D 31 (1988) 277-283.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import ComplexityFeatures
    >>> noise = np.random.default_rng(0).normal(size=1000)
    >>> X = np.stack([noise, noise.cumsum(), np.arange(1000.0)])
    >>> ComplexityFeatures(["higuchi"]).fit_transform(X).round(1)  # 2, 1.5 and 1 in theory
    array([[2. ],
           [1.5],
           [1. ]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "features": [StrOptions({"all"}), list, tuple],
        "order": [Interval(Integral, 1, None, closed="left")],
        "tolerance": [POSITIVE],
        "fuzzy_exponent": [POSITIVE],
        "permutation_order": [Interval(Integral, 2, 8, closed="both")],
        "svd_order": [Interval(Integral, 2, None, closed="left")],
        "delay": [Interval(Integral, 1, None, closed="left")],
        "k_max": [Interval(Integral, 2, None, closed="left")],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        features: Literal["all"] | Iterable[str] = (
            "sample_entropy",
            "permutation_entropy",
            "higuchi",
        ),
        *,
        order: int = 2,
        tolerance: float = 0.2,
        fuzzy_exponent: float = 2,
        permutation_order: int = 3,
        svd_order: int = 3,
        delay: int = 1,
        k_max: int = 10,
        n_jobs: int | None = None,
    ):
        self.features = features
        self.order = order
        self.tolerance = tolerance
        self.fuzzy_exponent = fuzzy_exponent
        self.permutation_order = permutation_order
        self.svd_order = svd_order
        self.delay = delay
        self.k_max = k_max
        self.n_jobs = n_jobs

    def _names(self) -> list[str]:
        return check_features(self.features, FEATURES, self._caller)

    def _check_parameters(self, fs: float) -> None:
        self._names()

    def _shortest(self, fs: float) -> dict[str, int]:
        shortest = {name: info.min_n_times for name, info in FEATURES.items()}
        for name in ("sample_entropy", "approximate_entropy", "fuzzy_entropy"):
            shortest[name] = self.order + 2
        shortest["permutation_entropy"] = (self.permutation_order - 1) * self.delay + 1
        shortest["svd_entropy"] = (self.svd_order - 1) * self.delay + 1
        shortest["higuchi"] = 2 * self.k_max
        return {name: shortest[name] for name in self._names()}

    def _check_length(self, n_times: int, fs: float) -> None:
        check_min_n_times(n_times, self._shortest(fs), self._caller)

    def _feature_names(self) -> list[str]:
        return self._names()

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        names = self._names()
        return map_rows(lambda rows: self._row_values(rows, names), X, len(names), self.n_jobs)

    def _row_values(self, rows: NDArray[np.floating], names: list[str]) -> NDArray[np.float64]:
        exact = rows.astype(np.float64, copy=False)
        values: dict[str, NDArray[np.float64]] = {}
        both = {"sample_entropy", "approximate_entropy"} & set(names)
        if both:
            values |= self._template_entropies(exact, pairs="approximate_entropy" not in both)
        for name in names:
            if name not in values:
                values[name] = _SINGLE[name](self, exact)
        return np.stack([values[name] for name in names], axis=-1)

    def _template_entropies(
        self, rows: NDArray[np.float64], pairs: bool
    ) -> dict[str, NDArray[np.float64]]:
        from sklearn_emg.feature_extraction._kernels.complexity import template_matches

        n_rows, n = rows.shape
        m = self.order
        out = np.empty((n_rows, 4))
        # The type must have one more value than there are ranks, to mark samples without a match.
        code = np.zeros(1, dtype=np.uint16 if n < 2**16 else np.uint32)
        orders = np.argsort(rows, axis=1)
        template_matches(rows, orders, self.tolerance * rows.std(axis=1), m, pairs, code, out)
        b, a = out[:, 0], out[:, 1]
        none = a == 0
        sample = np.log(np.where(none, 1.0, b)) - np.log(np.where(none, 1.0, a))
        sample[none] = math.log((n - m) * (n - m - 1) / 2)
        values = {"sample_entropy": sample}
        if not pairs:
            phi_m = out[:, 2] / (n - m + 1) - math.log(n - m + 1)
            phi_next = out[:, 3] / (n - m) - math.log(n - m)
            values["approximate_entropy"] = phi_m - phi_next
        return values

    def _fuzzy_entropy(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        from sklearn_emg.feature_extraction._kernels.complexity import fuzzy_sums

        flat = _flat(rows)
        deviation = np.where(flat, 1.0, rows.std(axis=1))
        scaled = (rows - rows.mean(axis=1, keepdims=True)) / deviation[:, np.newaxis]
        scaled[flat] = 0.0
        out = np.empty((len(rows), 2))
        fuzzy_sums(scaled, self.order, float(self.fuzzy_exponent), float(self.tolerance), out)
        return np.log(out[:, 0]) - np.log(out[:, 1])

    def _permutation_entropy(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        from sklearn_emg.feature_extraction._kernels.complexity import ordinal_counts

        n_patterns = math.factorial(self.permutation_order)
        out = np.empty((len(rows), n_patterns))
        ordinal_counts(rows, self.permutation_order, self.delay, out)
        return _entropy(out) / math.log(n_patterns)

    def _spectral_entropy(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        _, power = power_spectrum(rows, fs=1.0)
        # A constant window minus its mean may contain rounding errors, which have a spectrum.
        power = np.where(_flat(rows)[:, np.newaxis], 0.0, power)
        return _entropy(power) / math.log(power.shape[1])

    def _svd_entropy(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        from sklearn_emg.feature_extraction._kernels.complexity import embedding_products

        out = np.empty((len(rows), self.svd_order, self.svd_order))
        embedding_products(rows, self.svd_order, self.delay, out)
        # The eigenvalues of the inner products are the squares of the singular values. Rounding
        # errors are set to 0; their roots would be about 1e-8 of the largest singular value.
        squares = np.linalg.eigvalsh(out)
        squares[squares < 1e-14 * squares[:, -1:]] = 0.0
        return _entropy(np.sqrt(squares)) / math.log(self.svd_order)

    def _higuchi(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        from sklearn_emg.feature_extraction._kernels.complexity import higuchi_lengths

        out = np.empty((len(rows), self.k_max))
        higuchi_lengths(rows, self.k_max, out)
        return _slopes(-np.log(np.arange(1.0, self.k_max + 1)), out, otherwise=1.0)

    def _katz(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        from sklearn_emg.feature_extraction._kernels.complexity import katz_sums

        n_steps = rows.shape[1] - 1
        out = np.empty((len(rows), 2))
        katz_sums(rows, out)
        length, farthest = out.T
        # The distance d in units of the mean step is n for a straight line, and at most 1 if the
        # signal stays near its first sample.
        reach = np.full(len(rows), float(n_steps))
        np.divide(farthest * n_steps, length, out=reach, where=length > 0)
        reach = np.log(reach)
        steps = math.log(n_steps)
        return np.divide(steps, reach, out=np.full(len(rows), 100.0), where=reach > steps / 100)

    def _petrosian(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        from sklearn_emg.feature_extraction._kernels.complexity import sign_changes

        n = rows.shape[1]
        out = np.empty(len(rows))
        sign_changes(rows, out)
        return math.log(n) / (math.log(n) + np.log(n / (n + 0.4 * out)))

    def _box_counting(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        from sklearn_emg.feature_extraction._kernels.complexity import box_counting

        n_scales = int(math.log2(rows.shape[1] / 8)) + 1
        out = np.empty((len(rows), n_scales))
        box_counting(rows, n_scales, out)
        # Boxes of one sample measure the straight lines between samples, not the signal.
        slopes = _slopes(-math.log(2.0) * np.arange(1.0, n_scales), out[:, 1:], otherwise=1.0)
        return np.where(_flat(rows), 1.0, slopes)

    def _dfa(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        from sklearn_emg.feature_extraction._kernels.complexity import detrended_fluctuation

        sizes = _fluctuation_sizes(rows.shape[1])
        out = np.empty((len(rows), len(sizes)))
        detrended_fluctuation(rows, sizes, out)
        out[_flat(rows)] = 0.0
        # Deviations from the lines that are only rounding errors, as next to a spike, are set to 0.
        out[out < 1e-10 * out.max(axis=1, keepdims=True)] = 0.0
        return _slopes(np.log(sizes), out, otherwise=0.0)

    def _lempel_ziv(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        from sklearn_emg.feature_extraction._kernels.complexity import lempel_ziv_phrases

        symbols = (rows >= np.median(rows, axis=1, keepdims=True)).view(np.int8)
        out = np.empty(len(rows))
        lempel_ziv_phrases(symbols, out)
        return out * math.log2(rows.shape[1]) / rows.shape[1]


_SINGLE: dict[str, _Values] = {
    "fuzzy_entropy": ComplexityFeatures._fuzzy_entropy,
    "permutation_entropy": ComplexityFeatures._permutation_entropy,
    "spectral_entropy": ComplexityFeatures._spectral_entropy,
    "svd_entropy": ComplexityFeatures._svd_entropy,
    "higuchi": ComplexityFeatures._higuchi,
    "katz": ComplexityFeatures._katz,
    "petrosian": ComplexityFeatures._petrosian,
    "box_counting": ComplexityFeatures._box_counting,
    "dfa": ComplexityFeatures._dfa,
    "lempel_ziv": ComplexityFeatures._lempel_ziv,
}
