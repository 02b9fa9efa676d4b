"""Write stub files for packages that collect their public names at run time.

Type checkers and editors read the stub files. Run ``python doc/stubs.py`` after adding a network or
a published system, or changing the settings of a network; a test compares the stub files.
"""

from __future__ import annotations

import inspect
from pathlib import Path

from sklearn_emg import neural_network, papers
from sklearn_emg.neural_network._parameters import CLASS_WEIGHT, TRAINING
from sklearn_emg.neural_network._registry import HOME, NETWORKS, PUBLIC

HEAD = '''\
"""Public names, and signatures of the ready-made classifiers; written by doc/stubs.py."""

# ruff: noqa: I001, RUF022

from collections.abc import Sequence
from typing import Any, Unpack
'''


def text_of(annotation: object) -> str:
    """Return the source of an annotation, which is text in a module and a type in a table."""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def signature(name: str) -> str:
    """Return the stub of one ready-made classifier."""
    lines = [f"class {name}(NetClassifier):", "    def __init__(", "        self,"]
    starred = False
    for parameter in inspect.signature(getattr(neural_network, name)).parameters.values():
        if parameter.name in TRAINING:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            lines.append("        *,")
            starred = True
        annotation = parameter.annotation
        if parameter.name == "class_weight":
            annotation = CLASS_WEIGHT.annotation
        lines.append(f"        {parameter.name}: {text_of(annotation)} = ...,")
    return "\n".join([*lines, "        **training: Unpack[Training],", "    ) -> None: ..."])


def imports(homes: dict[str, str], exported: list[str]) -> str:
    """Return import statements of names; the exported names are listed in ``__all__``."""
    return "\n".join(
        f"from {home} import {name}" + (f" as {name}" if name not in exported else "")
        for home, name in sorted((home, name) for name, home in homes.items())
    )


def listed(names: list[str]) -> str:
    """Return the text of ``__all__``."""
    return "\n".join(["__all__ = [", *(f'    "{name}",' for name in names), "]"])


def networks() -> str:
    """Return the text of the stub file of ``neural_network``."""
    ready = sorted(f"{network}Classifier" for network in NETWORKS)
    homes = {name: home for name, home in HOME.items() if name not in ready}
    homes |= {"NetClassifier": "_estimators", "Training": "_parameters"}
    homes = {name: f"{neural_network.__name__}.{home}" for name, home in homes.items()}
    blocks = [imports(homes, PUBLIC), listed(PUBLIC), *map(signature, ready)]
    return HEAD + "\n" + "\n\n".join(blocks) + "\n"


def systems() -> str:
    """Return the text of the stub file of ``papers``."""
    homes = {name: getattr(papers, name).__module__ for name in papers.__all__}
    head = '"""Public names; written by doc/stubs.py."""\n\n# ruff: noqa: I001'
    return "\n\n".join([head, imports(homes, papers.__all__), listed(papers.__all__)]) + "\n"


STUBS = {neural_network: networks, papers: systems}


def path_of(package: object) -> Path:
    """Return the path of the stub file of a package."""
    return Path(package.__file__).with_suffix(".pyi")


if __name__ == "__main__":
    for package, text in STUBS.items():
        path_of(package).write_text(text(), encoding="utf-8")
