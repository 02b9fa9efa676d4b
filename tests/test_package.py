"""What importing costs, what the README promises, and what the docs name."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import sklearn_emg

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "skorch", "numba", "matplotlib", "wfdb", "pooch", "pywt", "tsfresh", "imblearn")


def loaded_after(statement):
    code = f"import sys; {statement}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_import_is_light():
    code = (
        "import sys; before = set(sys.modules); import sklearn_emg; "
        "print(len(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded_after("import sklearn_emg") == []
    # Two modules of our own; scikit-learn and pandas load with the first sub-package.
    assert int(done.stdout) < 20


@pytest.mark.parametrize("name", sorted(set(sklearn_emg.__all__) - {"__version__"}))
def test_sub_packages_load_heavy_libraries_only_where_they_are_used(name):
    assert loaded_after(f"import sklearn_emg.{name}") == []
    assert name in dir(sklearn_emg)


def test_unknown_names_are_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'featurs'"):
        sklearn_emg.featurs  # noqa: B018


def test_first_example_of_the_readme_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)
    assert len(blocks[0].strip().splitlines()) <= 16
    exec(compile(blocks[0], "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert "Comparison of 1 pipeline over 15 subjects" in out
    assert "Leakage audit" in out


def test_the_conda_recipe_asks_for_what_pyproject_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    recipe = (ROOT / "conda" / "recipe.yaml").read_text()
    listed = recipe.partition("  run:")[2].partition("\ntests:")[0]
    run = re.findall(r"- ([\w-]+) (\S+)", listed)
    wanted = [re.match(r"([\w.-]+)(.*)", each).groups() for each in project["dependencies"]]
    wanted = [(name.lower(), bound) for name, bound in wanted]
    assert run == [("python", project["requires-python"]), *wanted]
    assert f'version: "{sklearn_emg.__version__}"' in recipe
    assert f"version: {sklearn_emg.__version__}" in (ROOT / "CITATION.cff").read_text()


def test_show_versions_names_every_dependency(capsys):
    sklearn_emg.show_versions.show_versions()
    out = capsys.readouterr().out
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for each in project["dependencies"]:
        assert re.search(rf"\b{re.match(r'[A-Za-z-]+', each).group()}: \d", out), each
    assert "Extra nets:" in out


@pytest.mark.parametrize("name", ["README.md", "CHANGES.md"])
def test_public_names_in_the_documents_exist(name):
    text = (ROOT / name).read_text()
    for module, attribute in re.findall(r"from (sklearn_emg[.\w]*) import (\w+)", text):
        assert hasattr(__import__(module, fromlist=[attribute]), attribute)
