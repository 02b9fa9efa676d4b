"""Versions of the package and its dependencies, for bug reports.

``python -m sklearn_emg.show_versions`` prints them.
"""

import platform
import re
import sys
from importlib import metadata

from sklearn_emg._tables import counted
from sklearn_emg._version import __version__

__all__ = ["show_versions"]


def show_versions() -> None:
    """Print the versions of Python, this package and its dependencies, and the threads in use.

    Include the output in a bug report. It contains no information about your data.

    Examples
    --------
    >>> from sklearn_emg.show_versions import show_versions
    >>> show_versions()
    System:
        python: ...
    """
    print("System:")
    _print("python", sys.version.split()[0])
    _print("platform", platform.platform())
    _print("processor", platform.processor() or platform.machine())
    extras = _dependencies()
    print("\nPackage and dependencies:")
    _print("sklearn-emg", __version__)
    for name in extras.pop("", []):
        _print(name, _version(name))
    for extra in sorted(set(extras) - {"docs", "test", "release"}):
        print(f"\nExtra {extra}:")
        for name in extras[extra]:
            _print(name, _version(name))
    print("\nThreads:")
    from threadpoolctl import threadpool_info

    for pool in threadpool_info():
        n_threads = counted(pool["num_threads"], "thread")
        _print(pool["internal_api"], f"{n_threads}, version {pool['version']}")


def _dependencies() -> dict[str, list[str]]:
    """Return the names of the dependencies of each extra; those of the core are under ""."""
    extras: dict[str, list[str]] = {}
    for requirement in metadata.requires("sklearn-emg") or []:
        found = re.match(r"[\w.-]+", requirement)
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", requirement)
        if found and found.group() != "sklearn-emg":
            extras.setdefault(extra.group(1) if extra else "", []).append(found.group())
    return extras


def _print(name: str, value: str) -> None:
    print(f"{name:>24}: {value}")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    show_versions()
