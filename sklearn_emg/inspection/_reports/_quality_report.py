"""Content of the section and the page on the quality of recordings."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_emg._tables import counted
from sklearn_emg.inspection._recordings._quality_display import QualityDisplay
from sklearn_emg.inspection._reports._html import class_counts, draw, table
from sklearn_emg.preprocessing import QUALITY_LEVELS, QualityReport

_MARKS = {"bad": "leaky", "check": "text"}  # style class of the cells with this text
_MIDDLE = ("row", "recording", "subject", "label", "channel", "quality", "findings", "remedy")


def quality_section(report: QualityReport | None, max_rows: int) -> dict[str, Any] | None:
    """Prepare the variables of the section on quality.

    Parameters
    ----------
    report : QualityReport or None
        Result of ``check_quality``.
    max_rows : int
        Maximum number of recordings that are listed.

    Returns
    -------
    content : dict or None
        Variables of the section, or None without a report.
    """
    if report is None:
        return None
    recordings = report.recordings
    faulty = recordings[recordings["quality"] != "ok"]
    kinds = report.kinds.rename(columns={"title": "finding"}).set_index("finding")
    display = QualityDisplay(report)
    n_rows, n_kinds = display.levels.shape
    named = faulty.set_index("recording")
    return {
        "text": f"{counted(len(recordings), 'recording')}, "
        f"{counted(len(report.channels), 'channel')}: {_counts(recordings['quality'])}.",
        "picture": draw(
            lambda figure: display.plot(ax=figure.subplots()),
            "Findings of each recording: "
            + ("; ".join(f"{k} {r['bad']} bad, {r['check']} to check" for k, r in kinds.iterrows())
               or "none")
            + ".",
            "Each row is a recording. On the left, the colours show its findings. On the right are "
            "its RMS and noise floor.",
            size=(4.6 + 0.35 * n_kinds + 2.6, float(np.clip(2.2 + 0.2 * n_rows, 3.6, 11.0))),
        ),
        "kinds": table(kinds, "Findings by kind, in numbers of recordings", index="finding"),
        "recordings": table(
            named.map(str), "Recordings with findings", index="recording", marks=_MARKS,
            max_rows=max_rows,
        )
        if len(faulty)
        else None,
    }  # fmt: skip


def _counts(quality: Any) -> str:
    return ", ".join(f"{(quality == level).sum()} {level}" for level in QUALITY_LEVELS)


def quality_content(report: QualityReport, max_rows: int) -> dict[str, Any]:
    """Prepare the variables of the template ``quality.html``.

    Parameters
    ----------
    report : QualityReport
        Result of ``check_quality``.
    max_rows : int
        Maximum number of rows of a table.

    Returns
    -------
    content : dict of str to object
        Variables of the template.
    """
    recordings, channels = report.recordings, report.channels
    facts = [
        ("Recordings", f"{len(recordings)} ({_counts(recordings['quality'])})"),
        ("Channels", len(channels)),
        ("Subjects", recordings["subject"].nunique()),
    ]
    if "label" in recordings:
        facts.append(("Labels of recordings", class_counts(recordings["label"])))
    names = channels["recording"].astype(str)
    if channels["row"].duplicated().any():
        names += ", " + channels["channel"]
    measures = channels.drop(columns=[c for c in _MIDDLE if c in channels]).set_axis(names)
    return {
        "overview": facts,
        "findings": quality_section(report, max_rows),
        "measures": table(
            measures, "Measures of each channel", index="recording", max_rows=max_rows
        ),
    }
