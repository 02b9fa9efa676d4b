"""Causal pipelines: streams of steps that process recordings, and causal substitutes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from os import PathLike
from typing import Any, NamedTuple

from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_emg.adaptation import AdaptiveDiagnosis
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.preprocessing import (
    AdaptiveFilter,
    AmplitudeScaler,
    ArtefactRejector,
    BaselineRemover,
    Envelope,
    GapInterpolator,
    HighpassFilter,
    LowpassFilter,
    NotchFilter,
    Rectifier,
    SignalStream,
)


class CausalSystem(NamedTuple):
    """Causal version of a system, with a list of the changes.

    Attributes
    ----------
    pipeline : estimator
        Unfitted clone of the system with causal steps. It must be fitted before use.
    changes : list of str
        Sentences that describe the changes, one per step that differs. The list is empty if all
        steps were causal.
    """

    pipeline: Any
    changes: list[str]


Found = tuple[Any, str] | None  # the substitute and a description of the change


def _of_filter(step: Any) -> Found:
    if not step.zero_phase:
        return None
    text = (
        "zero_phase=False: it runs only forwards, once instead of twice, so potentials are "
        "delayed and the attenuation in dB is halved"
    )
    return clone(step).set_params(zero_phase=False), text


def _of_scaler(step: AmplitudeScaler) -> Found:
    if step.by == "training":
        return None
    text = "by='training': the scale comes from the training recordings, not from each recording"
    return clone(step).set_params(by="training"), text


def _of_baseline(step: BaselineRemover) -> Found:
    corner = 0.3 / step.window
    text = f"a causal HighpassFilter({corner:g}) takes its place and adds a tail to each potential"
    return HighpassFilter(corner, order=2, zero_phase=False, fs=step.fs), text


def _of_envelope(step: Envelope) -> Found:
    corner = step.cutoff if step.method == "lowpass" else 0.443 / step.window
    lowpass = LowpassFilter(corner, order=2, zero_phase=False, fs=step.fs)
    text = f"Rectifier and a causal LowpassFilter({corner:g}) take its place, with a delay"
    return Pipeline([("rectifier", Rectifier()), ("lowpass", lowpass)]), text


def _of_adaptive(step: AdaptiveFilter) -> Found:
    if step.reference != "powerline" or step.output != "cleaned":
        return None
    notch = NotchFilter(step.freq, harmonics=step.harmonics, zero_phase=False, fs=step.fs)
    text = f"a causal NotchFilter({step.freq:g}) takes its place, but does not follow drift"
    return notch, text


def _of_rejector(step: Any) -> Found:
    return (
        "passthrough",
        "left out: StreamingDiagnosis(artefacts=ArtefactDetector()) rejects windows with artefacts",
    )


def _of_gaps(step: Any) -> Found:
    return "passthrough", "left out: StreamingDiagnosis restarts after a gap"


_SUBSTITUTES: dict[type, Callable[[Any], Found]] = {
    AmplitudeScaler: _of_scaler,
    BaselineRemover: _of_baseline,
    Envelope: _of_envelope,
    AdaptiveFilter: _of_adaptive,
    ArtefactRejector: _of_rejector,
    GapInterpolator: _of_gaps,
}


def _substitute(step: Any) -> Found:
    if hasattr(step, "stream") and hasattr(step, "zero_phase"):
        return _of_filter(step)
    rule = _SUBSTITUTES.get(type(step))
    return None if rule is None else rule(step)


def _acts_in_fit_only(step: Any) -> bool:
    """Return whether a step does not change signals: it is left out or is a sampler."""
    sampler = hasattr(step, "fit_resample") and not hasattr(step, "transform")
    return step is None or isinstance(step, str) or sampler


def _system(model: Any) -> Any:
    """Return the system within a search, an adaptation or a frozen model, or the model itself."""
    if isinstance(model, FrozenEstimator):
        return _system(model.estimator)
    if isinstance(model, AdaptiveDiagnosis) and hasattr(model, "estimator_"):
        return _system(model.estimator_)
    return _system(model.best_estimator_) if hasattr(model, "best_estimator_") else model


def _whole_steps(model: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and the step of each part of a system, including those of nested pipelines."""
    model = _system(model)
    if isinstance(model, Pipeline):
        for name, step in model.steps:
            yield from _whole_steps(step, f"{path}__{name}" if path else name)
    elif hasattr(model, "transformer_"):  # a CachedTransformer
        yield from _whole_steps(model.transformer_, path)
    elif not _acts_in_fit_only(model):
        yield path, model


