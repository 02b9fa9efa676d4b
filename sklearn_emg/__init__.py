"""scikit-learn-compatible estimators for neuromuscular diagnosis from electromyography.

Sub-packages are imported when they are first used, so ``import sklearn_emg`` is fast.
"""

import importlib
import pkgutil

from sklearn_emg._version import __version__

# All public modules and sub-packages are listed from the folder, so none can be forgotten.
_SUBMODULES = tuple(
    sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )
)

__all__ = [*_SUBMODULES, "__version__"]


def __dir__() -> list[str]:
    return list(__all__)


def __getattr__(name: str):
    if name in _SUBMODULES:
        return importlib.import_module(f"sklearn_emg.{name}")
    raise AttributeError(f"module 'sklearn_emg' has no attribute {name!r}")
