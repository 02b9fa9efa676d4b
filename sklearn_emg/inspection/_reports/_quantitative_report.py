"""HTML page that compares the motor unit potentials of a subject with normal limits."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sklearn_emg._tables import columns_text, counted
from sklearn_emg._validation import check_real
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.feature_extraction import MUAPFeatures
from sklearn_emg.inspection._plot import plain_ticks
from sklearn_emg.inspection._reports._html import Picture, check_page, draw, table, write_page
from sklearn_emg.inspection._reports._unit_section import (
    decomposed,
    interference_section,
    trace_title,
    unit_section,
)
from sklearn_emg.motor_units import (
    InterferenceCloud,
    MotorUnitDecomposer,
    ReferenceLimits,
    muscle_name,
    muscle_potentials,
)
from sklearn_emg.preprocessing import HighpassFilter, check_quality
from sklearn_emg.recordings import check_recording_table, read_signal

_N_TRACES = 3
_N_WAVES = 30
_LABELS = {
    "amplitude": "amplitude (mV)",
    "duration": "duration (ms)",
    "area": "area (mV ms)",
    "thickness": "thickness (ms)",
    "rise_time": "rise time (ms)",
    "size_index": "size index",
}
_QUALITY = ("recording", "channel", "quality", "findings", "remedy")


def quantitative_emg_report(
    recordings: pd.DataFrame,
    subject: Any,
    path: str | os.PathLike[str],
    *,
    limits: ReferenceLimits | None = None,
    extractor: MUAPFeatures | MotorUnitDecomposer | None = None,
    decomposer: MotorUnitDecomposer | None = None,
    interference: InterferenceCloud | None = None,
    highpass: float = 20.0,
    seconds: float = 1.0,
) -> Path:
    """Write one self-contained HTML page of the motor unit potentials of a subject.

    The page begins with a summary in neutral words and a list of uncertainties. For each side of
    each muscle, it then shows traces, isolated potentials (if the extractor is MUAPFeatures), a
    table of measures with limits, z-scores and outliers, and a plot of amplitude against duration.
    The motor units of each recording are listed with their firing rates and variability, and their
    potentials are overlaid for at most six recordings of a muscle. With `interference`, turns are
    plotted against amplitude. The last section describes the quality of the recordings. The page is
    formatted for A4, opens offline and shows names from the data as plain text. It makes no
    diagnosis.

    Parameters
    ----------
    recordings : DataFrame
        Recording table of a needle electrode with the columns ``subject`` and ``muscle``. The
        columns ``age`` in years, ``recording`` and ``side`` are used if they exist. The signals
        must be unfiltered, as recorded.
    subject : object
        One of the values in the column ``subject``.
    path : str or path-like
        HTML file to write. An existing file is replaced when the new page is complete.
    limits : ReferenceLimits, default=None
        Limits that were fitted or taken from a table. By default, published limits are used. Limits
        from your own controls must be fitted with the same `extractor` and `highpass`.
    extractor : MUAPFeatures or MotorUnitDecomposer, default=None
        Estimator that finds and measures potentials. MUAPFeatures (the default) measures isolated
        discharges. MotorUnitDecomposer measures the average potential of each motor unit.
        Published limits refer to such averages.
    decomposer : MotorUnitDecomposer, default=None
        Estimator that finds motor units. By default, it is `extractor` if that is a
        MotorUnitDecomposer, and otherwise a decomposer with default settings.
    interference : InterferenceCloud, default=None
        Clouds that were fitted on your own controls, in segments of 0.5 s and with the same
        `highpass`. Without them, the page shows no interference pattern.
    highpass : float, default=20.0
        Cut-off frequency in Hz of the high-pass filter that is applied before the measurements.
    seconds : float, default=1.0
        Length of the traces in s.

    Returns
    -------
    path : Path
        Path of the file.

    Raises
    ------
    ImportError
        If matplotlib or Jinja2 is not installed.
    ValueError
        If the table lacks the subject or a required column, if `limits` or `interference` is not
        fitted, if neither a potential nor a motor unit is found and there is no `interference`, or
        if `path` is a folder.
    TypeError
        If `limits`, `extractor`, `decomposer` or `interference` has the wrong class.

    Warns
    -----
    SubjectLeakWarning
        If the subject is among the controls of `limits` or `interference`.

    See Also
    --------
    sklearn_emg.motor_units.InterferenceCloud : Learns turns and amplitudes of your own controls.
    sklearn_emg.motor_units.ReferenceLimits : Defines the limits and explains their meaning.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn_emg.datasets import make_nemg_cohort
    >>> from sklearn_emg.inspection import quantitative_emg_report
    >>> table, _ = make_nemg_cohort(3, n_recordings=3, duration=2.0, fs=8000.0, drive=0.01,
    ...                             return_X_y=True, random_state=0)
    >>> table = table.assign(muscle="biceps brachii")
    >>> path = os.path.join(tempfile.mkdtemp(), "report.html")
    >>> quantitative_emg_report(table, table["subject"].iloc[0], path).name
    'report.html'
    """
    path = check_page(path, "quantitative_emg_report")
    check_real(seconds, "seconds", "quantitative_emg_report", 0.0, above=True)
    _check_class(limits, ReferenceLimits, "limits")
    _check_class(extractor, (MUAPFeatures, MotorUnitDecomposer), "extractor")
    _check_class(decomposer, MotorUnitDecomposer, "decomposer")
    _check_class(interference, InterferenceCloud, "interference")
    if decomposer is None and isinstance(extractor, MotorUnitDecomposer):
        decomposer = extractor
    limits = ReferenceLimits().use_table() if limits is None else limits
    limits.muscles()  # raises if the limits are not fitted
    if interference is not None:
        interference.muscles()
    own = _rows_of(recordings, subject)
    filtered = HighpassFilter(highpass).fit_transform(own)
    found = muscle_potentials(filtered, extractor)
    units = decomposed(filtered, decomposer)
    if len(found) == 0 and len(units.table) == 0 and interference is None:
        raise ValueError(
            "No isolated potential or motor unit was found in "
            f"{counted(len(own), 'recording')} of {subject!r}. Use recordings of slight "
            "contractions, adjust the thresholds of MUAPFeatures, or pass 'interference', which "
            "also describes strong contractions."
        )
    sections = [
        _muscle(name, rows, found[found["row"].isin(rows.index)], limits, seconds, extractor)
        | {
            "units": unit_section(name, rows, units),
            "interference": interference_section(name, rows, interference),
        }
        for name, rows in _muscles(filtered)
    ]
    sources = list(dict.fromkeys(part["sources"] for part in sections if part["sources"]))
    ages: Any = own["age"].dropna().astype(float).unique() if "age" in own else []
    faults = _quality(own)
    content = {
        "overview": [
            ("Subject", str(subject)),
            *([("Age", _years(ages[0]))] if len(ages) else []),
            ("Recordings", len(own)),
            ("Muscles", ", ".join(str(part["name"]) for part in sections)),
        ],
        "muscles": sections,
        "source": sources[0] if len(sources) == 1 else None,
        "faults": faults,
        "uncertain": _uncertain(sections, limits, faults is not None, ages, extractor),
    }
    write_page(path, "quantitative.html", f"Quantitative EMG of {subject}", content)
    return path


def _years(n: float) -> str:
    return f"{n:g} {'year' if n == 1 else 'years'}"


def _check_class(value: Any, wanted: type | tuple[type, ...], name: str) -> None:
    if value is not None and not isinstance(value, wanted):
        classes = wanted if isinstance(wanted, tuple) else (wanted,)
        raise TypeError(
            f"The {name!r} of quantitative_emg_report must be "
            f"{' or '.join(cls.__name__ for cls in classes)}. Got {value!r}."
        )


def _what(extractor: MUAPFeatures | MotorUnitDecomposer | None) -> str:
    """Return the noun for a potential."""
    return "motor unit" if isinstance(extractor, MotorUnitDecomposer) else "isolated potential"


def _rows_of(recordings: pd.DataFrame, subject: Any) -> pd.DataFrame:
    """Select the recordings of a subject, with a uniform spelling of each muscle."""
    check_recording_table(recordings)
    if lacking := [name for name in ("subject", "muscle") if name not in recordings]:
        raise ValueError(f"The table of quantitative_emg_report lacks the {columns_text(lacking)}.")
    own = recordings[recordings["subject"] == subject].reset_index(drop=True)
    if len(own) == 0:
        known = ", ".join(map(repr, recordings["subject"].unique()[:5]))
        raise ValueError(f"The table has no subject {subject!r}. It has {known}, ...")
    return own.assign(muscle=[muscle_name(name) for name in own["muscle"]])


def _muscles(filtered: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Group the recordings by muscle and side; return the name and rows of each group."""
    keys = [name for name in ("muscle", "side") if name in filtered]
    groups: Any = filtered.groupby(keys, sort=False, dropna=False)
    return [
        (", ".join(str(part) for part in place if not pd.isna(part)), rows)
        for place, rows in groups
    ]


