"""The compiled kernels themselves, and how windows are fed to them."""

import os
import subprocess
import sys

import joblib
import numpy as np
import pytest

from sklearn_emg.feature_extraction._blocks import map_rows
from sklearn_emg.feature_extraction._info import FeatureInfo, check_features, check_min_n_times


def test_numba_is_not_imported_before_it_is_needed():
    code = "import sys, sklearn_emg.feature_extraction; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


COMPILED = """
import sys
import numpy as np
from sklearn_emg.feature_extraction import AutoregressiveFeatures
X = np.random.default_rng(0).normal(size=(30, 24))
np.save(sys.argv[1], AutoregressiveFeatures(1).fit_transform(X))
"""


@pytest.mark.slow  # compiles the kernels twice
def test_compiled_and_loaded_kernels_give_the_same_bits(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    found = []
    for name in ("compiled.npy", "loaded.npy"):
        command = [sys.executable, "-c", COMPILED, str(tmp_path / name)]
        subprocess.run(command, check=True, env=environment)
        found.append(np.load(tmp_path / name))
    np.testing.assert_array_equal(*found)


def brute_force_matches(x, r, m):
    n = len(x) - m
    near = abs(x[:, None] - x) <= r
    short = np.logical_and.reduce([near[c : c + n, c : c + n] for c in range(m)])
    long = short & near[m : m + n, m : m + n]
    return (short.sum() - n) // 2, (long.sum() - n) // 2


@pytest.mark.parametrize("m", [1, 2, 3, 5])
@pytest.mark.parametrize("code", [np.uint16, np.uint32])
@pytest.mark.parametrize("pairs", [True, False])
def test_template_matches_are_exact_with_ties_on_the_tolerance(m, code, pairs):
    from sklearn_emg.feature_extraction._kernels.complexity import template_matches

    # Integers, so that many differences equal the tolerance.
    rng = np.random.default_rng(m)
    X = rng.integers(-6, 7, size=(5, 90)).astype(float)
    r = np.array([0.0, 1.0, 2.0, 3.0, 20.0])
    out = np.empty((5, 4))
    template_matches(X, np.argsort(X, axis=1), r, m, pairs, np.zeros(1, dtype=code), out)
    expected = [brute_force_matches(x, limit, m) for x, limit in zip(X, r)]
    np.testing.assert_array_equal(out[:, :2], expected)


def test_lempel_ziv_phrases_of_random_sequences():
    from sklearn_emg.feature_extraction._kernels.complexity import lempel_ziv_phrases

    rng = np.random.default_rng(0)
    symbols = (rng.random((30, 60)) < rng.random((30, 1))).astype(np.int8)
    out = np.empty(30)
    lempel_ziv_phrases(symbols, out)
    for row, phrases in zip(symbols, out):
        s = "".join(map(str, row))
        count, start = 0, 0
        while start < len(s):
            stop = start + 1
            while stop <= len(s) and s.find(s[start:stop], 0, stop - 1) >= 0:
                stop += 1
            count, start = count + 1, stop
        assert phrases == count


def bucket_sum(x):
    from sklearn_emg.feature_extraction._kernels.l_moments import l_sum

    counts = np.empty(min(len(x) // 2, 2**16 - 1) + 2, dtype=np.uint32)
    keys = np.empty(len(x), dtype=np.uint16)
    mean = float(x.mean())
    deviation = float(abs(x - mean).mean())
    return l_sum(x, mean, deviation, counts, keys, np.empty_like(x))


def sorted_sum(x):
    return (2.0 * np.arange(len(x)) - len(x) + 1) @ np.sort(x.astype(float))


@pytest.mark.parametrize("dtype, rtol", [(np.float32, 2e-6), (np.float64, 1e-12)])
@pytest.mark.parametrize("offset", [0.0, 50.0])
@pytest.mark.parametrize("decimals", [1, 9])
def test_sum_over_buckets_is_that_of_the_sorted_window(dtype, rtol, offset, decimals):
    for n in (2, 9, 500, 3000):
        x = np.random.default_rng(n).standard_normal(n) ** 3 + offset
        x = np.round(x, decimals).astype(dtype)
        # A float32 mean that is not exact shifts all samples equally and does not change the sum.
        assert bucket_sum(x) == pytest.approx(sorted_sum(x), rel=rtol)


def test_more_buckets_than_keys_can_name_are_not_needed():
    x = np.random.default_rng(0).standard_normal(140_000)
    assert bucket_sum(x) == pytest.approx(sorted_sum(x), rel=1e-12)


@pytest.mark.parametrize("reach", [1, 2, 3, 7, 20, 90])
def test_pairs_in_the_wrong_order_are_found_where_the_search_may_stop_early(reach):
    from sklearn_emg.feature_extraction._kernels.l_moments import _inversions

    rng = np.random.default_rng(reach)
    for n in (2, 17, 90):
        # Neighbours up to about `reach` apart change places in a few positions.
        x = np.sort(rng.integers(0, 50, n)).astype(float)
        x += np.where(rng.random(n) < 0.1, rng.integers(-reach, reach + 1, n), 0)
        first, second = np.triu_indices(n, 1)
        expected = np.maximum(x[first] - x[second], 0.0).sum()
        assert _inversions(x, 1, n) == (expected, True)


def test_buckets_that_are_full_of_equal_and_of_different_samples():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.integers(-2, 3, 900) * 0.1, rng.normal(0, 1e-3, 90), [40.0]])
    x = rng.permutation(x)
    assert bucket_sum(x) == pytest.approx(sorted_sum(x), rel=1e-12)


def test_sum_over_buckets_gives_up_on_a_crowd():
    x = np.random.default_rng(0).standard_normal(5000)
    x[0] = 1e12
    assert np.isnan(bucket_sum(x))


def test_map_rows_keeps_the_order_of_windows_on_any_number_of_threads():
    X = np.random.default_rng(0).standard_normal((70, 3, 11))

    def ends(rows):
        assert rows.flags.c_contiguous
        assert rows.flags.writeable
        return rows[:, [0, -1]]

    for n_jobs in (None, 1, 2, 5):
        np.testing.assert_array_equal(map_rows(ends, X, 2, n_jobs), X[..., [0, -1]])
    with joblib.parallel_config(backend="threading", n_jobs=3):
        np.testing.assert_array_equal(map_rows(ends, X[:, :, ::2], 2), X[..., [0, -1]])


def test_map_rows_passes_on_what_goes_wrong_in_a_thread():
    def fail(rows):
        raise ZeroDivisionError("in a thread")

    with pytest.raises(ZeroDivisionError, match="in a thread"):
        map_rows(fail, np.zeros((40, 1, 5)), 1, n_jobs=2)


KNOWN = {name: FeatureInfo(name, "-", "-", "mV", "time", "-", 3) for name in ("rms", "mav")}


def test_all_names_every_feature_in_order():
    assert check_features("all", KNOWN, "Thing") == ["rms", "mav"]


@pytest.mark.parametrize(
    "features, error, match",
    [
        ("rms", TypeError, r"write \['rms'\] for one feature"),
        (3, TypeError, "must be 'all' or a list of names. Got 3"),
        ([3], TypeError, "must contain names. Got 3"),
        (["rmss", "nothing"], ValueError, "'rmss' .did you mean 'rms'.., 'nothing'. Known names"),
    ],
)
def test_unknown_names_are_refused_all_at_once(features, error, match):
    with pytest.raises(error, match=match):
        check_features(features, KNOWN, "Thing")


def test_short_windows_are_refused_for_all_features_at_once():
    with pytest.raises(
        ValueError, match=r"Windows of 2 samples .* Thing: rms needs 3, mav needs 4"
    ):
        check_min_n_times(2, {"rms": 3, "mav": 4, "wl": 2}, "Thing")
