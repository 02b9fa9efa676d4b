"""Trainings of networks in a benchmark: resumed within a run, and shown while they go on."""

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

__all__ = ["forget_trainings", "resume_trainings", "show_trainings"]

_EVERY = 2.0  # seconds between two looks at the checkpoints
_SHOWN = 3  # trainings at most


def _folder(file: RunFile | AuditFile) -> Path:
    """Folder of the checkpoints of a run or an audit."""
    out = file.path.parents[2 if isinstance(file, RunFile) else 1]
    return out / "training" / file.system / file.path.stem


def resume_trainings(model: Any, file: RunFile | AuditFile) -> tuple[float, float]:
    """Let the networks of a system go on where an earlier try of its run was interrupted.

    Parameters
    ----------
    model : estimator
        Its `checkpoint` parameters that are None are set to a path.
    file : RunFile or AuditFile
        File that is written when the run is finished.

    Returns
    -------
    seconds, cpu_seconds : float
        Spent before on the epochs that are not done again.
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
    """Remove the checkpoints of a run that is finished."""
    folder = _folder(file)
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # not there, or of other runs too
        folder.parent.rmdir()
        folder.parent.parent.rmdir()


@contextlib.contextmanager
def show_trainings(files: Sequence[RunFile | AuditFile], bar: tqdm) -> Iterator[None]:
    """Show in a progress bar how far the networks have come whose runs go on.

    Parameters
    ----------
    files : sequence of RunFile or AuditFile
        Of the runs and audits; their processes may be on other machines.
    bar : tqdm
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
    """How far each training has come that wrote a checkpoint since a time."""
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
