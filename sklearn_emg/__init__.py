"""scikit-learn-compatible estimators for neuromuscular diagnosis from electromyography.

Sub-packages load when they are first used, so that ``import sklearn_emg`` stays light.
"""

import importlib
import pkgutil

from sklearn_emg._version import __version__

# Every public module and sub-package of the folder, so that a new one cannot be forgotten here.
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
