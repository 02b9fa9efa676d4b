"""List the published systems, compare them on data, or write tables of their results."""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import joblib
import numpy as np
import pandas as pd

from sklearn_emg._files import discard_output
from sklearn_emg._tables import counted
from sklearn_emg.model_selection import (
    LeaveOneSubjectOut,
    NestedProtocol,
    Protocol,
    RandomRecordings,
    RandomWindows,
    RepeatedSubjectKFold,
)
from sklearn_emg.papers import (
    ALSNetProtocol,
    BoumerdesProtocol,
    NEMGNetProtocol,
    boumerdes_tables,
    list_systems,
)
from sklearn_emg.papers._benchmark._boumerdes_tables import runs_by_subject
from sklearn_emg.papers._benchmark._page import write_pages
from sklearn_emg.papers._benchmark._run import run_benchmark
from sklearn_emg.papers._boumerdes import BOUMERDES_PAIRS

Data = tuple[str, pd.DataFrame, np.ndarray, str]


def _simulated(arguments: argparse.Namespace, folder: str | None) -> Data:
    from sklearn_emg.datasets import make_nemg_cohort

    cohort = make_nemg_cohort(arguments.subjects, fs=arguments.rate, random_state=arguments.seed)
    # Properties of a subject that the simulator knows, but that real recordings do not state.
    table = cohort.data.drop(columns=["subtype", "severity", "drive"])
    name = f"simulated cohort, {arguments.subjects} subjects, {arguments.rate:g} Hz"
    caveat = "simulated signals: the scores do not estimate the accuracy on real patients"
    return name, table, cohort.target, caveat


def _lower_limb(arguments: argparse.Namespace, folder: str | None) -> Data:
    from sklearn_emg.datasets import load_lower_limb

    limb = load_lower_limb(_needed(folder, "lower-limb"))
    caveat = (
        "diagnosis and recording campaign are confounded in this data set: no score "
        "measures the diagnosis"
    )
    return "UCI lower limb, pathology against normal", limb.data, limb.target, caveat


def _n2001(arguments: argparse.Namespace, folder: str | None) -> Data:
    from sklearn_emg.datasets import load_n2001

    # Samples below -2.5 mV are stored as invalid; treating them as clipped keeps them usable.
    bunch = load_n2001(_needed(folder, "n2001"), muscle="BB", invalid="clip", spoilt="trim")
    name = f"N2001, biceps brachii{_defects(bunch)}"
    table, y = bunch.data, bunch.target
    if arguments.level == "low":
        # Contractions at a moderate level were recorded for controls only.
        low = (table["level"] != "moderate").to_numpy()
        table, y, name = table[low].reset_index(drop=True), y[low], f"{name}, low level"
    return name, table, y, _confounds(bunch)


def _algiers(arguments: argparse.Namespace, folder: str | None) -> Data:
    from sklearn_emg.datasets import load_algiers

    bunch = load_algiers(_needed(folder, "algiers"), spoilt="drop")
    return (
        f"Algiers, deltoid and biceps{_defects(bunch)}",
        bunch.data,
        bunch.target,
        _confounds(bunch),
    )


def _confounds(bunch: Any) -> str:
    return "confounded with the diagnosis: " + "; ".join(bunch.describe()["confounds"])


def _defects(bunch: Any) -> str:
    """Describe how many recordings the loader changed or left out."""
    report = bunch.report[bunch.report["action"] != "kept"]
    counts = report.groupby("action", sort=False)["recording"].nunique()
    return "".join(f", {counted(n, 'recording')} {action}" for action, n in counts.items())


def _emgdb(arguments: argparse.Namespace, folder: str | None) -> Data:
    from sklearn_emg.datasets import fetch_emgdb

    # The argument is the folder of the recordings, as for the other data sets; the loader takes
    # its parent folder.
    home = Path(folder).resolve().parent if folder and Path(folder).name == "emgdb" else folder
    records = fetch_emgdb(data_home=home)
    caveat = "one subject per class: no split by subject is possible"
    return "PhysioNet emgdb", records.data, records.target, caveat


DATA: dict[str, Callable[[argparse.Namespace, str | None], Data]] = {
    "simulated": _simulated,
    "lower-limb": _lower_limb,
    "n2001": _n2001,
    "algiers": _algiers,
    "emgdb": _emgdb,
}


