"""The description of the training parameters, which every estimator of this package takes."""

from __future__ import annotations

from typing import TypeVar

_TRAINING = """\
lr : float, default={lr}
        Learning rate.
    max_epochs : int, default={max_epochs}
        Most passes over the training windows.
    batch_size : int, default={batch_size}
        Windows per update, at least 2 (batch normalisation cannot learn from one). Every window
        is used in every epoch; a last batch of one joins the batch before it.
    optimizer : str or type, default={optimizer}
        Name of an optimiser in ``torch.optim``, or such a class.
    optimizer_params : dict, default=None
        Further arguments of the optimiser, e.g. ``{{"betas": (0.9, 0.98)}}``.
    weight_decay : float, default={weight_decay}
        L2 penalty on kernels and weight matrices; biases and batch normalisation are left free.
        With ``"Adam"`` or ``"SGD"`` it adds ``weight_decay / 2`` times the sum of squares to the
        loss, so Keras' ``l2(v)`` is ``weight_decay=2 * v``.
    validation_fraction : float or None, default={validation_fraction}
        Fraction held out to choose the weights: of the subjects of each class when `fit` is given
        `groups`, otherwise of the windows of each class; at least one and never all of them.
        Windows of one recording resemble each other, so without `groups` the validation loss is
        optimistic. A class with a single subject (window) is not held out: a warning says so.
        None trains on everything, for `max_epochs`, and keeps the last weights.
    validation : {{"subjects", "windows"}} or array-like of subjects, default="subjects"
        Who is held out. "subjects" draws them, where `fit` is given `groups`. Subjects by their
        names in `groups`: exactly these, such as those of a published protocol, whatever
        `validation_fraction`; a warning lists names that `groups` lacks, and it is an error where
        it has none of them. "windows" draws windows although their subjects are known, as studies
        with random windows do: leaky, the persons of validation are those of training.
    patience : int or None, default={patience}
        Stop after so many epochs without a new lowest validation loss. None never stops early.
        Either way the weights with the lowest validation loss are restored at the end.
    lr_patience : int or None, default={lr_patience}
        Multiply the learning rate by `lr_factor` after so many epochs without a new lowest
        validation loss (training loss, where there is no validation).
    lr_factor : float, default={lr_factor}
        Factor of that reduction.
    evaluate_every : int or None, default={evaluate_every}
        Compute the validation loss after every so many updates too, not only after each epoch,
        when choosing the best weights.
    device : str, default="auto"
        "cpu", "cuda", "cuda:1" ...; "auto" is CUDA where there is one, otherwise the CPU.
    predict_batch_size : int or None, default=None
        Windows per batch in prediction and validation, at least 4; None picks a size for the
        device. Predictions depend neither on it nor on the windows predicted together.
    amp : bool, default=False
        bfloat16 mixed precision. Has an effect on a CUDA device only.
    compile : bool, default=False
        Compile the module with ``torch.compile``. Worth its minute or so for long trainings.
    callbacks : list or None, default=None
        Further skorch callbacks, as skorch takes them.
    warm_start : bool, default=False
        Go on from the weights of the last `fit` instead of starting anew. The network, the sizes
        and the classes must be the same.
    random_state : int, RandomState instance or None, default=None
        Draws initial weights, order of batches, dropout and validation split. PyTorch's global
        generators are left as they were. On a GPU the last digits may still differ between runs.
    verbose : int, default=0
        0 is silent, 1 prints a row per epoch, 2 shows a progress bar too."""

_DEFAULTS = {
    "lr": "1e-3",
    "max_epochs": "100",
    "batch_size": "32",
    "optimizer": '"Adam"',
    "weight_decay": "0.0",
    "validation_fraction": "0.2",
    "patience": "20",
    "lr_patience": "None",
    "lr_factor": "0.1",
    "evaluate_every": "None",
}

T = TypeVar("T", bound=type)


def with_training_parameters(network: type | None = None, **defaults: str):
    """Class decorator: fill ``{training}`` and ``{network}`` in the docstring.

    Parameters
    ----------
    network : type, optional
        Module class whose settings take the place of ``{network}``, described in its own words.
    **defaults : str
        Defaults of the class that differ from those of :class:`EMGClassifier`, as they are shown.
    """

    def decorate(cls: T) -> T:
        if cls.__doc__:  # absent under python -OO
            text = _TRAINING.format(**{**_DEFAULTS, **defaults})
            cls.__doc__ = cls.__doc__.replace("{training}", text)
            if network is not None:
                cls.__doc__ = cls.__doc__.replace("{network}", _settings_text(network))
        return cls

    return decorate


def _settings_text(network: type) -> str:
    """Entries of a module's Parameters section after the sizes, of which n_classes is the last."""
    lines = (network.__doc__ or "").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("    n_classes :")) + 2
    stop = next(i for i in range(start, len(lines)) if not lines[i].strip())
    return "\n".join(lines[start:stop]).strip()
