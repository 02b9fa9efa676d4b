"""Training parameters, each defined once, and constructors that are generated from them.

A parameter has a type, a default, a constraint and a text. The decorator :func:`trains` adds the
parameters of the network, the estimator's own and the training parameters to the signature, the
constraints and the docstring of an estimator.
"""

from __future__ import annotations

import inspect
import os
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypedDict, TypeVar, get_type_hints

import numpy as np

from sklearn_emg._sklearn import POSITIVE, HasMethods, Integral, Interval, Real, StrOptions
from sklearn_emg._validation import did_you_mean
from sklearn_emg.neural_network._modules._layers import SIZES

# Smaller batches use different kernels for matrix products and convolutions, with different
# rounding.
MIN_BATCH = 4


@dataclass(frozen=True)
class Entry:
    """Default, constraint and text of a parameter."""

    default: Any
    constraint: list[Any]
    kind: str
    text: str
    annotation: Any = Any
    positional: bool = False


class Training(TypedDict, total=False):
    """Training parameters, which every network estimator of this package takes."""

    lr: Annotated[
        float,
        Entry(
            1e-3,
            [POSITIVE],
            "float",
            "Learning rate.",
        ),
    ]
    max_epochs: Annotated[
        int,
        Entry(
            100,
            [Interval(Integral, 1, None, closed="left")],
            "int",
            "Maximum number of passes over the training windows.",
        ),
    ]
    batch_size: Annotated[
        int,
        Entry(
            32,
            [Interval(Integral, 2, None, closed="left")],
            "int",
            """
            Number of windows per update, at least 2, since batch normalisation cannot learn from
            one window. Every window is used in every epoch; if the last batch would have only one
            window, that window is added to the previous batch.
            """,
        ),
    ]
    stratify: Annotated[
        str | None,
        Entry(
            None,
            [StrOptions({"subject", "class"}), None],
            '{"subject", "class"} or None',
            """
            How batches are composed. With "subject", the windows of each subject are spread evenly
            over the batches of an epoch, which requires `groups` or a table with subjects. With
            "class", the windows of each class are spread evenly. With None, windows are drawn at
            random. `stratify` must be None for signals that differ in length, which are batched by
            length.
            """,
        ),
    ]
    augment: Annotated[
        Any,
        Entry(
            None,
            [HasMethods(["augment"]), None],
            "WindowAugmenter, object with its ``augment`` method, or None",
            """
            Augmenter that modifies each training window differently in every epoch, such as
            :class:`sklearn_emg.preprocessing.WindowAugmenter`; validation and prediction use
            unmodified windows. Its own seed is replaced by seeds drawn from `random_state`. Its
            parameters are set, or searched, under names such as ``augment__epsilon``. `augment`
            must be None for signals that differ in length.
            """,
        ),
    ]
    loss: Annotated[
        Any,
        Entry(
            None,
            [str, callable, None],
            "str, type, callable, Module or None",
            """
            Loss. The names for a classifier are "cross_entropy" (the default) and "focal"; those
            for a regressor are "squared_error" (the default), "absolute_error" and "huber", which
            apply to standardised targets. A class or function must build a ``torch.nn.Module`` from
            `loss_params`, and from ``weight`` if there are class weights; an instance is copied.
            The module must take the outputs of the network and the codes of the classes (or the
            targets) and return one number. ``torch.nn.NLLLoss`` is given log-probabilities.
            """,
        ),
    ]
    loss_params: Annotated[
        dict[str, Any] | None,
        Entry(
            None,
            [dict, None],
            "dict",
            """
            Further arguments of the loss, such as ``{"label_smoothing": 0.1}`` for "cross_entropy"
            or ``{"gamma": 2.0}`` for "focal". A single argument can be set as ``loss__gamma``.
            """,
        ),
    ]
    optimizer: Annotated[
        str | type,
        Entry(
            "Adam",
            [str, type],
            "str or type",
            "Name of an optimiser in ``torch.optim``, or an optimiser class.",
        ),
    ]
    optimizer_params: Annotated[
        dict[str, Any] | None,
        Entry(
            None,
            [dict, None],
            "dict",
            """
            Further arguments of the optimiser, such as ``{"betas": (0.9, 0.98)}``.
            """,
        ),
    ]
    weight_decay: Annotated[
        float,
        Entry(
            0.0,
            [Interval(Real, 0, None, closed="left")],
            "float",
            """
            L2 penalty on kernels and weight matrices, but not on biases or batch normalisation.
            With ``"Adam"`` or ``"SGD"``, it adds ``weight_decay / 2`` times the sum of squares to
            the loss, so ``l2(v)`` in Keras is equivalent to ``weight_decay=2 * v``.
            """,
        ),
    ]
    validation_fraction: Annotated[
        float | None,
        Entry(
            0.2,
            [Interval(Real, 0, 1, closed="neither"), None],
            "float or None",
            """
            Fraction that is held out to choose the weights. If subjects are given, it is the
            fraction of the subjects of each class; otherwise it is that of the windows of each
            class. Of each class with several subjects (or windows), at least one is held out, but
            never all; the only subject of a class is used for training, and a warning is issued.
            Windows of one recording resemble each other, so the validation loss is optimistic
            without `groups`. None trains on all windows for `max_epochs` and keeps the last
            weights.
            """,
        ),
    ]
    validation: Annotated[
        str | Sequence[Any],
        Entry(
            "subjects",
            [StrOptions({"subjects", "windows"}), "array-like"],
            '{"subjects", "windows"} or array-like of subjects',
            """
            Choice of the held-out data. "subjects" draws subjects at random if they are given, and
            otherwise windows. A sequence of subject names in `groups` holds out exactly these
            subjects, such as those of a published protocol, regardless of `validation_fraction`. A
            warning lists names that are not in `groups`; if `groups` contains none of the names, an
            error is raised. "windows" draws windows even if their subjects are known, as in studies
            that split windows at random; training and validation then share subjects, and the
            validation loss is optimistic.
            """,
        ),
    ]
    patience: Annotated[
        int | None,
        Entry(
            20,
            [Interval(Integral, 1, None, closed="left"), None],
            "int or None",
            """
            Number of epochs without a new best validation result (see `keep_best`) after which
            training stops. None never stops early. In both cases, the best weights are restored at
            the end, provided that there are validation data.
            """,
        ),
    ]
    keep_best: Annotated[
        str,
        Entry(
            "loss",
            [StrOptions({"loss", "accuracy"})],
            '{"loss", "accuracy"}',
            """
            Which validation result is the best: the one with the lowest loss, or the one with the
            highest accuracy of windows and, among equal accuracies, the lowest loss. A regressor
            accepts only "loss".
            """,
        ),
    ]
    lr_patience: Annotated[
        int | None,
        Entry(
            None,
            [Interval(Integral, 1, None, closed="left"), None],
            "int or None",
            """
            Number of epochs without a new best validation result (or, without validation data, a
            new lowest training loss) after which the learning rate is multiplied by `lr_factor`.
            None never lowers it.
            """,
        ),
    ]
    lr_factor: Annotated[
        float,
        Entry(
            0.1,
            [Interval(Real, 0, 1, closed="neither")],
            "float",
            "Factor by which the learning rate is multiplied to lower it.",
        ),
    ]
    evaluate_every: Annotated[
        int | None,
        Entry(
            None,
            [Interval(Integral, 1, None, closed="left"), None],
            "int or None",
            """
            Number of updates after which the network is validated again to choose the best weights,
            in addition to the validation at the end of each epoch. None validates only then.
            """,
        ),
    ]
    device: Annotated[
        str,
        Entry(
            "auto",
            [str],
            "str",
            """
            Device of the network, such as "cpu", "cuda" or "cuda:1". "auto" means CUDA if it is
            available, and otherwise the CPU.
            """,
        ),
    ]
    predict_batch_size: Annotated[
        int | None,
        Entry(
            None,
            [Interval(Integral, MIN_BATCH, None, closed="left"), None],
            "int or None",
            """
            Number of windows per batch in prediction and validation, at least 4. None chooses a
            size for the device. Predictions depend neither on this number nor on the other windows
            in the call.
            """,
        ),
    ]
    precision: Annotated[
        str,
        Entry(
            "float32",
            [StrOptions({"float32", "bfloat16", "auto"})],
            '{"float32", "bfloat16", "auto"}',
            """
            Precision of the operations in training and validation for which "bfloat16" is safe;
            weights and predictions are always float32. "auto" means "bfloat16" if the device has
            instructions for it (CUDA GPUs, and CPUs with AVX-512 BF16 or AMX), and otherwise
            "float32". "bfloat16" is slow on a CPU without such instructions.
            """,
        ),
    ]
    compile: Annotated[
        bool,
        Entry(
            False,
            ["boolean"],
            "bool",
            "Whether to compile the module with ``torch.compile``, which takes about a minute.",
        ),
    ]
    callbacks: Annotated[
        Sequence[Any] | None,
        Entry(
            None,
            [list, None],
            "list or None",
            "Additional skorch callbacks, in the form that skorch takes.",
        ),
    ]
    checkpoint: Annotated[
        str | os.PathLike[str] | None,
        Entry(
            None,
            [str, os.PathLike, None],
            "str, path-like or None",
            """
            Folder in which `fit` stores its state after each epoch. If a fit was interrupted or
            killed, `fit` continues from that state when it is called again with the same data,
            settings and versions of PyTorch and this package, and ends with the same weights as
            without the interruption. A fit with different data or settings starts from the
            beginning and has its own file. The file is removed at the end of the fit. None stores
            no state.
            """,
        ),
    ]
    warm_start: Annotated[
        bool,
        Entry(
            False,
            ["boolean"],
            "bool",
            """
            Whether to continue from the weights of the last `fit`. The network, the window sizes
            and the classes must be the same.
            """,
        ),
    ]
    random_state: Annotated[
        int | np.random.RandomState | None,
        Entry(
            None,
            ["random_state"],
            "int, RandomState instance or None",
            """
            Seed of the initial weights, the order of batches, dropout, augmentation and the
            validation split. PyTorch's global generators are restored afterwards. On a GPU, results
            may still differ between runs in the last digits.
            """,
        ),
    ]
    verbose: Annotated[
        int,
        Entry(
            0,
            ["verbose"],
            "int",
            """
            Verbosity. 0 is silent, 1 prints a line per epoch with its losses, its duration and the
            estimated remaining time, and 2 also shows a progress bar.
            """,
        ),
    ]


