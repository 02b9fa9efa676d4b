"""Generate pages from the package itself, so that none of them can be out of date.

The pages are API pages from every ``__all__``, tables of features from ``feature_table()``, and one
page per published system from the registry of ``sklearn_emg.papers``. A file is written only if its
text has changed, so unchanged pages are not rebuilt.
"""

from __future__ import annotations

import csv
import importlib
import inspect
import pkgutil
import re
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from pprint import pformat
from types import ModuleType
from typing import Any

import floors

import sklearn_emg

# In the order in which data pass through the packages; other packages follow.
ORDER = (
    "recordings",
    "io",
    "datasets",
    "motor_units",
    "preprocessing",
    "feature_extraction",
    "feature_selection",
    "neural_network",
    "ensemble",
    "prognosis",
    "model_selection",
    "metrics",
    "comparison",
    "adaptation",
    "streaming",
    "deployment",
    "papers",
    "inspection",
    "base",
)
LEAKY = {True: "leaky", False: "split by subject", None: "split not stated"}
# Scores of systems in the finished benchmarks, written by ``make results``.
BENCHMARK = Path(__file__).parent / "benchmark"
SCORES = sorted(BENCHMARK.rglob("results_systems.csv"))
COSTS = BENCHMARK / "network_costs.md.inc"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _title(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}\n\n"


def _literal(text: str) -> str:
    """Escape text for a table cell, so that no character is markup."""
    text = "".join("\\" + c if c in r"\*`_|<>" else c for c in text)
    return f"\\ {text}" if re.match(r"\w+[.)] ", text) else text  # "J. Yoo" starts no list


def _list_table(header: list[str], rows: list[list[str]], widths: str, css: str) -> str:
    lines = [
        ".. list-table::",
        "   :header-rows: 1",
        f"   :widths: {widths}",
        f"   :class: {css}",
        "",
    ]
    for row in [header, *rows]:
        for k, cell in enumerate(row):
            lines.append(f"   {'*' if k == 0 else ' '} - {cell}".rstrip())
    return "\n".join(lines) + "\n\n"


def public_modules() -> list[ModuleType]:
    """Return the modules with an ``__all__``, in the order of the guide."""
    found = [m.name for m in pkgutil.iter_modules(sklearn_emg.__path__) if m.name[0] != "_"]
    rank = {name: k for k, name in enumerate(ORDER)}
    modules = []
    for name in sorted(found, key=lambda n: (rank.get(n, len(ORDER)), n)):
        module = importlib.import_module(f"sklearn_emg.{name}")
        if getattr(module, "__all__", None):
            modules.append(module)
    return modules


def _kind(value: object) -> str:
    if inspect.isclass(value):
        return "Classes"
    return "Functions" if callable(value) else "Constants"


def _api_page(module: ModuleType) -> str:
    name = module.__name__
    kinds: dict[str, list[str]] = {"Classes": [], "Functions": [], "Constants": []}
    for public in module.__all__:
        kinds[_kind(getattr(module, public))].append(public)
    summary = (module.__doc__ or "").strip()
    text = _title(name) + f".. py:module:: {name}\n\n{summary}\n\n.. currentmodule:: {name}\n\n"
    for kind in ("Classes", "Functions"):
        if kinds[kind]:
            entries = "\n".join(f"   {public}" for public in sorted(kinds[kind], key=str.lower))
            text += (
                _title(kind, "-")
                + ".. autosummary::\n   :toctree: ../objects\n   :nosignatures:\n\n"
                + entries
                + "\n\n"
            )
    if kinds["Constants"]:
        text += _title("Constants", "-")
        for public in kinds["Constants"]:
            value = pformat(getattr(module, public), width=88).replace("\n", "\n      ")
            text += f".. py:data:: {public}\n\n   .. code-block:: python\n\n      {value}\n\n"
    return text


def _first_line(value: object) -> str:
    """Return the first sentence of a docstring, without roles, for a row of a table."""
    text = inspect.cleandoc(getattr(value, "__doc__", None) or "").partition("\n\n")[0]
    text = re.sub(r":[\w:]+:`~?(?:[\w.]*\.)?(\w+)`", r"\1", " ".join(text.split()))
    return _literal(text.replace("``", ""))


def _all_objects(modules: list[ModuleType]) -> str:
    """Return a table with one row per public class and function, by package."""
    rows = []
    for module in modules:
        short = module.__name__.split(".", 1)[1]
        for name in sorted(module.__all__, key=str.lower):
            value = getattr(module, name)
            if (kind := _kind(value)) == "Constants":
                continue
            role = "class" if kind == "Classes" else "func"
            target = f":{role}:`{name} <{module.__name__}.{name}>`"
            rows.append([target, f":doc:`{short} <{short}>`", _first_line(value)])
    return _list_table(["name", "package", "description"], rows, "30 18 52", "index")