def _muscle(
    muscle: str,
    recordings: pd.DataFrame,
    part: pd.DataFrame,
    limits: ReferenceLimits,
    length: float,
    extractor: MUAPFeatures | MotorUnitDecomposer | None,
) -> dict[str, Any]:
    """Prepare the content of the section of one muscle or one side of it."""
    single = "peak" in part  # isolated discharges instead of average potentials
    content: dict[str, Any] = {
        "name": muscle,
        "n": len(part),
        "n_recordings": len(recordings),
        "enough": len(part) >= limits.min_potentials,
        "has_limits": True,
        "what": _what(extractor),
        "traces": _traces(muscle, recordings, part, length),
        "waves": _waves(muscle, recordings, part) if len(part) and single else None,
        **dict.fromkeys(("text", "probabilities", "measures", "cloud", "sources")),
    }
    if len(part) == 0:
        return content | {"text": f"no {_what(extractor)} was found"}
    if lacking := _without_limits(part["muscle"].iloc[0], limits):
        text = f"not compared: no normal limits for {lacking}"
        return content | {"text": text, "has_limits": False}
    with warnings.catch_warnings():
        # The page states the number of potentials and what is uncertain about the age.
        warnings.filterwarnings("ignore", ".*(fewer than|the age)", RecordingWarning)
        try:
            measures = limits.score_measures(part)
        except ValueError as error:
            reason = str(error).rstrip(".")
            return content | {"text": f"not compared: {reason}"}
        row = limits.score_muscles(part).iloc[0]
    names = [_LABELS.get(m, m) for m in measures["measure"]]
    shown = pd.DataFrame(
        {
            "potentials": measures["n"],
            "mean": measures["mean"],
            "limits for the mean": _ranges(measures["mean_low"], measures["mean_high"]),
            "z": measures["z"].round(2),
            "limits for single potentials": _ranges(measures["low"], measures["high"]),
            "beyond": [
                f"{below} below, {above} above; {allowed} allowed"
                for below, above, allowed in measures[
                    ["n_below", "n_above", "n_allowed"]
                ].itertuples(index=False)
            ],
            "finding": measures["finding"],
        }
    ).set_axis(names)
    classes = ("myopathic", "normal", "neuropathic")
    sources = limits.limits_.loc[limits.limits_["muscle"].isin([row["muscle"]]), "source"]
    return content | {
        "text": row["summary"],
        "probabilities": None
        if np.isnan(row["z"])
        else ", ".join(f"{name} {row[name]:.2f}" for name in classes),
        "measures": table(shown, f"Measures of the potentials of {muscle}", index="measure"),
        "cloud": _cloud(muscle, part, limits),
        "sources": "; ".join(sources.drop_duplicates()),
    }


