"""Write the public names and the signatures of the networks for type checkers and editors.

Run ``python doc/stubs.py`` after a change of a network's settings; a test compares.
"""

from __future__ import annotations

import inspect
from pathlib import Path

from sklearn_emg import neural_network
from sklearn_emg.neural_network._parameters import CLASS_WEIGHT, TRAINING
from sklearn_emg.neural_network._registry import HOME, NETWORKS

FOLDER = Path(neural_network.__file__).parent
HEAD = '''\
"""Signatures of the ready classifiers; written by doc/stubs.py."""

from collections.abc import Sequence
from typing import Any, Unpack

from sklearn_emg.neural_network._estimators import NetClassifier
from sklearn_emg.neural_network._parameters import Training

'''


def text_of(annotation: object) -> str:
    """Source of an annotation, which a module gives as text and a table as a type."""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def names() -> str:
    """Text of the stub of the sub-package: where its public names are defined."""
    lines = ['"""Public names; written by doc/stubs.py."""', "", "# ruff: noqa: I001, RUF022", ""]
    lines += [
        f"from sklearn_emg.neural_network.{HOME[name]} import {name}" for name in sorted(HOME)
    ]
    return "\n".join([*lines, "", "__all__ = [", *(f'    "{n}",' for n in sorted(HOME)), "]\n"])


def signatures() -> str:
    """Text of the stub of the ready classifiers."""
    blocks = []
    for name in sorted(f"{network}Classifier" for network in NETWORKS):
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
        lines += ["        **training: Unpack[Training],", "    ) -> None: ..."]
        blocks.append("\n".join(lines))
    return HEAD + "\n\n".join(blocks) + "\n"


STUBS = {FOLDER / "__init__.pyi": names, FOLDER / "_classifiers.pyi": signatures}

if __name__ == "__main__":
    for file, text in STUBS.items():
        file.write_text(text(), encoding="utf-8")
