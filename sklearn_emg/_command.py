"""Command-line interface ``sklearn-emg``."""

# Sub-packages are imported by the subcommands that need them, so that --help is fast.

from __future__ import annotations

import argparse
import re
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn_emg._version import __version__

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_SUFFIXES = {
    *(".csv", ".txt", ".tsv", ".asc", ".edf", ".bdf", ".c3d", ".mat", ".h5", ".hdf5"),
    *(".npy", ".hea"),
}
_ABOUT = """Check EMG recordings, compare pipelines and report the results without writing code.

  sklearn-emg describe study/control/c01_biceps.csv
  sklearn-emg quality study
  sklearn-emg compare study --label group --subject subject --out report
"""
_FOLDER = """
Columns are read from the paths of the files. A pattern has the names of the columns in braces:

  study/control/c01_biceps.csv   --pattern "{group}/{subject}_{muscle}.csv"
  study/s07/rest_2.edf           --pattern "{subject}/{task}_{run}.edf"

Without --pattern, the outermost folder is the label. The subject is the innermost of several
folders or, if there is only one folder, the name of the file up to its first underscore. The
pattern is printed. A table of metadata (CSV file or spreadsheet with a column "file" or "subject")
adds columns: --metadata study.csv. A BIDS data set needs neither option.
"""
_QUALITY = """Check recordings: unit, rate, clipping, interference, drift, noise, gaps and copies.

Prints each finding with a remedy. With --out, also writes an HTML page and a table (CSV):

  sklearn-emg quality study --out quality
"""
_COMPARE = """Compare pipelines by subject: LDA, random forest and SVM on features, and a network.

No subject is in both the training and the test set of a fold. Bad recordings are left out. Writes
report.html, figures (PNG) and tables (CSV):

  sklearn-emg compare study --label group --subject subject --out report
  sklearn-emg compare study --pattern "{group}/{patient}_{muscle}.csv" --subject patient \\
      --label group --unit uV --fs 2000 --out report
"""


_LIVE = """Run a saved system on a signal from a file, TCP, a serial port or LSL as it arrives.

Prints the decision when it changes, and the diagnosis at the end (or after Ctrl-C). MODEL is a
folder written by sklearn_emg.deployment.save_model. The filters of the model must be causal, like
those of "sklearn-emg compare --causal --save-model".

  sklearn-emg live model --file recording.csv --page
  sklearn-emg live model --tcp localhost:5000 --fs 1000 --unit uV --counter 256
  sklearn-emg live model --lsl "EMG amplifier" --terminal
"""
_PREDICT = """Diagnose new recordings with a saved system (sklearn_emg.deployment.save_model).

For each subject, prints a diagnosis with its probabilities, or a number with its interval. Also
prints how many windows and recordings agree with the diagnosis, and the quality of the recordings.

  sklearn-emg predict report/model new/p07_biceps.csv new/p07_deltoid.csv --subject p07
  sklearn-emg predict report/model new --pattern "{subject}_{muscle}.csv" --out diagnoses.csv

Each subject is named after its file, unless the file contains several subjects. With --subject, all
files are recordings of the subject with this name. For a folder, --subject is the name of a field,
as in quality and compare.
"""


class _Parser(argparse.ArgumentParser):
    """Parser with one-line error messages."""

    def error(self, message: str) -> Any:
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(
        prog="sklearn-emg", description=_ABOUT, formatter_class=raw,
        epilog="sklearn-emg COMMAND --help explains a command with examples.",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, help: str, description: str = "", epilog: str = "") -> Any:
        return commands.add_parser(
            name, help=help, description=description or help, epilog=epilog, formatter_class=raw
        )

    describe = add("describe", "show what is recognised in a file",
        "Show the channels, units, rates and labels of files, and what is missing.\n\n"
        "  sklearn-emg describe study/control/c01_biceps.csv")  # fmt: skip
    describe.add_argument("files", metavar="FILE", nargs="+")
    describe.add_argument("--format", help="format of the files (default: recognised)")
    quality = add("quality", "check the recordings of a folder", _QUALITY, _FOLDER)
    _add_reading(quality)
    quality.add_argument("--out", type=_folder_to_write, metavar="DIR",
        help="folder for a page and a table")  # fmt: skip
    compare = add("compare", "compare pipelines by subject", _COMPARE, _FOLDER)
    _add_reading(compare)
    _add_comparing(compare)
    predict = add("predict", "diagnose recordings with a saved system", _PREDICT, _FOLDER)
    _add_predicting(predict)
    _add_live(add("live", "run a saved system on a signal as it arrives", _LIVE))
    bench = add("benchmark", "run published systems on a public set",
        "Run published systems on the same subjects:\n\n"
        "  sklearn-emg benchmark --data simulated --systems classical --out results")  # fmt: skip
    bench.add_argument("rest", nargs=argparse.REMAINDER, metavar="...",
        help="options of python -m sklearn_emg.papers benchmark; --help lists them")  # fmt: skip
    add("systems", "list the published systems")
    return parser


