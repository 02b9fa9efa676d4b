"""Training parameters, each written once, and constructors made from them.

A parameter has a type, a default, a constraint and a text. The decorator :func:`trains` gives an
estimator those of its network, its own and these: in its signature, constraints and docstring.
"""

from __future__ import annotations

import inspect
import os
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypedDict, TypeVar, get_type_hints

import numpy as np

from sklearn_emg._sklearn import HasMethods, Integral, Interval, Real, StrOptions
from sklearn_emg.neural_network._modules._layers import SIZES

# Smaller batches use other kernels of matrix products and convolutions, which round differently.
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
    """Parameters of training, which every estimator of this package takes."""

    lr: Annotated[
        float,
        Entry(
            1e-3,
            [Interval(Real, 0, None, closed="neither")],
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
            Number of windows per update, at least 2 (batch normalisation cannot learn from one).
            Every window is used in every epoch; a last batch of one window is added to the previous
            batch.
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
            Whether each batch has windows of all subjects, or of all classes, in proportion; None
            draws windows at random. "subject" needs `groups`, or a table with subjects. Signals
            that differ in length are batched by length instead, so that they need None.
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
            Changes each training window anew in every epoch, as
            :class:`sklearn_emg.preprocessing.WindowAugmenter` does; validation and prediction use
            unchanged windows. It is given seeds from `random_state`, in place of its own. Its
            parameters are set, or searched, as ``augment__epsilon``. Not for signals that differ in
            length.
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
            Loss. Of a classifier "cross_entropy", the default, or "focal"; of a regressor
            "squared_error", the default, "absolute_error" or "huber", of standardised targets. A
            class or function that builds a ``torch.nn.Module`` from `loss_params`, and from
            ``weight`` where there are weights of classes; or a finished module, which is copied. It
            takes the outputs of the network and the codes of the classes (or the targets), and
            gives one number. ``torch.nn.NLLLoss`` is given the logarithms of the probabilities.
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
            Further arguments of the loss, such as ``{"label_smoothing": 0.1}`` of "cross_entropy"
            or ``{"gamma": 2.0}`` of "focal". A single one is set as ``loss__gamma``.
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
            L2 penalty on kernels and weight matrices, not on biases and batch normalisation.
            With ``"Adam"`` or ``"SGD"`` it adds ``weight_decay / 2`` times the sum of squares to
            the loss, so Keras' ``l2(v)`` is ``weight_decay=2 * v``.
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
            Fraction held out to choose the weights: of the subjects of each class when `fit` is
            given `groups`, otherwise of the windows of each class; at least one and never all of
            them. Windows of one recording resemble each other, so that without `groups` the
            validation loss is optimistic. A class with a single subject (window) is not held out,
            with a warning. None trains on all windows for `max_epochs` and keeps the last weights.
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
            What is held out. With "subjects", subjects are drawn if `fit` is given `groups`. A
            sequence of names in `groups` holds out exactly these subjects, such as those of a
            published protocol, whatever `validation_fraction`; a warning lists names that `groups`
            lacks, and it is an error if it lacks all. "windows" draws windows although their
            subjects are known, as in studies with random windows: training and validation then have
            the same subjects, and the validation loss is optimistic.
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
            Number of epochs without a new best validation (see `keep_best`) after which training
            stops; None never stops early. The best weights are restored at the end in both cases.
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
            Which validation is the best: the one with the lowest loss, or that with the highest
            accuracy of windows and, of equal accuracies, the lowest loss. A regressor has the loss
            only.
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
            Number of epochs without a new best validation (lowest training loss, if there is no
            validation) after which the learning rate is multiplied by `lr_factor`; None never
            lowers it.
            """,
        ),
    ]
    lr_factor: Annotated[
        float,
        Entry(
            0.1,
            [Interval(Real, 0, 1, closed="neither")],
            "float",
            "Factor by which the learning rate is lowered.",
        ),
    ]
    evaluate_every: Annotated[
        int | None,
        Entry(
            None,
            [Interval(Integral, 1, None, closed="left"), None],
            "int or None",
            """
            Number of updates after which the network is validated to choose the best weights, in
            addition to the end of each epoch.
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
            Device of the network: "cpu", "cuda", "cuda:1" ...; "auto" is CUDA if available,
            otherwise the CPU.
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
            Number of windows per batch in prediction and validation, at least 4; None chooses a
            size for the device. Predictions depend neither on it nor on the other windows of the
            call.
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
            Precision in which training and validation are computed where that is safe; weights and
            predictions are float32. "auto" is "bfloat16" where the device has instructions for it
            (CUDA GPUs; processors with AVX-512 BF16 or AMX) and otherwise "float32". On a
            processor without them "bfloat16" is slow.
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
            Folder in which `fit` stores its state after each epoch. A fit that was interrupted or
            killed goes on from there when it is called again with the same data, settings and
            versions, and ends with the same weights as one that was not interrupted; a fit with
            others begins anew and has a file of its own. The file is removed at the end of the fit.
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
            Whether to continue from the weights of the last `fit`. The network, the sizes and the
            classes must be the same.
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
            Seed of the initial weights, order of batches, dropout and validation split. PyTorch's
            global generators are restored. On a GPU the last digits may still differ between runs.
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
            Verbosity: 0 is silent, 1 prints a line per epoch with its losses, its seconds and the
            time that is left, 2 also shows a progress bar.
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
    Weight of each class in the loss: "balanced" is the inverse class frequency in the training
    windows, a dict maps labels to weights. Only the ratios matter.
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
        The network: a class (or a function that returns a module) that accepts the keywords
        ``n_channels``, ``n_times`` and ``n_classes``, or the name of a network of
        :mod:`sklearn_emg.neural_network`.
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
        :class:`~sklearn.model_selection.GridSearchCV`, as ``module_params__n_units`` or, as in
        skorch, ``module__n_units``.
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
        Sizes of the windows; for images, `n_times_` is the pair of height and width.
    n_features_in_ : int
        Number of samples for 2-D `X`, of channels otherwise.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if `X` was a DataFrame.
    subjects_ : ndarray of shape (n_subjects,) or None
        Identities of the training subjects; None if none were named, or after `load_model`, since
        `save_model` writes no identities.
"""

T = TypeVar("T", bound=type)


def trains(
    network: type | None = None, own: Mapping[str, Entry] | None = None, **defaults: Any
) -> Callable[[T], T]:
    """Class decorator that adds the parameters of an estimator.

    The parameters are those of the network, in its order and with its defaults, those in `own`, the
    class weights of a classifier, and those of training. The class is given a constructor with this
    signature and the constraints, and ``{parameters}`` and ``{attributes}`` in its docstring are
    filled in.

    Parameters
    ----------
    network : type, optional
        Module class whose settings the estimator takes; their texts come from its docstring.
    own : mapping of str to Entry, optional
        Further parameters of the class.
    **defaults : object
        Defaults of the paper's training that differ from the table's.
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
    """Docstring with the texts of the parameters and the attributes filled in.

    It is dedented first, as Python itself does from version 3.13 on.
    """
    texts = [] if network is None else _settings_texts(network)
    texts += [_entry_text(name, entry) for name, entry in entries.items()]
    doc = inspect.cleandoc(doc).replace("{parameters}", "\n".join(texts))
    if network is None:
        return doc
    attributes = inspect.cleandoc(_ATTRIBUTES.format(network=network.__name__))
    return doc.replace("{attributes}", attributes)


def network_settings(network: type) -> list[inspect.Parameter]:
    """Parameters of a module without the sizes, which are taken from the data."""
    return [p for p in inspect.signature(network).parameters.values() if p.name not in SIZES]


def _parameter(name: str, entry: Entry) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    if entry.positional:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    annotation = _TYPES.get(name, entry.annotation)
    return inspect.Parameter(name, kind, default=entry.default, annotation=annotation)


def _constructor(cls: type, parameters: Sequence[inspect.Parameter]) -> Callable[..., None]:
    """Return an ``__init__`` with these parameters that stores each under its name."""
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = inspect.Signature([this, *parameters], return_annotation=None)

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{cls.__name__}: {error}") from None
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
    """Lines of a module's Parameters section, without the sizes, which are taken from the data."""
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
            f"The docstring of {network.__name__} describes no parameter {lacking[0]!r}, whose "
            "text its ready classifier takes from there. Add it to the section Parameters."
        )
    return kept