def split_system(model: Any, caller: str) -> tuple[list[tuple[str, Any]], DiVoteClassifier]:
    """Split a fitted system into steps that process recordings and a final DiVoteClassifier.

    It may also be a search over or an adaptation of such a system. Return the path and step of each
    step, and the classifier. Raise ValueError if the system does not end with a DiVoteClassifier,
    or was not fitted on recordings that it divides into windows.
    """
    *steps, (_, divote) = list(_whole_steps(model)) or [("", None)]
    if not isinstance(divote, DiVoteClassifier):
        raise ValueError(
            f"{caller} takes a fitted DiVoteClassifier, or a Pipeline that ends with one. Got "
            f"{model!r}, which ends with {type(divote).__name__}."
            + (" Read a saved system with load_model." if isinstance(model, str | PathLike) else "")
        )
    check_is_fitted(divote)
    if divote.window is None or divote.fs_ is None or divote.window_shape_ is None:
        raise ValueError(
            f"{caller} needs a DiVoteClassifier that divides recordings into windows. Got "
            f"window={divote.window}. Set 'window' in seconds and fit it on a recording table."
        )
    return steps, divote


def streams_of(steps: list[tuple[str, Any]], fs: float, caller: str) -> list[SignalStream]:
    """Return streams of the steps that process recordings.

    Raise ValueError if a step cannot stream; the message names the step and a remedy.
    """
    streams = []
    for path, step in steps:
        name = type(step).__name__
        if not hasattr(step, "stream"):
            raise ValueError(
                f"{caller} cannot run step {path!r}: {name} needs the whole recording."
                f"{_remedy(step)}"
            )
        try:
            streams.append(step.stream(fs))
        except ValueError as error:
            raise ValueError(
                f"{caller} cannot run step {path!r}: {error}{_remedy(step)}"
            ) from error
    return streams


def _remedy(step: Any) -> str:
    if _substitute(step) is None:
        return " Put it inside DiVoteClassifier, where it processes windows, or leave it out."
    return " to_causal(pipeline) returns a causal version, which must be fitted again."


def to_causal(pipeline: Any) -> CausalSystem:
    """Make a causal version of a system, which can run on live signals after it is fitted.

    Steps before DiVoteClassifier, which process whole recordings, are replaced or left out if they
    need future samples. Steps inside DiVoteClassifier process complete windows and are not changed.

    Parameters
    ----------
    pipeline : estimator
        Pipeline that ends with a DiVoteClassifier, fitted or not, a fitted search over such a
        pipeline, or an AdaptiveDiagnosis of either, which is kept around the causal version.

    Returns
    -------
    causal : CausalSystem
        Object with the unfitted causal version in ``pipeline`` and, in ``changes``, a sentence for
        each step that differs.

    Raises
    ------
    ValueError
        If a step has no causal substitute. The message names the step.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> from sklearn_emg.preprocessing import HighpassFilter
    >>> from sklearn_emg.streaming import to_causal
    >>> windows = make_pipeline(TimeDomainFeatures(), LogisticRegression())
    >>> causal, changes = to_causal(make_pipeline(HighpassFilter(10.0), DiVoteClassifier(windows)))
    >>> causal[0]
    HighpassFilter(low=10.0, zero_phase=False)
    >>> len(changes)
    1
    """
    changes: list[str] = []
    return CausalSystem(_causal(_unfitted(pipeline), "", changes), changes)


def _unfitted(pipeline: Any) -> Any:
    """Clone a system, including an adaptation around it."""
    if not isinstance(pipeline, AdaptiveDiagnosis):
        return clone(_system(pipeline))
    inner = getattr(pipeline, "estimator_", pipeline.estimator)
    # Cloning a FrozenEstimator returns the same object, whose system must not change.
    return clone(pipeline).set_params(estimator=clone(_system(inner)))


def _causal(model: Any, path: str, changes: list[str]) -> Any:
    """Return the causal version of an unfitted part, and add its changes to `changes`."""
    if isinstance(model, Pipeline):
        inner = [
            (n, _causal(step, f"{path}__{n}" if path else n, changes)) for n, step in model.steps
        ]
        return model.set_params(steps=inner)
    if _acts_in_fit_only(model) or isinstance(model, DiVoteClassifier):
        return model
    if isinstance(model, AdaptiveDiagnosis):
        return model.set_params(estimator=_causal(model.estimator, path, changes))
    if hasattr(model, "transformer"):
        inner = _causal(model.transformer, path, changes)
        return inner if isinstance(inner, str) else model.set_params(transformer=inner)
    return _causal_step(model, path, changes)


def _causal_step(model: Any, path: str, changes: list[str]) -> Any:
    """Return the step if it can stream, or its substitute."""
    name = type(model).__name__
    found = _substitute(model)
    if found is not None:
        changes.append(f"Step {path!r}, {name}: {found[1]}.")
        return found[0]
    if hasattr(model, "stream"):
        return model
    raise ValueError(
        f"to_causal knows no causal substitute for step {path!r}, {name}. Put it inside "
        "DiVoteClassifier, where it processes complete windows, or leave it out."
    )