def _needed(folder: str | None, name: str) -> Path:
    if folder is None:
        raise ValueError(f"--data {name} must be followed by the folder of the recordings.")
    return Path(folder)


def _pairs(text: str | None) -> Any:
    if text is None:
        return BOUMERDES_PAIRS
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        raise ValueError(
            f"--pairs must be pairs of numbers such as '((1, 2), (2, 1))'. Got {text!r}."
        ) from error


def _boumerdes(arguments: argparse.Namespace) -> Protocol:
    # In other data sets, the classes do not use the same subject numbers.
    by = "number" if arguments.data[0] == "n2001" else "position"
    return BoumerdesProtocol(_pairs(arguments.pairs), by=by)


PROTOCOLS: dict[str, Callable[[argparse.Namespace], Protocol]] = {
    "kfold": lambda a: RepeatedSubjectKFold(a.folds, n_repeats=1, random_state=a.seed),
    "repeated": lambda a: RepeatedSubjectKFold(a.folds, n_repeats=a.repeats, random_state=a.seed),
    "loso": lambda a: LeaveOneSubjectOut(),
    "nemgnet": lambda a: NEMGNetProtocol(a.folds, random_state=a.seed),
    "nemgnet-leaky": lambda a: NEMGNetProtocol(a.folds, choose_on="test", random_state=a.seed),
    "nested": lambda a: NestedProtocol(a.folds, random_state=a.seed),
    "boumerdes": _boumerdes,
    "alsnet": lambda a: ALSNetProtocol(n_repeats=a.repeats, random_state=a.seed),
    "random-recordings": lambda a: RandomRecordings(n_repeats=a.repeats, random_state=a.seed),
    "random-windows": lambda a: RandomWindows(n_repeats=a.repeats, random_state=a.seed),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sklearn_emg.papers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="print the table of systems")
    bench = commands.add_parser("benchmark", help="compare systems on the same subjects")
    _add_running(bench)
    add = bench.add_argument
    add("--data", nargs="+", required=True, metavar=("SET", "FOLDER"),
        help=f"one of {', '.join(DATA)}, and the folder of the recordings")  # fmt: skip
    add("--systems", default="all", help="names or patterns, separated by commas, or all, "
        "classical or networks (default: all)")  # fmt: skip
    add("--protocol", choices=PROTOCOLS, default="kfold", help="split of the data (default: kfold)")
    add("--folds", type=int, default=5, help="number of folds (default: 5)")
    add("--repeats", type=int, default=3, help="number of repetitions of the protocols repeated, "
        "alsnet, random-recordings and random-windows (default: 3)")  # fmt: skip
    add("--grid", type=Path, help="JSON file with a parameter grid for each system, for --protocol "
        "nested")  # fmt: skip
    add("--audit", type=int, default=3, help="number of folds of the leakage audit; 0 runs neither "
        "the leakage audit nor the audit of confounds (default: 3)")  # fmt: skip
    add("--leave-out", action="append", default=[], metavar="SYSTEMS=REASON",
        help="systems to leave out, with the reason; may be repeated")  # fmt: skip
    add("--memory", type=Path, metavar="FOLDER", help="folder of fitted networks, shared by "
        "systems that differ only in their votes")  # fmt: skip
    add("--store", type=Path, metavar="FOLDER", help="folder of filtered signals and features, for "
        "later benchmarks on the same recordings")  # fmt: skip
    add("--subjects", type=int, default=24, help="number of subjects of the simulated cohort")
    add("--rate", type=float, default=10_000.0, help="sampling rate of the simulated cohort in Hz")
    add("--level", choices=("low", "all"), default="low", help="level of contraction in N2001; a "
        "moderate level was recorded for controls only (default: low)")  # fmt: skip
    add("--classes", help="classes to compare, separated by commas, such as ALS,control; "
        "healthy=control,sick=ALS+myopathy renames and joins classes (default: all)")  # fmt: skip
    add("--seed", type=int, default=0, help="seed of the splits, the audits and the simulated "
        "cohort (default: 0)")  # fmt: skip
    tables = commands.add_parser("boumerdes", help="repeat the Boumerdes tables on N2001")
    _add_running(tables)
    tables.add_argument("folder", metavar="FOLDER", help="folder of the downloaded N2001 files")
    tables.add_argument("--muscle", default="BB", help="code of the muscle (default: BB)")
    tables.add_argument("--by", choices=("number", "position"), default="number",
        help="meaning of --pairs: subject numbers, or positions among the subjects of a class "
        "(default: number)")  # fmt: skip
    tables.add_argument("--lstm", action="store_true", help="also run the LSTM, which takes days")
    _add_results(commands)
    return parser