def _without_limits(muscle: str, limits: ReferenceLimits) -> str:
    """Return what has no limits: the muscle, measures of it, or nothing ("")."""
    known = set(limits.limits_.loc[limits.limits_["muscle"] == muscle, "measure"])
    lacking = [_LABELS.get(name, name) for name in limits.measures if name not in known]
    if not known:
        return "this muscle"
    return f"the {', '.join(lacking)} of this muscle" if lacking else ""


def _ranges(low: pd.Series, high: pd.Series) -> list[str]:
    return [f"{a:.3g} to {b:.3g}" for a, b in zip(low, high)]


def _traces(muscle: str, recordings: pd.DataFrame, part: pd.DataFrame, length: float) -> Picture:
    """Draw the first channel of a few recordings and mark the measured potentials."""
    rows = recordings.head(_N_TRACES)
    single = "peak" in part
    marked = "; measured potentials are coloured" if single else ""
    measured = counted(len(part), "isolated potential" if single else "unit")

    def paint(figure: Any) -> None:
        axes = figure.subplots(len(rows), 1, squeeze=False, sharex=True)[:, 0]
        for ax, (row, record) in zip(axes, rows.iterrows()):
            signal = np.atleast_2d(read_signal(record["signal"]))[0]
            n = min(len(signal), int(length * record["fs"]))
            ax.plot(np.arange(n) / record["fs"], signal[:n], lw=0.6, color="0.2")
            here = part["row"] == row
            peaks = part.loc[here & (part["channel"] == 1), "peak"] if single else pd.Series([])
            for peak in peaks[peaks < length]:
                ax.axvspan(peak - 0.005, peak + 0.005, color="#0072B2", alpha=0.2, lw=0)
            ax.set_ylabel("mV")
            ax.set_title(trace_title(recordings, row), fontsize=9, loc="left")
        axes[-1].set_xlabel("time (s)")

    return draw(
        paint,
        f"Traces of {counted(len(rows), 'recording')} of {muscle}. In total, the recordings of the "
        f"muscle contain {measured}.",
        f"The first {length:g} s of {len(rows)} of "
        f"{counted(len(recordings), 'recording')}{marked}.",
        size=(7.2, 1.0 + 1.1 * len(rows)),
    )