_HINTS = get_type_hints(Training, include_extras=True)
TRAINING: dict[str, Entry] = {name: hint.__metadata__[0] for name, hint in _HINTS.items()}
_TYPES = {name: hint.__origin__ for name, hint in _HINTS.items()}

CLASS_WEIGHT = Entry(
    None,
    [StrOptions({"balanced"}), dict, None],
    '{"balanced"}, dict or None',
    """
    Weight of each class in the loss. "balanced" weights classes by the inverse of their frequency
    in the training windows; a dict maps labels to weights, of which only the ratios matter. None
    gives all windows the same weight.
    """,
    "str | dict[Any, float] | None",
)
# Further parameters of EMGClassifier and EMGRegressor.
MODULE = {
    "module": Entry(
        "ALSNet",
        [str, callable],
        "str, type or callable",
        """
        The network: the name of a network of :mod:`sklearn_emg.neural_network`, or a class (or a
        function that returns a module) that accepts the keywords ``n_channels``, ``n_times`` and
        ``n_classes``.
        """,
        "str | Callable[..., nn.Module]",
        positional=True,
    ),
    "module_params": Entry(
        None,
        [dict, None],
        "dict",
        """
        Further settings of the network. A single setting is set, or searched by
        :class:`~sklearn.model_selection.GridSearchCV`, under a name such as
        ``module_params__n_hidden`` or, as in skorch, ``module__n_hidden``.
        """,
        "dict[str, Any] | None",
    ),
}
_ATTRIBUTES = """
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    net_ : skorch.NeuralNetClassifier
        The trained net; ``net_.module_`` is the :class:`{network}`.
    history_ : skorch.history.History
        One row per epoch, as in :class:`EMGClassifier`.
    n_channels_, n_times_ : int
        Number of channels and of samples of the windows. For images, `n_times_` is the tuple of
        height and width in pixels; for signals that differ in length, it is the shortest length.
    n_features_in_ : int
        Number of samples for 2-D `X`, and of channels otherwise.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if `X` was a DataFrame of windows.
    subjects_ : ndarray of shape (n_subjects,) or None
        Identities of the training subjects. None if they were not given, or after `load_model`,
        since `save_model` does not write them.
"""

