"""Published systems and baselines, each as a function that returns its pipeline."""

import importlib
import pkgutil

# Each module here lists its public names in ``__all__``; ``doc/stubs.py`` writes them to
# ``__init__.pyi`` for type checkers and editors.
__all__: list[str] = []
for _, _name, _ in pkgutil.iter_modules(__path__):
    if _name != "__main__":
        _module = importlib.import_module(f"{__name__}.{_name}")
        _names = getattr(_module, "__all__", [])
        __all__ += _names
        globals().update({name: getattr(_module, name) for name in _names})
__all__.sort()
