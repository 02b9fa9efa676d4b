"""Costs of importing, statements of the README, and names in the docs."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sklearn_emg
from sklearn_emg.datasets import make_nemg_cohort

ROOT = Path(__file__).parents[1]
LANGUAGES = ("python", "text")  # of the blocks of the README
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


def test_the_example_of_the_readme_prints_what_it_says(tmp_path, monkeypatch, capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code, output = (re.findall(rf"```{kind}\n(.*?)```", text, flags=re.S)[0] for kind in LANGUAGES)
    assert len(code.strip().splitlines()) <= 16
    call = re.search(r"`(make_nemg_cohort\(18,.*?)`", text, flags=re.S)[1].replace("\n", " ")
    assert call in (ROOT / "doc" / "index.rst").read_text(encoding="utf-8")
    table, y = eval(call, {"make_nemg_cohort": make_nemg_cohort})
    runs = table.groupby("subject").cumcount() + 1
    for row, group, run in zip(table.itertuples(), y, runs):
        path = tmp_path / "study" / group / f"{row.subject}_{row.muscle}_{run}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(len(row.signal)) / row.fs
        pd.DataFrame({"time [s]": time, "EMG [mV]": row.signal}).to_csv(path, index=False)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out == output


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


GUIDE = sorted((ROOT / "doc" / "user_guide").glob("*.rst"))


@pytest.mark.parametrize(
    "page", [page for page in GUIDE if page.stem != "index"], ids=lambda p: p.stem
)
def test_pages_of_the_guide_say_when_how_what_goes_wrong_and_where_from(page):
    text = page.read_text()
    assert "\n**When to use it.**" in text
    assert ">>> " in text or ".. code-block::" in text
    assert "\n.. figure:: " in text
    for section in ("What goes wrong", "References"):
        assert f"\n{section}\n{'-' * len(section)}\n\n" in text, section


def test_headings_of_changes_are_versions():
    versions = re.findall(r"^## (.*)$", (ROOT / "CHANGES.md").read_text(), re.MULTILINE)
    assert versions[0].startswith(sklearn_emg.__version__)
    assert all(re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)? \(.+\)", version) for version in versions)