def _waves(muscle: str, recordings: pd.DataFrame, part: pd.DataFrame) -> Picture:
    """Draw potentials, evenly selected from all of them, around their peaks."""
    chosen = part.iloc[np.unique(np.linspace(0, len(part) - 1, _N_WAVES).round().astype(int))]
    signals = {row: np.atleast_2d(read_signal(s)) for row, s in recordings["signal"].items()}

    def paint(figure: Any) -> None:
        ax = figure.subplots()
        for row, channel, peak in chosen[["row", "channel", "peak"]].itertuples(index=False):
            fs = recordings.loc[row, "fs"]
            at, reach = round(peak * fs), int(0.015 * fs)
            wave = signals[row][channel - 1][max(at - reach, 0) : at + reach]
            t = (np.arange(len(wave)) - min(at, reach)) / fs * 1000
            ax.plot(t, wave, lw=0.7, color="#0072B2", alpha=0.5)
        ax.set(xlabel="time from the peak (ms)", ylabel="mV")

    return draw(
        paint,
        f"{counted(len(chosen), 'potential')} of {muscle}, aligned at the peaks; median amplitude "
        f"{part['amplitude'].median():.2f} mV, median duration {part['duration'].median():.1f} ms.",
        f"{len(chosen)} of {counted(len(part), 'potential')}, aligned at the peaks.",
        size=(4.6, 3.0),
    )


