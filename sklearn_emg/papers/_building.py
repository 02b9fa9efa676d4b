"""What the pipelines of all systems have in common."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.preprocessing import ArtefactRejector, BandpassFilter, GapInterpolator, Resampler


def over_recordings(
    classifier: Any,
    *,
    fs: float,
    window: float,
    step: float | None,
    by: str | None = None,
    low: float | None = None,
    high: float | None = None,
    final_estimator: Any = None,
    before: tuple[tuple[str, Any], ...] = (),
) -> Pipeline:
    """Pipeline of a band-pass, resampling to one rate, and windows that vote for their subject.

    Parameters
    ----------
    classifier : estimator object
        Classifier of windows.
    fs : float
        Rate in Hz at which windows are cut; the rates of a table may differ.
    window, step : float
        Seconds.
    by : str, default=None
        See :class:`~sklearn_emg.ensemble.DiVoteClassifier`.
    low, high : float, default=None
        Cut-offs in Hz; `high` is lowered to 0.45 times the rate of a recording. None leaves the
        filter out.
    final_estimator : None, "logistic" or estimator object, default=None
    before : tuple of (name, transformer), default=()
        Further steps between resampling and windows.

    Returns
    -------
    pipeline : Pipeline
        Steps ``gaps``, ``filter``, ``resample``, those of `before`, ``mark`` and ``divote``. The
        first fills missing samples, and ``mark`` makes them NaN again, except those of gaps of up
        to 2 ms. Windows with NaN, and recordings shorter than a window, are left out.
    """
    # Steps that a system lacks are "passthrough", so that set_params can put one there.
    bandpass = (
        "passthrough" if low is None or high is None else BandpassFilter(low, high, lower_high=True)
    )
    return Pipeline(
        [
            ("gaps", GapInterpolator(longer="note")),
            ("filter", bandpass),
            ("resample", Resampler(float(fs))),
            *before,
            ("mark", ArtefactRejector(kinds=[])),
            (
                "divote",
                DiVoteClassifier(
                    classifier,
                    window=window,
                    step=step,
                    by=by,
                    final_estimator=final_estimator,
                    nan="skip",
                    short="skip",
                ),
            ),
        ]
    )


def over_filtered(
    classifier: Any,
    fs: float,
    window: float,
    step: float | None,
    before: tuple[tuple[str, Any], ...] = (),
) -> Pipeline:
    """`over_recordings` with a band-pass of 20 to 4000 Hz."""
    return over_recordings(
        classifier, fs=fs, window=window, step=step, low=20.0, high=4000.0, before=before
    )


def check_choice(value: str, choices: tuple[str, ...], name: str, function: str) -> None:
    """Raise unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(
            f"The {name!r} of {function} must be one of {', '.join(map(repr, choices))}. "
            f"Got {value!r} instead."
        )