def write_api(folder: Path) -> None:
    """Write one page per module, and an index of the pages."""
    modules = public_modules()
    index = _title("API reference")
    index += (
        "All public names, ordered by the package from which they are imported. A name that is "
        "not listed here is private and may change without notice.\n\n"
    )
    index += _all_objects(modules) + ".. toctree::\n   :maxdepth: 1\n   :hidden:\n\n"
    # Otherwise the pages of removed names would still be built.
    public = {f"{module.__name__}.{name}.rst" for module in modules for name in module.__all__}
    for page in (folder / "objects").glob("*.rst"):
        if page.name not in public:
            page.unlink()
    for module in modules:
        short = module.__name__.split(".", 1)[1]
        _write(folder / "api" / f"{short}.rst", _api_page(module))
        index += f"   {short} <{short}>\n"  # short, so that no name is broken in the sidebar
    _write(folder / "api" / "index.rst", index)


def _power(power: float) -> str:
    return "--" if power != power else f"{power:g}"


def write_features(folder: Path) -> None:
    """Write the tables of features, one per family."""
    from sklearn_emg.feature_extraction import FEATURE_SETS, feature_table

    table = feature_table()
    text = ""
    for extractor, part in table.groupby("extractor", sort=False):
        text += _title(f"{extractor}: {len(part)} features", "~")
        text += f"Computed by :class:`~sklearn_emg.feature_extraction.{extractor}`.\n\n"
        sources = list(dict.fromkeys(part["source"]))
        rows = [
            [
                f"``{f.name}``",
                _literal(f.title),
                _literal(f.formula),
                _literal(f.unit),
                _power(f.power),
                str(f.min_n_times),
                str(sources.index(f.source) + 1),
            ]
            for f in part.itertuples()
        ]
        text += _list_table(
            ["name", "title", "formula", "unit", "power", "samples", "source"],
            rows,
            "15 18 35 9 7 8 8",
            "features formulas",
        )
        text += "Sources:\n\n"
        text += "".join(f"{k + 1}. {_literal(s)}\n" for k, s in enumerate(sources)) + "\n"
    _write(folder / "features.rst.inc", text)
    sets = [[f"``{name}``", ", ".join(f"``{f}``" for f in fs)] for name, fs in FEATURE_SETS.items()]
    _write(
        folder / "feature_sets.rst.inc",
        _list_table(["set", "features"], sets, "22 78", "features"),
    )


def _score(row: dict[str, str]) -> str:
    """Return a stored score with its interval, in percent."""
    value, *ends = (100 * float(row[key]) if row[key] else None for key in ("value", "low", "high"))
    interval = f" [{ends[0]:.0f}, {ends[1]:.0f}]" if None not in ends else ""
    return f"{value:.0f}{interval} %"


def own_figures(system: Any, paths: Sequence[Path] = SCORES) -> list[list[str]]:
    """Return data, protocol, split, measure and score of a system in the stored benchmarks.

    A system without a network has no epochs, so its row of a benchmark of networks with few epochs
    equals that of another benchmark, and is listed once.
    """
    rows = []
    for path in paths:
        for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
            if row["system"] != system.name:
                continue
            data = row["data"]
            if not system.has_network:
                data = data.partition(", at most ")[0]
            cells = [
                f"here, {row['date']}",
                _literal(f"{data}; {row['protocol']}"),
                LEAKY[row["leaky"] == "True"],
                _literal(row["measure"]),
                _score(row),
            ]
            if cells not in rows:
                rows.append(cells)
    return rows


def _figures(system: Any) -> str:
    """Return the published scores of a system, followed by those of the benchmarks."""
    text = _title("Published and measured scores", "-")
    published = [
        [
            "published",
            "those of the publication",
            LEAKY[f.leaky] if f.unit == "%" else "",
            _literal(f.measure),
            f.text,
        ]
        for f in (*system.published, *system.further)
    ]
    own = own_figures(system)
    if published:
        text += (
            "Published scores are those that the publication reports, for its data and protocol; "
            "none of them is a target. *Leaky* means that subjects, or the test set itself, were "
            "used for both training and testing.\n\n"
        )
    else:
        what = "of this method on EMG" if system.kind == "baseline" else "for this system alone"
        text += f"The source reports no result {what}.\n\n"
    if own:
        text += (
            "Measured scores come from the stored runs of :doc:`/results`, on other data, with "
            "95 % intervals over subjects if available. Random splits of windows or recordings, "
            "as in many publications, are leaky and show by how much such a split overestimates "
            "accuracy.\n\n"
        )
    else:
        text += "This system has no finished run in :doc:`/results` yet.\n\n"
    if published or own:
        header = ["source", "data and protocol", "split", "measure", "value"]
        text += _list_table(header, [*published, *own], "14 36 14 20 16", "features")
    return text


