"""Checks of arguments: accepted values and error messages."""

import sys

import numpy as np
import pytest

from sklearn_emg._validation import (
    check_fraction,
    check_integer,
    check_integers,
    check_option,
    check_real,
    check_unused,
    did_you_mean,
    require,
)


@pytest.mark.parametrize("value", [1, np.int64(7)])
def test_integers_are_returned_as_python_integers(value):
    assert type(check_integer(value, "n", "f")) is int


@pytest.mark.parametrize("value", [0, True, np.True_, 1.0, "1", None])
@pytest.mark.parametrize("error", [ValueError, TypeError])
def test_what_is_no_positive_integer_is_refused(value, error):
    with pytest.raises(error, match=r"'n' parameter of f must be an integer of at least 1\. Got"):
        check_integer(value, "n", "f")


@pytest.mark.parametrize(
    "value, n, expected",
    [(3, None, (3,)), (3, 2, (3, 3)), ([1, 2], 2, (1, 2)), (np.array([4, 5]), None, (4, 5))],
)
def test_one_integer_stands_for_many(value, n, expected):
    assert check_integers(value, "sizes", "Net", n) == expected


@pytest.mark.parametrize("value", [[], "12", [1, 2, 3], [1, 0], [1.0, 2], None, 0])
def test_sequences_of_other_things_are_refused(value):
    with pytest.raises(ValueError, match=r"'sizes' parameter of Net must be .* 2 integers"):
        check_integers(value, "sizes", "Net", 2)


@pytest.mark.parametrize(
    "limits, value, wanted",
    [
        ({}, np.inf, "a finite number"),
        ({"low": 0.0}, -1.0, "a finite number >= 0"),
        ({"low": 0.0, "above": True}, 0.0, "a finite number > 0"),
        ({"high": 2.0, "below": True}, 2.0, "a finite number < 2"),
        ({"low": 0.0, "high": 1.0, "below": True}, 1.0, r"a number in \[0, 1\)"),
        ({"low": 0.0, "high": 1.0}, 1.5, "a number between 0 and 1"),
        ({"low": 0.0}, True, "a finite number"),
        ({"low": 0.0}, "1", "a finite number"),
    ],
)
def test_numbers_outside_their_limits_are_refused(limits, value, wanted):
    with pytest.raises(ValueError, match=f"'x' parameter of f must be {wanted}"):
        check_real(value, "x", "f", **limits)


def test_numbers_at_their_limits_are_taken():
    assert check_real(0, "x", "f", 0.0, 1.0) == 0.0
    assert check_fraction(np.float32(1.0), "x", "f") == 1.0


def test_misspelt_options_get_a_hint():
    with pytest.raises(ValueError, match=r"one of 'soft', 'hard'\. Got 'sotf' instead\. Did you"):
        check_option("sotf", ("soft", "hard"), "voting", "Vote")
    assert did_you_mean("RMS", ["rms", "mav"]) == " Did you mean 'rms'?"
    assert did_you_mean("quark", ["rms", "mav"]) == ""


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    with pytest.raises(ImportError, match=r'plot needs matplotlib.*pip install "sklearn-emg\[plot'):
        require("matplotlib.pyplot", "plot", "plot")
    assert require("json", "f", "none").dumps([]) == "[]"


def test_parameters_without_effect_are_refused():
    check_unused("f", "kind='a'", n=None)
    with pytest.raises(ValueError, match=r"'n' parameter of f is used only with kind='a'; .*'n'"):
        check_unused("f", "kind='a'", n=1, m=None)
    with pytest.raises(ValueError, match=r"'n' and 'm' parameters of f are used only .*'n' and"):
        check_unused("f", "kind='a'", n=1, m=0.0)