T = TypeVar("T", bound=type)


def trains(
    network: type | None = None, own: Mapping[str, Entry] | None = None, **defaults: Any
) -> Callable[[T], T]:
    """Return a class decorator that adds the parameters of an estimator.

    The parameters are those of the network, in its order and with its defaults, those in `own`, the
    class weights of a classifier, and those of training. The decorator gives the class the
    constraints and a constructor with this signature, and replaces ``{parameters}`` and
    ``{attributes}`` in its docstring.

    Parameters
    ----------
    network : type, optional
        Module class whose settings the estimator takes; their texts are taken from its docstring.
    own : mapping of str to Entry, optional
        Further parameters of the class.
    **defaults : object
        Defaults of training parameters that differ from those in this file, as in a paper.

    Returns
    -------
    decorate : callable
        Class decorator.
    """

    def decorate(cls: T) -> T:
        entries = dict(own or {})
        if "class_weight" in cls._parameter_constraints:  # type: ignore[attr-defined]
            entries["class_weight"] = CLASS_WEIGHT
        entries |= TRAINING
        entries |= {n: replace(entries[n], default=value) for n, value in defaults.items()}
        settings = [] if network is None else network_settings(network)
        parameters = [*settings, *(_parameter(name, entry) for name, entry in entries.items())]
        cls.__init__ = _constructor(cls, parameters)  # type: ignore[misc]
        cls._parameter_constraints = {  # type: ignore[attr-defined]
            **cls._parameter_constraints,  # type: ignore[attr-defined]
            **{name: entry.constraint for name, entry in (own or {}).items()},
        }
        if network is not None:
            cls._network = network  # type: ignore[attr-defined]
        if cls.__doc__:  # absent under python -OO
            cls.__doc__ = _documented(cls.__doc__, network, entries)
        return cls

    return decorate