def _cloud(muscle: str, part: pd.DataFrame, limits: ReferenceLimits) -> Picture | None:
    """Draw amplitude against duration, with the limits of single potentials."""
    if not {"amplitude", "duration"} <= set(limits.measures):
        return None
    ages: list[float] = list(part["age"].dropna()) if "age" in part else []
    age = float(ages[0]) if ages else np.nan
    name = part["muscle"].iloc[0]  # without the side
    low, high = limits.single_limits(name, "amplitude", age)
    short, long = limits.single_limits(name, "duration", age)

    def paint(figure: Any) -> None:
        ax = figure.subplots()
        corners = [short, long, long, short, short], [low, low, high, high, low]
        ax.plot(*corners, color="0.3", lw=1, ls="--")
        ax.scatter(part["duration"], part["amplitude"], s=10, color="#0072B2", alpha=0.5, lw=0)
        ax.set(xlabel="duration (ms)", ylabel="amplitude (mV)", xscale="log", yscale="log")
        plain_ticks(ax)

    inside = part["amplitude"].between(low, high) & part["duration"].between(short, long)
    return draw(
        paint,
        f"Amplitude against duration of {counted(len(part), 'potential')} of {muscle}; "
        f"{int(inside.sum())} within {low:.3g} to {high:.3g} mV and {short:.3g} to {long:.3g} ms.",
        f"Within the limits of single potentials (dashed): {int(inside.sum())} of {len(part)}.",
        size=(4.6, 3.0),
    )


def _quality(own: pd.DataFrame) -> Any:
    """Tabulate the findings of the quality check; return None if there are none."""
    channels = check_quality(own).channels
    faulty = channels[channels["quality"] != "ok"]
    if faulty.empty:
        return None
    shown = faulty[[name for name in _QUALITY if name in faulty]].set_index("recording").map(str)
    return table(shown, "Recordings with findings", index="recording", marks={"bad": "leaky"})


def _uncertain(
    sections: list[dict[str, Any]],
    limits: ReferenceLimits,
    faulty: bool,
    ages: Any,
    extractor: MUAPFeatures | MotorUnitDecomposer | None,
) -> list[str]:
    """List the uncertainties of the findings."""
    notes = _too_few_potentials(sections, limits.min_potentials)
    if not all(part["has_limits"] for part in sections):
        notes.append(
            f"There are normal limits for {', '.join(limits.muscles())}. Muscles without limits "
            "are measured, but not compared."
        )
    units = isinstance(extractor, MotorUnitDecomposer)
    if not limits.subjects_ and not units:
        notes.append(
            "The published limits apply to average potentials of different units. Single "
            "discharges are shorter, so their durations may be below the limits in healthy muscles."
        )
    if not len(ages):
        notes.append("The age is not known, so the limits for adults of mean age are used.")
    elif len(far := limits.limits_.query("slope != 0 and not age_low <= @ages[0] <= age_high")):
        low, high = far[["age_low", "age_high"]].iloc[0]
        notes.append(
            f"The age is outside the range of the controls, {low:g} to {high:g} years, so the "
            f"limits of {', '.join(far['muscle'].unique())} are extrapolated."
        )
    if faulty:
        notes.append("The quality of some recordings is questionable; see the last section.")
    return [
        *notes,
        "A unit may be found in several recordings of one needle site and is then counted several "
        "times."
        if units
        else "Potentials are not sorted by motor unit: several may be discharges of one unit.",
        "Motor units were found automatically and were not verified. Units with similar potentials "
        "and units that fire fewer than six times are missed.",
        "Probabilities follow a fixed rule on z-scores and are not calibrated on patients.",
    ]


def _too_few_potentials(sections: list[dict[str, Any]], minimum: int) -> list[str]:
    few = [
        f"{part['name']} has {counted(part['n'], 'potential')}"
        for part in sections
        if not part["enough"]
    ]
    need = f"fewer than the {minimum} that the outlier method needs"
    return [f"{'; '.join(few)}: {need}."] if few else []
