"""Print the lowest versions that pyproject.toml allows, as constraints for pip.

``make test-lowest`` installs them and runs the tests. torch stays as constraints.txt pins it: older
builds without CUDA are not on the package index. ``python tests/lowest.py late`` prints the lowest
versions of extras that need a later NumPy or scikit-learn, and the current ones of everything else.
torchvision has to match torch, so neither list contains the extra ``images``.
"""

import re
import sys
import tomllib
from pathlib import Path

EXTRAS = (
    "nets", "plot", "export", "reduce", "prognosis", "explain", "deploy", "catch22", "formats",
    "serial", "terminal",
)  # fmt: skip

LATE = ("tsfresh", "riemann", "survival", "onnx", "lsl")

ROOT = Path(__file__).parents[1]
project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def bounds(requirements):
    """Lowest versions by name."""
    found = (re.fullmatch(r"([\w.-]+)>=([\w.]+)", each).groups() for each in requirements)
    return {name: bound for name, bound in found if name != "torch"}


def of_extras(names):
    """Requirements of several extras."""
    return [each for name in names for each in project["optional-dependencies"][name]]


if sys.argv[1:] == ["late"]:
    lowest = {n: bound for n, bound in bounds(of_extras(LATE)).items() if n != "numpy"}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        name = line.partition("==")[0]
        # What these extras bring along is not pinned: its current version may need later ones.
        if "==" in line and name not in lowest and not name.startswith(("onnx", "protobuf")):
            print(line)
else:
    lowest = bounds([*project["dependencies"], *of_extras(EXTRAS)])
    print("pyparsing<3.3")  # matplotlib 3.8 uses names that 3.3 deprecates
for name, bound in lowest.items():
    print(f"{name}=={bound}")