def _documented(doc: str, network: type | None, entries: Mapping[str, Entry]) -> str:
    """Insert the texts of the parameters and the attributes into a docstring.

    The docstring is dedented first, as Python does since version 3.13.
    """
    texts = [] if network is None else _settings_texts(network)
    texts += [_entry_text(name, entry) for name, entry in entries.items()]
    doc = inspect.cleandoc(doc).replace("{parameters}", "\n".join(texts))
    if network is None:
        return doc
    attributes = inspect.cleandoc(_ATTRIBUTES.format(network=network.__name__))
    return doc.replace("{attributes}", attributes)


def network_settings(network: type) -> list[inspect.Parameter]:
    """Return the parameters of a module without the sizes, which are taken from the data."""
    return [p for p in inspect.signature(network).parameters.values() if p.name not in SIZES]


def _parameter(name: str, entry: Entry) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    if entry.positional:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    annotation = _TYPES.get(name, entry.annotation)
    return inspect.Parameter(name, kind, default=entry.default, annotation=annotation)


def _constructor(cls: type, parameters: Sequence[inspect.Parameter]) -> Callable[..., None]:
    """Return an ``__init__`` with these parameters that stores each one under its name."""
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = inspect.Signature([this, *parameters], return_annotation=None)

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError as error:
            given = next((name for name in kwargs if name not in signature.parameters), "")
            hint = did_you_mean(given, signature.parameters) if given else ""
            raise TypeError(f"{cls.__name__}: {error}{'.' * bool(hint)}{hint}") from None
        bound.apply_defaults()
        for parameter in parameters:
            setattr(self, parameter.name, bound.arguments[parameter.name])

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    __init__.__module__ = cls.__module__
    return __init__


def _entry_text(name: str, entry: Entry) -> str:
    default = f'"{entry.default}"' if isinstance(entry.default, str) else repr(entry.default)
    text = textwrap.fill(
        " ".join(entry.text.split()),
        width=96,
        initial_indent=" " * 4,
        subsequent_indent=" " * 4,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{name} : {entry.kind}, default={default}\n{text}"


def _settings_texts(network: type) -> list[str]:
    """Return the lines of a module's Parameters section without the sizes."""
    lines = ["Parameters", "---", *inspect.cleandoc(network.__doc__ or "").splitlines(), ""]
    start = len(lines) - lines[::-1].index("Parameters") + 1
    kept: list[str] = []
    described: list[str] = []
    for line in lines[start : lines.index("", start)]:
        if not line.startswith(" "):
            names = line.partition(" :")[0].split(", ")
            described += names
        if not set(names) <= set(SIZES):
            kept.append(line)
    if lacking := [p.name for p in network_settings(network) if p.name not in described]:
        raise TypeError(
            f"The docstring of {network.__name__} does not describe the parameter {lacking[0]!r}. "
            "Its ready-made classifier takes the text from there; add it to the section Parameters."
        )
    return kept