def _add_results(commands: Any) -> None:
    """Add the command that writes the results page."""
    page = commands.add_parser("results", help="write tables and figures of finished benchmarks, "
        "and compare the systems over their data sets; trains nothing")  # fmt: skip
    page.add_argument("folders", nargs="+", type=Path, metavar="FOLDER",
        help="results folder of the benchmark command, named after the data set")  # fmt: skip
    page.add_argument("--out", required=True, type=Path, help="folder for the tables and figures")


def _add_running(parser: argparse.ArgumentParser) -> None:
    """Add the options of all commands that run systems."""
    add = parser.add_argument
    add("--out", required=True, type=Path, help="results folder; an existing benchmark in it is "
        "continued")  # fmt: skip
    add("--pairs", help="validation and test subjects of each run of the Boumerdes protocol, such "
        "as '((1, 2), (2, 1))'")  # fmt: skip
    add("--fs", type=float, help="sampling rate in Hz for all systems (default: that of each "
        "paper)")  # fmt: skip
    add(
        "--epochs",
        type=int,
        help="maximum number of epochs (default: as in each paper)",
    )
    add("--set", action="append", default=[], metavar="PARAMETER=VALUE",
        help="parameter for set_params of the systems that have it; may be repeated")  # fmt: skip
    add("--jobs", type=int, default=None, help="number of parallel runs")
    add("--backend", choices=("loky", "threading", "dask", "ray"), default="loky",
        help="backend of joblib (default: loky)")  # fmt: skip
    add("--address", help="address of a running dask scheduler or ray cluster; by default, a "
        "cluster is started on this machine")  # fmt: skip
    add("--retry-failed", action="store_true", help="repeat failed runs")
    add("--note", action="append", default=[], metavar="NAME=TEXT",
        help="line for the head of the table; may be repeated")  # fmt: skip
    add("--report", action="store_true", help="only report the finished runs")
    add("--quiet", action="store_true", help="show no progress bar")


