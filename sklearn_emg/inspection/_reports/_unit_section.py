"""Sections on motor units and interference pattern of a muscle, for the page of a subject."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sklearn_emg._tables import counted
from sklearn_emg.inspection._plot import COLORS, plain_ticks
from sklearn_emg.inspection._reports._html import Picture, Table, draw, table
from sklearn_emg.motor_units import (
    InterferenceCloud,
    MotorUnitDecomposer,
    firing_statistics,
    interference_points,
    muscle_name,
    template_measures,
)

_N_PANELS = 6
_SPREAD = 0.015  # time in s that is shown before and after the discharge
_STYLES = ("-", "--", ":", "-.")


class Units(NamedTuple):
    """Decomposed recordings of a subject: tables of units, templates and left-out trains."""

    table: pd.DataFrame
    templates: pd.DataFrame
    left_out: pd.DataFrame


def decomposed(filtered: pd.DataFrame, decomposer: MotorUnitDecomposer | None) -> Units:
    """Decompose recordings and measure the firing and the potentials of their units.

    Parameters
    ----------
    filtered : DataFrame
        Recording table, in mV.
    decomposer : MotorUnitDecomposer or None
        Decomposer whose parameters are used for a new one. None stands for default parameters.

    Returns
    -------
    units : Units
        Units with rates in Hz, durations in ms and amplitudes in mV.
    """
    fitted = MotorUnitDecomposer(**({} if decomposer is None else decomposer.get_params()))
    fitted.fit(filtered)
    names = ["row", "unit"]
    measured = template_measures(fitted.templates_).sort_values("amplitude", kind="stable")
    # A unit that several channels of a needle record counts once, in the channel where it is
    # largest.
    measured = measured.drop_duplicates(names, keep="last")
    fired = firing_statistics(fitted.discharges_)
    units = fitted.units_[[*names, "jiggle"]].merge(
        fired[[*names, "n_discharges", "rate", "variability", "missed"]], on=names
    )
    units = units.merge(measured[[*names, "channel", "amplitude", "duration"]], on=names)
    return Units(units.sort_values(names, ignore_index=True), fitted.templates_, fitted.left_out_)


def unit_section(muscle: str, recordings: pd.DataFrame, units: Units) -> dict[str, Any]:
    """Prepare the text, the table of firing and the overlaid potentials of the units of a muscle.

    Parameters
    ----------
    muscle : str
        Name of the muscle.
    recordings : DataFrame
        Recordings of the muscle, which are rows of the table that was decomposed.
    units : Units
        Units of all recordings.

    Returns
    -------
    parts : dict
        ``text``, ``table`` and ``picture``. The last two are None without units.
    """
    own = units.table[units.table["row"].isin(recordings.index)]
    n_left_out = int(units.left_out["row"].isin(recordings.index).sum())
    text = f"{counted(len(own), 'motor unit')} in {counted(own['row'].nunique(), 'recording')}"
    if n_left_out:
        left_out = counted(n_left_out, "train")
        text += f". Left out: {left_out} that could not be separated or confirmed"
    text += "."
    if len(own) == 0:
        return {"text": text, "table": None, "picture": None}
    text += (
        f" Median rate {own['rate'].median():.1f} Hz, median variability of the intervals "
        f"{own['variability'].median():.2f}."
    )
    return {
        "text": text,
        "table": _firing(muscle, recordings, own),
        "picture": _templates(muscle, recordings, own, units.templates),
    }


def _label(recordings: pd.DataFrame, row: Any) -> str:
    return str(recordings.loc[row].get("recording", row))


def trace_title(recordings: pd.DataFrame, row: Any) -> str:
    """Return the name of a recording as the title of its trace: "recording 2" for a number."""
    label = _label(recordings, row)
    return f"recording {label}" if label.isdigit() else label


def _firing(muscle: str, recordings: pd.DataFrame, own: pd.DataFrame) -> Table:
    shown = pd.DataFrame(
        {
            "unit": own["unit"].to_numpy(),
            "discharges": own["n_discharges"].to_numpy(),
            "rate (Hz)": own["rate"].round(1).to_numpy(),
            "variability": own["variability"].round(2).to_numpy(),
            "missed": own["missed"].round(2).to_numpy(),
            "amplitude (mV)": own["amplitude"].to_numpy(),
            "duration (ms)": own["duration"].round(1).to_numpy(),
            "jiggle": own["jiggle"].round(2).to_numpy(),
        },
        index=[_label(recordings, row) for row in own["row"]],
    )
    return table(shown, f"Firing and potentials of the units of {muscle}", index="recording")


def _templates(
    muscle: str, recordings: pd.DataFrame, own: pd.DataFrame, templates: pd.DataFrame
) -> Picture:
    """Draw the potentials of the units of each recording, aligned at their discharges."""
    rows = list(dict.fromkeys(own["row"]))[:_N_PANELS]
    records = templates.to_dict("records")
    keys = {(wave["row"], wave["unit"], wave["channel"]): wave for wave in records}
    height = -(-len(rows) // 2)

    def paint(figure: Any) -> None:
        axes = figure.subplots(height, min(len(rows), 2), squeeze=False, sharex=True).ravel()
        for ax, row in zip(axes, rows):
            units: Any = own[own["row"] == row].itertuples()
            for unit in units:
                wave = keys[row, unit.unit, unit.channel]
                t = (np.arange(len(wave["signal"])) - wave["index"]) / wave["fs"]
                near = np.abs(t) <= _SPREAD
                number = int(unit.unit) - 1
                ax.plot(
                    1000 * t[near],
                    np.asarray(wave["signal"])[near],
                    color=COLORS[number % len(COLORS)],
                    ls=_STYLES[number // len(COLORS) % len(_STYLES)],
                    lw=1.1,
                    label=f"unit {unit.unit}, {unit.rate:.1f} Hz",
                )
            ax.set_title(trace_title(recordings, row), fontsize=9, loc="left")
            ax.set_ylabel("mV")
            ax.legend(
                fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=3, frameon=False
            )
        for ax in axes[len(rows) :]:
            ax.set_visible(False)
        for ax in axes[max(len(rows) - 2, 0) : len(rows)]:
            ax.set_xlabel("time from the discharge (ms)", fontsize=8)
            ax.tick_params(labelbottom=True)

    n = int(own["row"].isin(rows).sum())
    rates = f"rates from {own['rate'].min():.1f} to {own['rate'].max():.1f} Hz"
    return draw(
        paint,
        f"Average potentials of {counted(n, 'unit')} of {muscle}, overlaid by recording; {rates}.",
        f"Average potentials of the units, aligned at their discharges. The figure shows "
        f"{len(rows)} of {counted(own['row'].nunique(), 'recording')} with units.",
        size=(7.2, 0.5 + 2.5 * height),
    )


def interference_section(
    muscle: str, recordings: pd.DataFrame, cloud: InterferenceCloud | None
) -> dict[str, Any] | None:
    """Prepare the text and picture of turns against amplitude, with the cloud of the controls.

    Parameters
    ----------
    muscle : str
        Name of the muscle.
    recordings : DataFrame
        Recordings of the muscle, in mV.
    cloud : InterferenceCloud or None
        Cloud that was fitted on controls.

    Returns
    -------
    parts : dict or None
        ``text`` and ``picture``, or None without a cloud.
    """
    if cloud is None:
        return None
    points = interference_points(recordings)
    if len(points) == 0:
        text = "No segment of the recordings has a turn of at least 0.1 mV."
        return {"text": text, "picture": None}
    if muscle_name(points["muscle"].iloc[0]) not in cloud.muscles():
        text = "Not compared: your controls have no cloud for this muscle."
        return {"text": text, "picture": None}
    try:
        score = cloud.score(points).iloc[0]
    except ValueError as error:
        return {"text": f"Not compared: {error}", "picture": None}
    clouds = cloud.clouds_.set_index("muscle")
    n_controls = int(clouds["n_controls"][muscle_name(points["muscle"].iloc[0])])
    text = (
        f"Of {counted(len(points), 'point')}, {score['outside']:.0%} lie outside the cloud of "
        f"your {n_controls} controls ({score['allowed']:.0%} are allowed): {score['summary']}."
    )
    outline = cloud.outline(points["muscle"].iloc[0])

    def paint(figure: Any) -> None:
        ax = figure.subplots()
        ax.plot(*outline.T, color="0.3", lw=1, ls="--")
        ax.scatter(points["turns"], points["turn_amplitude"], s=12, color=COLORS[0], lw=0)
        ax.set(xlabel="turns per second", ylabel="amplitude per turn (mV)")
        ax.set(xscale="log", yscale="log")
        plain_ticks(ax)

    picture = draw(
        paint,
        f"Amplitude per turn against turns per second of {muscle}: {text}",
        "Each point is a segment of 0.5 s. The dashed line is the cloud of your own controls.",
        size=(4.6, 3.0),
    )
    return {"text": text, "picture": picture}
