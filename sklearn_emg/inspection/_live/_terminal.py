"""View of a running diagnosis in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from sklearn_emg._tables import counted
from sklearn_emg._validation import require
from sklearn_emg.inspection._live._state import LiveState
from sklearn_emg.streaming import StreamingDiagnosis

_BLOCKS = " ▁▂▃▄▅▆▇█"
_COLUMNS, _BAR = 72, 30


def watch(
    live: StreamingDiagnosis,
    source: Iterable[Any],
    *,
    seconds: float = 10.0,
    console: Any = None,
) -> Iterator[Any]:
    """Show a live diagnosis in the terminal while iterating over its events.

    The terminal shows the range of the first channel over the latest seconds, the mean scores, and
    the decision with its interval. This requires rich: ``pip install "sklearn-emg[terminal]"``.

    Parameters
    ----------
    live : StreamingDiagnosis
        Diagnosis to show. Call its ``begin`` first.
    source : iterable of array-like or Chunk
        Samples in a form that ``StreamingDiagnosis.run`` accepts.
    seconds : float, default=10.0
        Length of the signal that is shown, in s.
    console : rich.console.Console, default=None
        Console to write to. By default, it is the terminal.

    Returns
    -------
    events : iterator of WindowResult and Gap
        Events of ``live.run(source)``.

    Raises
    ------
    ImportError
        If rich is not installed.

    See Also
    --------
    LiveView : Shows a live diagnosis in a browser.
    """
    screen = require("rich.live", "watch", "terminal")
    state = LiveState(live, seconds, "watch")
    return _shown(state, source, screen.Live(console=console, auto_refresh=False))


def _shown(state: LiveState, source: Iterable[Any], screen: Any) -> Iterator[Any]:
    classes = [str(label) for label in state.live.classes]
    with screen:
        for event in state.run(source):
            screen.update(_panel(state.snapshot(), classes), refresh=True)
            yield event
        screen.update(_panel(state.snapshot(), classes), refresh=True)


def _panel(shown: dict[str, Any], classes: list[str]) -> Any:
    """Create a panel with the lines of the view."""
    panel = require("rich.panel", "watch", "terminal")
    text = require("rich.text", "watch", "terminal")
    return panel.Panel(text.Text("\n".join(_lines(shown, classes))), title="Live diagnosis")


def _lines(shown: dict[str, Any], classes: list[str]) -> list[str]:
    """Return the lines of text: signal, scores, decision and latest message."""
    lines = [_sparkline(shown["signal"]), ""]
    decision = shown["decision"]
    if decision is None:
        return [*lines, "No window yet"]
    width = max(len(name) for name in classes)
    for name, score in zip(classes, decision["scores"]):
        bar = "█" * round(_BAR * (score or 0.0))
        lines.append(f"{name:<{width}}  {bar:<{_BAR}}  {'–' if score is None else f'{score:.2f}'}")
    fraction, (low, high) = decision["fraction"], decision["interval"]
    leading = "No vote yet" if fraction is None else (
        f"Leading: {classes[decision['leading']]}, {fraction:.0%} of the votes "
        f"[{low:.0%}, {high:.0%}]"
    )  # fmt: skip
    decided = decision["decided"]
    lines += [
        "",
        f"Subject {decision['subject']}, {decision['seconds']:.1f} s, "
        f"{counted(decision['n_windows'], 'window')}, {decision['n_rejected']} left out "
        f"({shown['phase']})",
        leading,
        "Not decided" if decided is None else f"Decided: {classes[decided]}",
        *shown["messages"][-1:],
    ]
    return lines


def _sparkline(signal: dict[str, Any]) -> str:
    """Draw the range of the first channel in block characters, with blanks in gaps."""
    if not signal["low"]:
        return ""
    low, high = (np.array(signal[name][0], dtype=float) for name in ("low", "high"))
    ranges = np.nan_to_num(high - low)  # None is NaN
    step = -(-len(ranges) // _COLUMNS)
    heights = np.maximum.reduceat(ranges, np.arange(0, len(ranges), step))
    top = heights.max() or 1.0
    return "".join(_BLOCKS[round(8 * height / top)] for height in heights) + f"  {top:.3g} mV"