def _system_page(name: str) -> str:
    from sklearn_emg.papers import get_system

    system = get_system(name)
    text = f".. _system-{name}:\n\n" + _title(_literal(system.title))
    text += f":Name: ``{name}``\n"
    text += f":Source: {_literal(system.citation)}\n"
    if system.data:
        text += f":Data of the source: {_literal(system.data)}\n"
    text += f":Input here: {_literal(system.input)}\n"
    text += f":Estimator: {_literal(system.estimator)}\n"
    function = f"sklearn_emg.papers.{system.function.__name__}"
    text += f":Function: :func:`~{function}`\n"
    if system.needs:
        text += f':Needs: ``pip install "sklearn-emg[{system.needs}]"``\n'
    text += (
        "\n.. code-block:: python\n\n   from sklearn_emg.papers import make_system\n\n"
        f"   model = make_system({name!r}, random_state=0)\n\n"
        if "random_state" in inspect.signature(system.function).parameters
        else "\n.. code-block:: python\n\n   from sklearn_emg.papers import make_system\n\n"
        f"   model = make_system({name!r})\n\n"
    )
    text += _figures(system)
    text += _title("Differences from the source", "-")
    text += (
        "The table lists every detail in which the system deviates from its source, and every "
        "detail that the source leaves open. Everything else is as published.\n\n"
    )
    choices = [
        [
            _literal(c.what),
            _literal(c.paper or "not stated"),
            _literal(c.choice),
            _literal(c.why),
        ]
        for c in sorted(system.open_choices, key=lambda c: not c.deviates)
    ]
    text += _list_table(["detail", "source", "here", "reason"], choices, "20 25 30 25", "features")
    return text


def write_systems(folder: Path) -> None:
    """Write one page per published system, and the table of all systems."""
    from sklearn_emg.papers import get_system, list_systems
    from sklearn_emg.papers._registry import NOT_SOFTWARE

    names = list(list_systems().index)
    rows = []
    for name in names:
        _write(folder / "systems" / f"{name}.rst", _system_page(name))
        system = get_system(name)
        split = {True: "leaky", False: "by subject", None: "not stated"}[system.leaky]
        split = split if system.published else "no result"
        rows.append([f":ref:`{name} <system-{name}>`", _literal(system.title), split, system.needs])
    text = _list_table(
        ["name", "system", "published split", "extra"], rows, "24 48 16 12", "features"
    )
    text += "Some rows of the tables in the sources cannot be implemented as software:\n\n"
    rows = [
        [_literal(title), "; ".join(_literal(str(f)) for f in figures), _literal(why)]
        for title, figures, why in NOT_SOFTWARE.values()
    ]
    text += _list_table(["row", "published", "reason"], rows, "35 35 30", "features")
    text += ".. toctree::\n   :hidden:\n\n"
    text += "".join(f"   /generated/systems/{name}\n" for name in names)
    _write(folder / "systems.rst.inc", text)


# The purpose of each extra; extras without an entry show only their packages.
EXTRAS = {
    "nets": "networks",
    "images": "networks designed for photographs, applied to images of EMG",
    "onnx": "export of systems and networks to the ONNX format",
    "plot": "Displays, HTML reports, cards and examples",
    "prognosis": "``MixedModelRegressor``",
    "survival": "``SurvivalVote``; not in ``all``, since scikit-survival has the licence GPL-3",
    "tsfresh": "``TsfreshFeatures``, ``RelevanceSelector``",
    "catch22": "``Catch22Features``",
    "riemann": "``TangentSpaceFeatures``",
    "reduce": "``ShapeReducer``",
    "export": "reading and writing of Parquet files",
    "explain": "UMAP in ``layer_embedding``; ``attribution``",
    "formats": "HDF5 and MATLAB 7.3 files, spreadsheets of metadata, FLAC signals of WFDB; MNE and "
    "edfio, for comparisons with other readers",
    "tune": "searches with Optuna",
    "parallel": "dask and ray as joblib backends",
    "docs": "building this documentation",
    "test": "running the tests",
    "release": "building and checking the archives of a release",
    "deploy": "saving and loading of fitted systems",
    "lsl": "``read_lsl`` for streams of the Lab Streaming Layer",
    "serial": "``read_serial`` for signals from a serial port",
    "terminal": "``watch`` for a live view in the terminal",
    "all": "all parts of the package, except ``survival``, ``formats``, ``tune`` and ``parallel``",
}


