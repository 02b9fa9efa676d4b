"""Training of networks in a benchmark: resumption within a run, and display of progress."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from sklearn_emg.papers._benchmark._store import AuditFile, RunFile

_EVERY = 2.0  # time in s between two checks of the checkpoints
_SHOWN = 3  # maximum number of trainings that are shown


def _folder(file: RunFile | AuditFile) -> Path:
    """Return the folder of the checkpoints of a run or an audit."""
    out = file.path.parents[2 if isinstance(file, RunFile) else 1]
    return out / "training" / file.system / file.path.stem


def resume_trainings(model: Any, file: RunFile | AuditFile) -> tuple[float, float]:
    """Let the networks of a system continue where an earlier attempt at its run was interrupted.

    Parameters
    ----------
    model : estimator
        System. Those of its `checkpoint` parameters that are None are set to a path.
    file : RunFile or AuditFile
        File that is written when the run is finished.

    Returns
    -------
    seconds, cpu_seconds : float
        Wall-clock time and CPU time, in s, already spent on epochs that are not repeated.
    """
    folder = _folder(file)
    names = [
        name
        for name, value in model.get_params(deep=True).items()
        if name.rpartition("__")[2] == "checkpoint" and value is None
    ]
    model.set_params(**dict.fromkeys(names, str(folder)))
    if not folder.exists():
        return 0.0, 0.0
    from sklearn_emg.neural_network import checkpoint_progress

    found = checkpoint_progress(folder)
    seconds = sum(progress["total_seconds"] for progress in found)
    return seconds, sum(progress["total_cpu_seconds"] for progress in found)


def forget_trainings(file: RunFile | AuditFile) -> None:
    """Remove the checkpoints of a finished run."""
    folder = _folder(file)
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # missing, or also used by other runs
        folder.parent.rmdir()
        folder.parent.parent.rmdir()


@contextlib.contextmanager
def show_trainings(files: Sequence[RunFile | AuditFile], bar: tqdm) -> Iterator[None]:
    """Show the epochs of the networks that are being trained in a progress bar.

    Parameters
    ----------
    files : sequence of RunFile or AuditFile
        Files of the runs and audits, whose processes may be on other machines.
    bar : tqdm
        Progress bar.
    """
    if bar.disable:
        yield
        return
    start, ended = time.time(), threading.Event()

    def watch() -> None:
        while not ended.wait(_EVERY):
            bar.set_postfix_str("; ".join(_texts(files, start)[:_SHOWN]))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _texts(files: Sequence[RunFile | AuditFile], start: float) -> list[str]:
    """Describe the progress of each training that wrote a checkpoint since `start`."""
    texts = []
    for file in files:
        folder = _folder(file)
        if not folder.exists():
            continue
        from sklearn_emg.neural_network import checkpoint_progress

        found = checkpoint_progress(folder)
        if found and found[-1]["written"] >= start:
            texts.append(
                "{0} {1}: epoch {epoch} of {epochs}, {left}".format(
                    file.system, file.path.stem, **found[-1]
                )
            )
    return texts
