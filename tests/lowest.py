"""Print the lowest versions that pyproject.toml allows, as constraints for pip.

``make test-lowest`` installs them and runs the tests. torch stays as constraints.txt pins it: older
builds without CUDA are not on the package index.
"""

import re
import tomllib
from pathlib import Path

EXTRAS = (
    "nets", "plot", "export", "reduce", "prognosis", "explain", "deploy", "catch22", "riemann",
    "formats", "serial", "terminal",
)  # fmt: skip

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
requirements = list(project["dependencies"])
for extra in EXTRAS:
    requirements += project["optional-dependencies"][extra]
for requirement in requirements:
    name, bound = re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement).groups()
    if name != "torch":
        print(f"{name}=={bound}")
