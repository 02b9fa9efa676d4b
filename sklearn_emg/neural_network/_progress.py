"""Progress of training: figures of each epoch, its duration and the remaining time."""

from __future__ import annotations

from typing import Any

import numpy as np
from skorch.callbacks import PrintLog

# Number of recent epochs whose mean duration predicts that of later epochs.
_RECENT = 5
_APART = {"epoch", "dur", "batches"}


def progress_of(net: Any) -> dict[str, Any]:
    """Return the figures of the last epoch, as they are stored in a checkpoint.

    Parameters
    ----------
    net : net of this package
        Net in training, after the end of an epoch.

    Returns
    -------
    progress : dict
        Entry that `checkpoint_progress` returns, without the time of writing.
    """
    row = net.history_[-1]
    seconds = [past["dur"] for past in net.history_[-_RECENT:] if "dur" in past]
    left = (float(np.mean(seconds)) if seconds else 0.0) * (net.n_epochs_ - net.epoch_)
    may_stop_early = net.patience is not None and "valid_loss" in row
    losses = {name: row[name] for name in ("train_loss", "valid_loss") if name in row}
    return {
        "epoch": net.epoch_,
        "epochs": net.n_epochs_,
        **losses,
        "seconds": seconds[-1] if seconds else 0.0,
        "seconds_left": left,
        "left": f"{'at most ' if may_stop_early else ''}{duration_text(left)} left",
        "total_seconds": sum(past.get("dur", 0.0) for past in net.history_),
        "total_cpu_seconds": net.cpu_seconds_,
    }


def duration_text(seconds: float) -> str:
    """Format a duration in a suitable unit, such as "45 s", "19 min" or "2 h 05 min"."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


class EpochLog(PrintLog):
    """Print a line after each epoch: losses, scores, duration and remaining time."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Print the line for the last epoch."""
        row, progress = net.history_[-1], progress_of(net)
        best = {name.removesuffix("_best") for name, is_best in row.items() if is_best is True}
        figures = [
            f"{name} {value:.4g}{' (best)' if name in best else ''}"
            for name, value in row.items()
            if name not in _APART and isinstance(value, int | float) and not name.endswith("_best")
        ]
        seconds = duration_text(progress["seconds"])
        self._sink(
            f"epoch {progress['epoch']} of {progress['epochs']}: {', '.join(figures)}; "
            f"{seconds}, {progress['left']}",
            net.verbose,
        )