def _add_live(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", metavar="MODEL")
    sources = parser.add_mutually_exclusive_group(required=True)
    sources.add_argument("--file", help="file with one recording")
    sources.add_argument("--tcp", metavar="HOST:PORT", help="lines of text over TCP")
    sources.add_argument("--serial", metavar="PORT", help="lines of text over a serial port")
    sources.add_argument("--lsl", metavar="NAME", help="stream of the Lab Streaming Layer")
    views = parser.add_mutually_exclusive_group()
    views.add_argument("--page", action="store_true", help="show the signal in a browser")
    views.add_argument("--terminal", action="store_true", help="show the signal in the terminal")
    add("--subject", default="new", help="name of the subject (default: new)")
    add(
        "--fs",
        type=float,
        help="sampling rate of the lines of text in Hz (default: the rate of the model)",
    )
    add("--unit", help="unit of the samples (default: mV; LSL: unit stated by the stream)")
    add("--counter", type=int, metavar="N", help="lines begin with a counter that returns to 0 "
        "at N; N is 0 if the counter never returns to 0")  # fmt: skip
    add("--speed", type=float, metavar="X", help="replay a file X times as fast as it was "
        "recorded (default: without waiting)")  # fmt: skip


def _number(minimum: float, *, above: bool = False, integer: bool = False) -> Any:
    """Return the type of an option whose value must be at least (or above) a minimum."""
    kind = "an integer" if integer else "a number"
    wanted = f"{kind} {'above' if above else 'of at least'} {minimum:g}"

    def read(text: str) -> float:
        try:
            value: float = int(text) if integer else float(text)
        except ValueError:
            value = float("nan")
        if not minimum <= value < float("inf") or (above and value == minimum):
            raise argparse.ArgumentTypeError(f"must be {wanted}, got {text!r}")
        return value

    return read


def _jobs(text: str) -> int:
    """Convert the number of jobs, which joblib also accepts as a negative number."""
    if not re.fullmatch(r"-?[1-9]\d*", text):
        raise argparse.ArgumentTypeError(f"must be an integer other than 0, got {text!r}")
    return int(text)


def _folder_to_write(text: str) -> Path:
    """Convert the path of a folder, refusing a file."""
    from sklearn_emg._files import folder_to_write

    try:
        return folder_to_write(text)
    except NotADirectoryError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _file_to_write(text: str) -> Path:
    """Convert the path of a file, refusing one whose folder does not exist."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is a folder; give a file")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.parent} for {path.name}")
    return path


def _add_reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="FOLDER")
    _add_form(parser)


def _add_form(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--pattern", help='pattern of the paths, such as "{group}/{subject}_{muscle}.csv"')
    add("--label", metavar="NAME", help="field or column with the class of a recording")
    add("--subject", metavar="NAME", default="subject", help="field or column with the subject "
        "(default: subject)")  # fmt: skip
    add("--metadata", metavar="FILE", help="table with one row per file or subject")
    add("--channels", metavar="NAMES", help="channels to read, separated by commas")
    add("--unit", help="unit of the samples, instead of that in the files: uV, mV, V, counts")
    add("--fs", type=_number(0, above=True), metavar="HZ",
        help="sampling rate, instead of that in the files")  # fmt: skip
    add("--format", help="format of the files (default: recognised)")
    add("--jobs", type=_jobs, metavar="N", help="number of parallel jobs")


def _add_predicting(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", metavar="MODEL", help="folder written by save_model")
    add("files", metavar="FILES", nargs="+", help="files of recordings, or one folder")
    _add_form(parser)
    add("--out", type=_file_to_write, metavar="CSV", help="file for the table")
    add("--coverage", type=_number(0, above=True), default=0.9, metavar="P",
        help="coverage of the intervals of predicted numbers (default: 0.9)")  # fmt: skip


def _add_comparing(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--out", type=_folder_to_write, metavar="DIR", required=True, help="folder for the report")
    add("--folds", type=_number(2, integer=True), default=5, help="number of folds (default: 5)")
    add("--window", type=_number(0, above=True), default=0.4, metavar="S",
        help="length of windows (default: 0.4 s)")  # fmt: skip
    add("--epochs", type=_number(0, integer=True), default=30,
        help="maximum number of epochs of the network (default: 30; 0: no network)")  # fmt: skip
    add("--keep-bad", action="store_true", help="keep recordings of bad quality")
    add("--save-model", action="store_true",
        help="fit the most accurate pipeline to all subjects; write it to DIR/model")  # fmt: skip
    add("--causal", action="store_true",
        help="run filters only forwards, as needed by sklearn-emg live")  # fmt: skip
    add(
        "--seed",
        type=_number(0, integer=True),
        default=0,
        help="seed of splits and models (default: 0)",
    )
    add("--quiet", action="store_true", help="show no progress bar")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments. By default, they are those of the process.

    Returns
    -------
    status : int
        Exit status: 0 on success, 1 if the reader of the output has closed it, 2 if the arguments
        or the data cannot be used, 130 if the command was interrupted.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv[:1] == ["benchmark"]:
        from sklearn_emg.papers.__main__ import main as run_systems

        return run_systems(argv)
    arguments = _parser().parse_args(argv)
    shown_by, warnings.showwarning = warnings.showwarning, _show_warning  # type: ignore[assignment]
    try:
        _COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        from sklearn_emg._files import discard_output

        return discard_output()
    except (ValueError, TypeError, OSError, ImportError) as error:
        sys.stderr.write(f"error: {_with_options(_in_one_line(str(error)), arguments)}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    finally:
        warnings.showwarning = shown_by
    return 0


def _with_options(text: str, arguments: argparse.Namespace) -> str:
    """Replace the names of parameters in a message by the options of this command."""

    def option(found: re.Match[str]) -> str:
        name, value = found["name"], found["value"]
        plain = value.strip("'[]")
        return f"--{name} {plain}" if hasattr(arguments, name) else found[0]

    return re.sub(r"\b(?P<name>\w+)=(?P<value>'[^']*'|\.\.\.|\[\.\.\.\])", option, text)


def _in_one_line(text: str) -> str:
    return re.sub(r"\s*\n\s*", "; ", re.sub(r":\s*\n\s*", ": ", text.strip()))


def _show_warning(message: Any, category: type[Warning], *place: Any) -> None:
    """Show a warning without the line of code, which is of no use to users of the command."""
    if issubclass(category, UserWarning) or category.__name__ == "FitFailedWarning":
        sys.stderr.write(f"warning: {_in_one_line(str(message))}\n")


def _describe(arguments: argparse.Namespace) -> None:
    from sklearn_emg.io import describe_file

    for file in arguments.files:
        if Path(file).is_dir():
            raise ValueError(f"{file} is a folder; give files, or check it with: quality {file}")
        sys.stdout.write(f"{describe_file(file, format=arguments.format)}\n")


def _systems(arguments: argparse.Namespace) -> None:
    from sklearn_emg.papers import list_systems

    systems = list_systems()
    for name, title, published in zip(systems.index, systems["title"], systems["published"]):
        sys.stdout.write(f"{name}\n  {title}\n")
        if published:
            sys.stdout.write(f"  published: {published}\n")


def _quality(arguments: argparse.Namespace) -> None:
    from sklearn_emg.preprocessing import check_quality

    table, y = _read(arguments, errors="warn")
    quality = check_quality(table, y, n_jobs=arguments.jobs)
    sys.stdout.write(f"{quality}\n")
    if arguments.out is not None:
        from sklearn_emg.inspection import report

        arguments.out.mkdir(parents=True, exist_ok=True)
        page = report(quality, arguments.out / "quality.html")
        _write_table(quality.channels, arguments.out / "quality.csv")
        sys.stdout.write(f"Page: {page}\n")


def _compare(arguments: argparse.Namespace) -> None:
    from sklearn_emg._validation import require
    from sklearn_emg.comparison import compare, confound_audit
    from sklearn_emg.inspection import data_card, model_card, report
    from sklearn_emg.preprocessing import check_quality

    require("matplotlib", "sklearn-emg compare", "plot")
    if arguments.save_model:
        require("skops", "sklearn-emg compare --save-model", "deploy")
    table, y = _read(arguments)
    if y is None:
        raise ValueError(
            "compare needs the class of each recording: name a field of the pattern or a column of "
            f"the metadata with --label. The columns are {', '.join(map(str, table.columns))}."
        )
    quality = check_quality(table, y, n_jobs=arguments.jobs)
    sys.stdout.write(f"{quality}\n\n")
    if not arguments.keep_bad:
        table, y = quality.drop_bad(table, y)
        table = table.reset_index(drop=True)
    if arguments.causal:
        from sklearn_emg.preprocessing import GapInterpolator

        table = GapInterpolator(longer="note").fit_transform(table)
    pipelines = _pipelines(arguments, table)
    result = compare(
        pipelines, table, y, cv=arguments.folds, n_jobs=arguments.jobs,
        progress=not arguments.quiet, random_state=arguments.seed,
    )  # fmt: skip
    sys.stdout.write(f"{result}\n")
    try:
        confounds = confound_audit(table, y, random_state=arguments.seed, n_jobs=arguments.jobs)
    except ValueError as error:  # such as too few subjects; the comparison does not need the audit
        confounds = None
        sys.stderr.write(f"No audit of confounds: {_in_one_line(str(error))}\n")
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    best = _most_accurate(result)
    checked = {"quality": quality, "confounds": confounds}
    cards = {"model_card": model_card(best, result, **checked)}
    cards["data_card"] = data_card(table, y, **checked)
    page = report(result, out / "report.html", **checked, cards=cards.values())
    for name, card in cards.items():
        card.save(out / f"{name}.md")
    if arguments.save_model:
        from sklearn_emg.deployment import save_model

        written = save_model(pipelines[best].fit(table, y), out / "model")
        sys.stdout.write(f"Model ({best}, fitted to all subjects): {written}\n")
    _write_figures(result, quality, confounds, out)
    for name, frame in (
        ("scores", result.summary),
        ("predictions", result.predictions),
        ("folds", result.folds),
        ("quality", quality.channels),
    ):
        _write_table(frame, out / f"{name}.csv")
    _warn_of_older(out, model=not arguments.save_model, confounds=confounds is None)
    sys.stdout.write(f"Report: {page}\n")


def _warn_of_older(out: Path, *, model: bool, confounds: bool) -> None:
    """Name what an earlier run has left in the folder and this run has not written."""
    left = [out / "model"] * model + [out / "confounds.png"] * confounds
    for path in filter(Path.exists, left):
        sys.stderr.write(f"warning: {path} was written by an earlier run; this run has none\n")


def _most_accurate(result: Any) -> str:
    summary = result.summary
    scores = summary[(summary["level"] == "subject") & (summary["metric"] == "accuracy")]
    return str(scores.set_index("pipeline")["pooled"].idxmax())


def _predict(arguments: argparse.Namespace) -> None:
    from sklearn_emg.deployment import load_model, prediction_table
    from sklearn_emg.preprocessing import check_quality

    model = load_model(arguments.model)
    table = _recordings_to_predict(arguments)
    quality = check_quality(table, n_jobs=arguments.jobs)
    found = prediction_table(model, table, quality=quality, coverage=arguments.coverage)
    if "folder" not in arguments and arguments.subject == "subject":
        # The name of a file cannot be compared with the names of the training subjects.
        found["in_training"] = found["in_training"].replace("no", "not known")
        sys.stderr.write("Each subject is named after its file; --subject sets another name.\n")
    texts = ["reasons", "quality"]
    sys.stdout.write(f"{found.drop(columns=texts)!r}\n\n")
    for name, reasons, findings in zip(found.index, *(found[c] for c in texts)):
        title = " ".join(map(str, name)) if isinstance(name, tuple) else name
        parts = [reasons, f"quality: {findings or 'no finding'}"]
        sys.stdout.write(f"{title}: {'; '.join(p for p in parts if p)}\n")
    sys.stdout.write("\nThis output supports an examination; it is not a diagnosis by itself.\n")
    if arguments.out is not None:
        _write_table(found.reset_index(), arguments.out)
        sys.stdout.write(f"Table: {arguments.out}\n")


def _recordings_to_predict(arguments: argparse.Namespace) -> pd.DataFrame:
    """Read the recordings of files, or of one folder."""
    files = [Path(file).expanduser() for file in arguments.files]
    if len(files) == 1 and files[0].is_dir():
        arguments.folder = files[0]
        return _read(arguments)[0]
    import pandas as pd

    from sklearn_emg.io import read_recordings

    unused = [f"--{name}" for name in ("pattern", "metadata", "label") if getattr(arguments, name)]
    if unused:
        raise ValueError(f"{', '.join(unused)} can be used only with a folder, not with files")
    given = None if arguments.subject == "subject" else arguments.subject
    _refuse_same_names(files if given is None else [])
    form = _form_of(arguments)
    tables = [read_recordings(f, subject=given or _name_of_single(f), **form) for f in files]
    return pd.concat(tables, ignore_index=True)


def _refuse_same_names(files: list[Path]) -> None:
    """Raise if files have the same name, which would make them one subject."""
    first: dict[str | None, Path] = {None: Path()}
    for file in files:
        name = _name_of_single(file)
        if first.setdefault(name, file) is not file and name is not None:
            raise ValueError(
                f"{first[name]} and {file} have the same name, so they would be one subject; give "
                "them one by one, or --subject if they are of the same subject"
            )


def _name_of_single(file: Path) -> str | None:
    """Return the subject named after a file, or None if the file may contain several subjects."""
    return None if file.suffix.lower() == ".parquet" else file.stem


def _live(arguments: argparse.Namespace) -> None:
    from sklearn_emg.deployment import load_model
    from sklearn_emg.inspection import LiveView, watch
    from sklearn_emg.streaming import StreamingDiagnosis

    live = StreamingDiagnosis(load_model(arguments.model))
    source = _source(arguments, live)
    live.begin(arguments.subject)
    view = LiveView(live) if arguments.page else None
    if view is not None:
        sys.stdout.write(f"Page: {view.url}\n")
        sys.stdout.flush()
    run = live.run if view is None else view.run
    events = watch(live, source) if arguments.terminal else run(source)
    try:
        _follow(events)
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
    finally:
        if view is not None:
            view.close()
    if live.recordings["n_windows"].sum():
        sys.stdout.write(f"{live.diagnose().to_string()}\n")
    else:
        sys.stdout.write("No window was complete.\n")


def _follow(events: Any) -> None:
    """Print gaps, and the decision whenever its leading class changes."""
    leading = None
    for event in events:
        decision = getattr(event, "decision", None)
        if decision is None:
            sys.stdout.write(f"{event.stop:8.2f} s  gap from {event.start:.2f} s\n")
        elif decision.leading != leading:
            leading, (low, high) = decision.leading, decision.interval
            sys.stdout.write(
                f"{decision.seconds:8.2f} s  {leading}: {decision.fraction:.0%} of the votes "
                f"[{low:.0%}, {high:.0%}]\n"
            )
        sys.stdout.flush()


def _source(arguments: argparse.Namespace, live: Any) -> Any:
    """Return the source of chunks that the arguments specify."""
    from sklearn_emg.streaming import LineFormat, read_lsl, read_serial, read_tcp, replay_file

    _refuse_foreign_options(arguments)
    unit = {} if arguments.unit is None else {"unit": arguments.unit}
    if arguments.file is not None:
        return replay_file(arguments.file, speed=arguments.speed, subject=arguments.subject, **unit)
    if arguments.lsl is not None:
        return read_lsl(arguments.lsl, **unit)
    lines = LineFormat(n_channels=live.n_channels, counter=arguments.counter, **unit)
    fs = live.fs if arguments.fs is None else arguments.fs
    if arguments.tcp is not None:
        return read_tcp(arguments.tcp, fs, lines)
    return read_serial(arguments.serial, fs, lines)


_READ_BY = {"file": ("speed",), "tcp": ("fs", "counter"), "serial": ("fs", "counter"), "lsl": ()}


def _refuse_foreign_options(arguments: argparse.Namespace) -> None:
    """Raise if an option does not apply to the source."""
    source = next(name for name in _READ_BY if getattr(arguments, name) is not None)
    foreign = [name for name in ("fs", "counter", "speed") if name not in _READ_BY[source]]
    unused = [f"--{name}" for name in foreign if getattr(arguments, name) is not None]
    if unused:
        raise ValueError(f"{', '.join(unused)} cannot be used with --{source}")


_COMMANDS = {
    "describe": _describe,
    "live": _live,
    "predict": _predict,
    "quality": _quality,
    "compare": _compare,
    "systems": _systems,
}


def _pipelines(arguments: argparse.Namespace, table: pd.DataFrame) -> dict[str, Any]:
    """Make three pipelines of features and a classifier, and one pipeline of a network."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    from sklearn_emg.ensemble import DiVoteClassifier
    from sklearn_emg.feature_extraction import TimeDomainFeatures
    from sklearn_emg.preprocessing import GapInterpolator, HighpassFilter, Resampler

    steps: list[Any] = [HighpassFilter(20.0, zero_phase=not arguments.causal)]
    if not arguments.causal:  # a causal system restarts after a gap instead
        steps.insert(0, GapInterpolator(longer="note"))
    if table["fs"].nunique() > 1:
        steps.append(Resampler(fs_out=float(table["fs"].min())))

    def voted(*of_windows: Any) -> Any:
        windows = make_pipeline(*of_windows) if len(of_windows) > 1 else of_windows[0]
        length = arguments.window
        vote = DiVoteClassifier(windows, window=length, step=length / 2, nan="skip", short="skip")
        return make_pipeline(*steps, vote)

    seed = arguments.seed
    forest = RandomForestClassifier(200, class_weight="balanced", random_state=seed)
    svm = SVC(class_weight="balanced")  # calibrated by DiVote on held-out subjects
    pipelines = {
        "features + LDA": voted(TimeDomainFeatures(), LinearDiscriminantAnalysis()),
        "features + forest": voted(TimeDomainFeatures(), forest),
        "features + SVM": voted(TimeDomainFeatures(), StandardScaler(), svm),
    }
    if arguments.epochs:
        try:
            from sklearn_emg.neural_network import CNN1DClassifier

            network = CNN1DClassifier(max_epochs=arguments.epochs, random_state=seed)
            pipelines["network (CNN1D)"] = voted(network)
        except ImportError as error:
            sys.stderr.write(f"No network is compared: {error}\n")
    return pipelines


def _write_figures(result: Any, quality: Any, confounds: Any, out: Path) -> None:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from sklearn_emg.inspection import ComparisonDisplay, ConfoundDisplay, QualityDisplay

    drawn: list[tuple[str, Any, tuple[float, float]]] = [
        ("comparison", ComparisonDisplay.from_comparison(result), (7.0, 4.0)),
        ("quality", QualityDisplay.from_report(quality), (9.0, 7.0)),
    ]
    if confounds is not None:
        drawn.append(("confounds", ConfoundDisplay.from_audit(confounds), (7.0, 5.0)))
    for name, display, size in drawn:
        with rc_context({"text.parse_math": False}):
            figure = Figure(figsize=size, layout="constrained")
            display.plot(ax=figure.subplots())
            figure.savefig(out / f"{name}.png", dpi=150)


def _write_table(frame: pd.DataFrame, path: Path) -> None:
    from sklearn_emg._files import write_text_atomically

    write_text_atomically(path, frame.to_csv(index=False))


def _read(
    arguments: argparse.Namespace, errors: str = "raise"
) -> tuple[pd.DataFrame, np.ndarray | None]:
    """Read the recording table of a folder, and its labels if there are any."""
    from sklearn_emg.io import read_folder, read_recordings, separate_labels

    root = Path(arguments.folder).expanduser()
    if not root.is_dir():
        raise ValueError(f"there is no folder {root}")
    read = {**_form_of(arguments), "errors": errors}
    if arguments.pattern is None and (root / "dataset_description.json").is_file():
        _refuse_unused(arguments)
        return separate_labels(read_recordings(root, **read, format="bids"), arguments.label)
    pattern = arguments.pattern or _pattern_of(root, arguments)
    metadata = arguments.metadata
    if arguments.subject != "subject":
        pattern, metadata = _with_subject(pattern, metadata, arguments.subject)
    return read_folder(root, pattern, metadata=metadata, target=arguments.label, **read)


def _form_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the channels, unit, rate and format of the files, as far as options give them."""
    names = ("channels", "unit", "fs", "format")
    read = {name: getattr(arguments, name) for name in names if getattr(arguments, name)}
    if "channels" in read:
        read["channels"] = [name.strip() for name in read["channels"].split(",")]
    return read


def _refuse_unused(arguments: argparse.Namespace) -> None:
    """Raise if an option does not apply to a BIDS data set."""
    unused = [f"--{name}" for name in ("metadata", "format") if getattr(arguments, name)]
    unused += ["--subject"] if arguments.subject != "subject" else []
    if unused:
        raise ValueError(
            f"{', '.join(unused)} cannot be used with {arguments.folder}, a BIDS data set, which "
            "names its subjects and columns itself; give --pattern to read it as a folder of files"
        )


def _with_subject(pattern: str, metadata: str | None, name: str) -> tuple[str, Any]:
    """Rename the given field of the pattern or column of the metadata to "subject"."""
    if f"{{{name}}}" in pattern:
        return pattern.replace(f"{{{name}}}", "{subject}"), metadata
    if metadata is not None:
        from sklearn_emg.io import read_metadata

        table = read_metadata(metadata)
        if name in table:
            return pattern, table.rename(columns={name: "subject"})
    raise ValueError(
        f"--subject {name} is neither a field of the pattern {pattern!r} nor a column of the "
        "metadata"
    )


def _subjects_in(sheet: pd.DataFrame | None, name: str) -> set[str]:
    """Return the values of a column of a metadata table; empty if there is no such column."""
    columns = {} if sheet is None else {str(c).strip().lower(): sheet[c] for c in sheet}
    return {str(value).strip() for value in columns.get(name.lower(), ())}


def _pattern_of(root: Path, arguments: argparse.Namespace) -> str:
    """Derive the pattern of the files of a folder from their depth and names."""
    from sklearn_emg.io import read_metadata, visible_files

    given = arguments.metadata
    sheet = None if given is None else read_metadata(given)
    found = [
        path.relative_to(root)
        for path in visible_files(root)
        if path.suffix.lower() in _SUFFIXES and not (given and path.samefile(given))
    ]
    if not found:
        raise ValueError(f"no file below {root} has a known format; give --pattern")
    (suffix, depth), _ = Counter((p.suffix, len(p.parts)) for p in found).most_common(1)[0]
    stems = [p.stem for p in found if (p.suffix, len(p.parts)) == (suffix, depth)]
    parts = _parts_of(stems, depth, sheet, arguments)
    pattern = "/".join(parts) + suffix
    sys.stderr.write(f"Pattern: {pattern} (--pattern gives another)\n")
    return pattern


def _parts_of(
    stems: list[str], depth: int, sheet: pd.DataFrame | None, arguments: argparse.Namespace
) -> list[str]:
    """Return the parts of a pattern, using the metadata to locate the label and the subject."""
    name = "{subject}_*" if all("_" in stem for stem in stems) else "{subject}"
    columns = set() if sheet is None else {str(c).strip().lower() for c in sheet}
    if arguments.subject.lower() in columns and columns & _FILE_COLUMNS:
        name = "*"  # the metadata contain the subject of each file
    label = arguments.label or "group"
    label = "*" if sheet is not None and label in sheet else f"{{{label}}}"
    if depth == 1:
        return [name]
    if name == "*":
        return [label, *["*"] * (depth - 1)]
    if depth > 2:
        return [label, *["*"] * (depth - 3), "{subject}", "*"]
    if sheet is None or _name_subjects(stems, _subjects_in(sheet, arguments.subject)):
        return [label, name]
    return ["{subject}", "*"]


# Columns of metadata that may contain the name of a file.
_FILE_COLUMNS = {"file", "filename", "file_name", "path", "recording"}


def _name_subjects(stems: list[str], known: set[str]) -> bool:
    """Return whether any file name, or its part up to the first underscore, is a known subject."""
    return any(stem in known or stem.partition("_")[0] in known for stem in stems)