def _parameters(settings: Sequence[str]) -> dict[str, Any]:
    parameters = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise ValueError(f"--set needs PARAMETER=VALUE. Got {setting!r}.")
        try:
            parameters[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            parameters[name] = value  # a word without quotes
    return parameters


def _texts(settings: Sequence[str], option: str) -> dict[str, str]:
    """Return texts by name from arguments of the form ``NAME=TEXT``."""
    texts = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        if not text:
            raise ValueError(f"The form {option}=TEXT is expected. Got {setting!r}.")
        texts[name] = text
    return texts


def _threads_of_each(n_jobs: int | None) -> str:
    """Return the number of threads of each process of a local cluster, as joblib chooses it."""
    n_cores = joblib.cpu_count()
    set_outside = os.environ.get("OMP_NUM_THREADS")
    return set_outside or str(max(1, n_cores // (n_jobs if n_jobs and n_jobs > 0 else n_cores)))


@contextlib.contextmanager
def _backend(name: str, address: str | None, n_jobs: int | None) -> Iterator[None]:
    """Set joblib's backend; if no cluster is named, one is started on this machine."""
    with contextlib.ExitStack() as stack:
        if name == "dask":
            import dask
            from distributed import Client, LocalCluster

            if address is None:
                name_of_threads = "distributed.nanny.pre-spawn-environ.OMP_NUM_THREADS"
                with dask.config.set({name_of_threads: _threads_of_each(n_jobs)}):
                    cluster = LocalCluster(
                        n_workers=n_jobs, threads_per_worker=1, dashboard_address=None
                    )
                address = stack.enter_context(cluster)
            stack.enter_context(Client(address))
        elif name == "ray":
            import ray
            from ray.util.joblib import register_ray

            if address is None:
                environment = {"env_vars": {"OMP_NUM_THREADS": _threads_of_each(n_jobs)}}
                ray.init(num_cpus=n_jobs, include_dashboard=False, runtime_env=environment)
            else:
                ray.init(address=address)
            stack.callback(ray.shutdown)
            register_ray()
        elif address is not None:
            raise ValueError(
                f"--address is for --backend dask or ray only, but --backend is {name!r}."
            )
        if name in ("dask", "ray") and n_jobs is None:
            n_jobs = -1  # all workers of the cluster
        stack.enter_context(joblib.parallel_config(backend=name, n_jobs=n_jobs))
        yield


def _grids(path: Path) -> dict[str, Any]:
    """Read the parameter grids of systems, by system name."""
    try:
        grids = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"The --grid file {path} is not valid JSON: {error}.") from error
    if not isinstance(grids, dict):
        raise ValueError(
            f"The --grid file {path} must contain a grid for each system, such as "
            '{"time-domain": {"divote__window": [0.2, 0.4]}}.'
        )
    return grids


def _names(text: str) -> list[str]:
    """Split a comma-separated list of names or patterns."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _of_classes(text: str, table: pd.DataFrame, y: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the recordings of the classes in ``--classes``, and the class of each recording."""
    classes: dict[str, str] = {}
    for part in _names(text):
        name, _, members = (field.strip() for field in part.partition("="))
        for member in (members or name).split("+"):
            if not (name and member.strip()) or ("=" in part and not members):
                raise ValueError(
                    f"--classes needs CLASS or NAME=CLASS+CLASS between commas. Got {part!r}."
                )
            if member.strip() in classes:
                raise ValueError(f"--classes names {member.strip()!r} twice.")
            classes[member.strip()] = name
    known = sorted({str(label) for label in y})
    if unknown := sorted(set(classes) - set(known)):
        raise ValueError(
            f"--classes names {unknown[0]!r}, but the classes of the data are {known}."
        )
    if len(set(classes.values())) < 2:
        raise ValueError(f"--classes must leave at least two classes. Got {text!r}.")
    kept = np.isin(y, list(classes))
    return table[kept].reset_index(drop=True), np.array([classes[label] for label in y[kept]])


def _searched(protocol: NestedProtocol, grids: dict[str, Any], name: str, model: Any) -> Any:
    if name not in grids:
        raise ValueError(f"The --grid file has no grid for {name!r}, only for {sorted(grids)}.")
    return protocol.search(model, grids[name])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments; by default, the arguments of the process.

    Returns
    -------
    status : int
        0, 1 if the reader of the output has closed it, 2 if the arguments or the data cannot be
        used, or 130 after an interrupt.

    Raises
    ------
    SystemExit
        If the arguments cannot be parsed, or ask for help.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    arguments = _parser().parse_args(argv)
    try:
        if arguments.command == "list":
            sys.stdout.write(list_systems()[["title", "published"]].to_string() + "\n")
        else:
            run = {"benchmark": _benchmark, "boumerdes": _tables, "results": _results}
            run[arguments.command](arguments, argv)
        sys.stdout.flush()
    except BrokenPipeError:
        return discard_output()
    except (ValueError, OSError, ImportError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(
            f"\ninterrupted: finished runs are kept in {arguments.out}. The same command "
            "continues the benchmark; with --report, it shows the finished runs.\n"
        )
        return 130
    return 0


def _benchmark(arguments: argparse.Namespace, argv: Sequence[str]) -> None:
    kind, *folder = arguments.data
    if kind not in DATA or len(folder) > 1:
        raise ValueError(
            f"--data takes one of {', '.join(DATA)} and a folder. Got {arguments.data}."
        )
    protocol = PROTOCOLS[arguments.protocol](arguments)
    search, label = None, ""
    if isinstance(protocol, NestedProtocol):
        if arguments.grid is None:
            raise ValueError("--protocol nested chooses settings from grids: pass --grid.")
        grids = _grids(arguments.grid)
        search, label = partial(_searched, protocol, grids), json.dumps(grids, sort_keys=True)
    name, table, y, caveat = DATA[kind](arguments, folder[0] if folder else None)
    if arguments.classes is not None:
        table, y = _of_classes(arguments.classes, table, np.asarray(y))
        name = f"{name}, classes {arguments.classes}"
    left_out = {
        name: reason
        for names, reason in _texts(arguments.leave_out, "--leave-out SYSTEMS").items()
        for name in _names(names)
    }
    notes = _notes(arguments, argv, folder, (name, table, y, caveat))
    with _backend(arguments.backend, arguments.address, arguments.jobs):
        result = run_benchmark(
            _names(arguments.systems),
            table,
            np.asarray(y),
            protocol,
            arguments.out,
            fs=arguments.fs,
            max_epochs=arguments.epochs,
            parameters=_parameters(arguments.set),
            search=search,
            search_label=label,
            audit_splits=arguments.audit,
            confounds=arguments.audit > 0 and not protocol.leaky,
            n_jobs=arguments.jobs,
            retry_failed=arguments.retry_failed,
            left_out=left_out,
            report_only=arguments.report,
            progress=not arguments.quiet,
            random_state=arguments.seed,
            notes=notes,
            memory=arguments.memory,
            store=arguments.store or "auto",
        )
    sys.stdout.write(result.table().to_string() + f"\nResults: {arguments.out}\n")


def _results(arguments: argparse.Namespace, argv: Sequence[str]) -> None:
    files = write_pages(arguments.folders, arguments.out)
    sys.stdout.write("".join(f"{file}\n" for file in files))


def _tables(arguments: argparse.Namespace, argv: Sequence[str]) -> None:
    from sklearn_emg.datasets import load_n2001

    # Windows with invalid samples are left out. Resampling would enlarge gaps, so samples are
    # clipped before it.
    invalid: Literal["nan", "clip"] = "nan" if arguments.fs is None else "clip"
    records = load_n2001(arguments.folder, arguments.muscle, invalid=invalid, lazy=True)
    name = f"N2001, muscle {arguments.muscle}"
    data: Data = (name, records.data, records.target, "")
    pairs = _pairs(arguments.pairs)
    runs = runs_by_subject(records.data, records.target, pairs, arguments.by)
    sys.stdout.write(f"{_allowed(runs)}\n{runs.to_string(index=False)}\n")
    with _backend(arguments.backend, arguments.address, arguments.jobs):
        tables = boumerdes_tables(
            records.data,
            records.target,
            arguments.out,
            lstm=arguments.lstm,
            pairs=pairs,
            by=arguments.by,
            fs=arguments.fs,
            max_epochs=arguments.epochs,
            parameters=_parameters(arguments.set),
            n_jobs=arguments.jobs,
            retry_failed=arguments.retry_failed,
            report_only=arguments.report,
            progress=not arguments.quiet,
            notes=_notes(arguments, argv, [arguments.folder], data),
        )
    sys.stdout.write(tables.to_string() + f"\nResults: {arguments.out}\n")


def _allowed(runs: pd.DataFrame) -> str:
    """Describe how many runs by subject are possible in each task."""
    counts = runs.groupby("task", sort=False)["possible"].agg(["sum", "size"])
    texts = [f"{task}: {row['sum']} of {row['size']}" for task, row in counts.iterrows()]
    hint = "" if runs["possible"].all() else " Choose other pairs with --pairs or --by position."
    return f"Runs by subject that these subjects allow: {'; '.join(texts)}.{hint}"


def _notes(
    arguments: argparse.Namespace, argv: Sequence[str], folder: Sequence[str], data: Data
) -> dict[str, str]:
    """Return the lines for the head of a results table."""
    name, table, y, caveat = data
    subjects = pd.Series(np.asarray(y)).groupby(table["subject"].to_numpy()).first().value_counts()
    notes = {
        # Folders on this machine are replaced by placeholders.
        "command": "python -m sklearn_emg.papers " + shlex.join(_without_folders(argv, folder)),
        "data": f"{name}, {counted(len(table), 'recording')}, "
        f"subjects per class {subjects.to_dict()}",
    }
    if arguments.epochs is not None:
        notes["networks"] = (
            f"at most {counted(arguments.epochs, 'epoch')}, NOT the published settings"
        )
    if caveat:
        notes["caveat"] = caveat
    notes.update(_texts(arguments.note, "--note NAME"))
    return notes


def _without_folders(argv: Sequence[str], folder: Sequence[str]) -> list[str]:
    # The runs were computed by the command without --report.
    kept = ["FOLDER" if a in folder else a for a in argv if a != "--report"]
    for option, name in (("--out", "DIR"), ("--memory", "NETWORKS"), ("--store", "STORE")):
        kept = [f"{option}={name}" if a.startswith(f"{option}=") else a for a in kept]
        if option in kept:
            kept[kept.index(option) + 1] = name
    return kept


if __name__ == "__main__":
    sys.exit(main())