def write_extras(path: Path) -> None:
    """Write the table of the extras, from pyproject.toml."""
    project = Path(__file__).parents[1] / "pyproject.toml"
    extras = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    rows = [
        [
            f"``{name}``",
            EXTRAS.get(name, ""),
            ", ".join(re.split(r"[<>=;!~ ]", r)[0] for r in needs),
        ]
        for name, needs in extras.items()
    ]
    text = _list_table(["extra", "purpose", "packages"], rows, "14 40 46", "features")

    def listed(found: re.Match[str]) -> str:
        names = found[1].split(",")
        return f"extra{'s' * (len(names) > 1)} {', '.join(names)}"

    _write(path, re.sub(r"sklearn-emg\[(.*?)\]", listed, text))


# Groups of the gallery, in the order of its page: the main comparison comes first.
GROUPS = (
    "evaluation",
    "data",
    "conditioning",
    "features",
    "networks",
    "explaining",
    "motor_units",
    "prognosis",
    "live",
)


def group_order(folder: str) -> tuple[int, str]:
    """Return the key by which the gallery sorts its groups; unlisted groups come last."""
    name = Path(folder).name
    return (GROUPS.index(name) if name in GROUPS else len(GROUPS), name)


class GalleryOrder:
    """Key by which the gallery sorts the files of a group: listed files first, then by name."""

    first = (
        "compare_classical_and_deep",
        "plot_leak",
        "plot_few_subjects",
        "plot_confounds",
        "plot_calibration",
        "plot_divote",
        "plot_tuning",
        "plot_tuning_optuna",
        "plot_motor_units",
        "plot_decomposition",
        "plot_motor_unit_measures",
        "plot_normal_limits",
        "plot_features_by_diagnosis",
        "plot_own_feature",
        "plot_learning_curve",
        "plot_transfer",
        "plot_explain_subject",
        "plot_importance",
        "plot_relevance",
        "plot_activation",
        "plot_layers",
    )

    def __init__(self, folder: str):
        self.folder = folder

    def __call__(self, name: str) -> tuple[int, str]:
        stem = Path(name).stem
        known = stem in self.first
        return (self.first.index(stem) if known else len(self.first), stem)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def command_line(conf: dict[str, Any], script: dict[str, Any]) -> list[str]:
    """Return the arguments of an example; the example with a command line runs at small size."""
    if Path(script["src_file"]).stem != "compare_classical_and_deep":
        return []
    return ["--small", "--splits", "3", "--out", tempfile.mkdtemp()]


def write_thumbnail(path: Path) -> None:
    """Draw a part of a signal, as the thumbnail of examples without a figure."""
    import matplotlib.pyplot as plt

    from sklearn_emg.datasets import simulate_recording

    if path.exists():
        return
    signal = simulate_recording(duration=0.15, fs=10_000.0, random_state=3)
    figure, axes = plt.subplots(figsize=(4, 2.8))
    axes.plot(signal, color="#0072B2", lw=1)
    axes.axis("off")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def write_costs(path: Path) -> None:
    """Plot the measured time per batch of the networks on one core."""
    import matplotlib.pyplot as plt

    rows = []
    for line in COSTS.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) > 3 and cells[1].endswith("samples"):
            rows.append((float(cells[3]), cells[0], int(cells[1].split()[0]), int(cells[2])))
    rows.sort()
    lengths = sorted({length for _, _, length, _ in rows})
    figure, axes = plt.subplots(figsize=(6.4, 5.4), layout="constrained")
    colors = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
    for length, color, marker in zip(lengths, colors, "o^sD", strict=True):
        of_length = [(row[0], place) for place, row in enumerate(rows) if row[2] == length]
        label = f"windows of {length:,} samples"
        axes.plot(*zip(*of_length), marker, ms=7, color=color, label=label)
    axes.set_yticks(range(len(rows)), [f"{name} ({batch})" for _, name, _, batch in rows])
    axes.set(xscale="log", xlabel="seconds per training batch on one CPU core")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid(axis="x", color="0.88")
    axes.set_axisbelow(True)
    fastest, slowest = 1e3 * rows[0][0], rows[-1][0]
    axes.set_title(f"A batch takes {fastest:.0f} ms to {slowest:.0f} s", loc="left", fontsize=10)
    axes.legend(frameon=False, loc="lower right", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def write_all(folder: Path) -> None:
    """Write all generated pages below `folder`."""
    write_api(folder)
    write_features(folder)
    write_systems(folder)
    write_extras(folder / "extras.rst.inc")
    # Inline, so that the figure has the text colour of the page in both themes.
    drawing = "".join(f"   {line}\n" for line in floors.svg().splitlines())
    _write(folder / "floors.rst.inc", f".. raw:: html\n\n{drawing}")
    write_thumbnail(folder / "signal.png")
    write_costs(folder / "network_costs.png")
