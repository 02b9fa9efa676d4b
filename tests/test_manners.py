"""What users see in addition to results: HTML of estimators, progress, silence."""

import ast
import re
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from estimator_instances import INSTANCES
from sklearn.base import clone, is_regressor
from sklearn.linear_model import LogisticRegression
from sklearn.utils.fixes import parse_version

import sklearn_emg
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.inspection import family_importance

SOURCES = sorted(Path(sklearn_emg.__file__).parent.rglob("*.py"))


ROOT = Path(__file__).parents[1]
PROSE = sorted(
    path
    for folder in ("sklearn_emg", "doc", "examples", "benchmarks")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".rst", ".html", ".md"}
    and not {"generated", "auto_examples", "_build"} & set(path.parts)
)
# Words of this list are not terms of the field: see the glossary.
NOT_THE_FIELDS = re.compile(
    r"\b(beside|besides|nobody|verdicts?|judged?|judges|told apart|tells apart|flatter(?:s|ed)|"
    r"dearest|taken off|takes off|whole numbers?)\b",
    re.I,
)


def test_prose_uses_the_words_of_the_field():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path in PROSE
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for match in NOT_THE_FIELDS.finditer(line)
    ]
    assert found == []


# Tabs belong to this class because "\theta" in an unescaped docstring begins with a tab.
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def test_no_text_contains_control_characters():
    """Such characters come from backslashes that are not escaped, as in ``\\v`` or ``\\b``."""
    pages = [*PROSE, ROOT / "README.md", ROOT / "CHANGES.md"]
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line!r}"
        for path in pages
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1)
        if CONTROL.search(line)
    ]
    for path in pages:
        if path.suffix == ".py":
            found += [
                f"{path.relative_to(ROOT)}:{node.lineno}: {node.value!r}"
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
                # Strings without words are separators and parts of file formats.
                if CONTROL.search(node.value) and re.search("[A-Za-z]{2}", node.value)
            ]
    assert found == []


def test_sources_compile_without_warnings():
    """Python warns of invalid escapes and the like only when it compiles a file."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in PROSE:
            if path.suffix == ".py":
                compile(path.read_text(encoding="utf-8"), str(path), "exec")


def test_nothing_deprecated_is_used_by_imports_and_constructors():
    imports = [f"import sklearn_emg.{name}" for name in sklearn_emg.__all__ if name[0] != "_"]
    code = [
        "import warnings",
        "warnings.filterwarnings('error', module='sklearn_emg')",
        *imports,
        "import estimator_instances",
    ]
    subprocess.run([sys.executable, "-c", "\n".join(code)], check=True, cwd=ROOT / "tests")


def text_of(estimator):
    """What a reader sees of the HTML."""
    html = re.sub(r"<(style|script).*?</\1>", "", estimator._repr_html_(), flags=re.S)
    return re.sub(r"<[^>]+>", " ", html)


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"),
    reason="scikit-learn shows fitted attributes from 1.9 on",
)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", INSTANCES, ids=lambda e: type(e).__name__)
def test_html_shows_parameters_and_fitted_facts(estimator):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(16, 200)).astype(np.float32), np.repeat(["control", "patient"], 8)
    fitted = clone(estimator)
    if "max_epochs" in fitted.get_params():
        fitted.set_params(max_epochs=1)
    fitted.fit(X, X[:, 0] if is_regressor(fitted) else y)
    shown = text_of(fitted)
    for parameter in fitted.get_params(deep=False):
        assert parameter in shown
    facts = [name for name in vars(fitted) if name.endswith("_") and not name.startswith("_")]
    assert facts
    for fact in facts:
        assert fact in shown


def test_library_code_does_not_print():
    """skorch and joblib report progress where `verbose` asks for it, tqdm where `progress` does."""
    found = []
    for path in SOURCES:
        if path.name in ("__main__.py", "show_versions.py"):
            continue  # what a command prints is its result
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
                found.append(f"{path.name}:{node.lineno}")
    assert not found


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"rms": rng.normal(size=24), "mdf": rng.normal(size=24)})
    return X.assign(subject=np.arange(24) // 3), np.repeat(["control", "patient"], 12)


def test_divote_is_silent_unless_asked(features, capsys):
    divote = DiVoteClassifier(LogisticRegression(), window=None, cv=3).fit(*features)
    assert capsys.readouterr() == ("", "")
    divote.set_params(verbose=1).fit(*features)
    shown = capsys.readouterr()
    if parse_version(joblib.__version__) >= parse_version("1.6"):  # reports one process, too
        assert "Done   3 out of   3" in shown.out + shown.err


def test_progress_can_be_silenced(features, capsys):
    divote = DiVoteClassifier(LogisticRegression(), window=None)
    family_importance(divote, *features, cv=3, n_repeats=1, progress=False)
    assert capsys.readouterr() == ("", "")
    family_importance(divote, *features, cv=3, n_repeats=1)
    assert "3/3" in capsys.readouterr().err
