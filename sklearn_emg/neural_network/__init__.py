"""Networks from the literature and scikit-learn estimators that train them.

Importing this sub-package is fast: PyTorch and skorch are loaded when one of its names is first
used. They are installed with ``pip install "sklearn-emg[nets]"``.
"""

from __future__ import annotations

from typing import Any

from sklearn_emg.neural_network._registry import HOME, PUBLIC, public

# The registry lists all public names; ``doc/stubs.py`` writes them to ``__init__.pyi`` for type
# checkers and editors.
__all__ = list(PUBLIC)


def __dir__() -> list[str]:
    return list(__all__)


def __getattr__(name: str) -> Any:
    if name not in HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = public(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in {
            "torch",
            "skorch",
            "safetensors",
        }:
            raise
        raise ImportError(
            f"{__name__}.{name} needs {error.name}, which is not installed: "
            'pip install "sklearn-emg[nets]"'
        ) from error
    globals()[name] = value  # the next access does not call this function
    return value
