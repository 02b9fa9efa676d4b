"""Reader and writer of EMGLAB annotation files: decompositions of recordings into motor units."""

from __future__ import annotations

import os
from pathlib import Path
from xml.parsers import expat

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sklearn_emg._files import read_bytes, write_text_atomically
from sklearn_emg._tables import columns_text
from sklearn_emg.recordings import millivolts_per

_DESCR = """EMGLAB annotation
=================
Expert decomposition of a recording: discharges of units, and the template of each unit. The
decomposition is incomplete: many discharges are missing, and some units are probably the same motor
unit, so the number of units is the number of templates rather than of motor units.

Cite: McGill KC, Lateva ZC, Marateb HR. EMGLAB: an interactive EMG decomposition program. J Neurosci
Methods 2005;149:121-133.
"""

_MAX_BYTES = 100_000_000
_MAX_DEPTH = 32
# Limits far above those of a decomposition, so that a forged file cannot use much memory.
_MAX_ELEMENTS = 100_000
_MAX_EVENTS = 1_000_000
_MAX_LINE = 1_000  # characters of an event
_MAX_TEMPLATE = 1_000_000  # characters of a template
_ROOT = "emglab_annotation_file"


def load_annotations(path: str | os.PathLike[str]) -> Bunch:
    """Read discharges and templates of units from an EMGLAB annotation file (``.eaf``).

    Parameters
    ----------
    path : str or path-like
        Path of the annotation file.

    Returns
    -------
    bunch : Bunch
        events : DataFrame of shape (n_discharges, 3)
            One discharge per row, sorted by time, with the columns ``time`` (in seconds from the
            first sample), ``unit`` and ``channel`` (both counted from 1).
        templates : DataFrame of shape (n_templates, 5)
            One template per row, with the columns ``unit``, ``channel``, ``signal`` (an array in
            mV), ``fs`` (its sampling rate in Hz) and ``index`` (0-based index of the sample at the
            time of the discharge).
        DESCR : str
            Description and citation.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not an annotation file, is damaged or too large, or declares a document type,
        whose entities could make the parser read other files or use unlimited memory.

    See Also
    --------
    load_n2001 : Load the recordings that such files belong to.

    Notes
    -----
    Templates are stored in ADC units. They are divided by their ``gain``, which is given in ADC
    units per ``units`` (uV).

    References
    ----------
    McGill KC, Lateva ZC, Marateb HR. EMGLAB: an interactive EMG decomposition program. J Neurosci
    Methods 2005;149:121-133. https://doi.org/10.1016/j.jneumeth.2005.04.020

    Examples
    --------
    >>> from sklearn_emg.datasets import load_annotations
    >>> bunch = load_annotations("N2001A01BB02.eaf")  # doctest: +SKIP
    >>> bunch.events.head(2)  # doctest: +SKIP
          time  unit  channel
    0  0.04456     2        1
    1  0.05909     1        1
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"load_annotations: there is no file {file}.")
    texts = _texts(read_bytes(file, _MAX_BYTES), file)
    try:
        return Bunch(events=_events(texts), templates=_templates(texts), DESCR=_DESCR)
    except ValueError as error:
        raise ValueError(
            f"{file} is a damaged annotation file: {error}; obtain a new copy."
        ) from error


def save_annotations(
    path: str | os.PathLike[str], events: pd.DataFrame, templates: pd.DataFrame
) -> None:
    """Write discharges and templates of units to an EMGLAB annotation file (``.eaf``).

    Parameters
    ----------
    path : str or path-like
        Path of the file; an existing file is replaced.
    events : DataFrame
        One discharge per row, with the columns ``time`` (in seconds from the first sample),
        ``unit`` and, for several channels, ``channel`` (both integers from 1).
    templates : DataFrame
        One template per row, as returned by :func:`load_annotations`: ``unit``, ``channel``,
        ``signal`` (in mV), ``fs`` (in Hz) and ``index``.

    Raises
    ------
    ValueError
        If a column is missing.

    See Also
    --------
    load_annotations : Read an annotation file.

    Notes
    -----
    Times are rounded to 10 microseconds, as in EMGLAB's own files, and samples of templates to six
    significant digits.
    """
    wanted = (
        ("events", events, ("time", "unit")),
        ("templates", templates, ("unit", "signal", "fs", "index")),
    )
    for argument, table, columns in wanted:
        if missing := [name for name in columns if name not in table]:
            raise ValueError(
                f"The {argument!r} of save_annotations lack the {columns_text(missing)}."
            )
    channel = events["channel"] if "channel" in events else np.ones(len(events), dtype=np.int64)
    rows = zip(events["time"], events["unit"], channel)
    lines = "\n".join(f"{time:.5f} {unit} {number}" for time, unit, number in sorted(rows))
    parts = [
        _template_text(k, template) for k, template in enumerate(templates.to_dict("records"), 1)
    ]
    text = _FILE.format(events=lines, n_templates=len(parts), templates="\n".join(parts))
    write_text_atomically(Path(path).expanduser(), text)


_FILE = """<?xml version="1.0" encoding="ASCII"?>

<emglab_annotation_file
xmlns="http://ece.wpi.edu/~ted"
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
xsi:schemaLocation="http://ece.wpi.edu/~ted http://ece.wpi.edu/~ted/emglab_annotation_file.xsd">

<emglab_version>0.01</emglab_version>

<emglab_spike_header>
<time></time>
<unit></unit>
<chan></chan>
</emglab_spike_header>

<!--  time  unit  chan  -->
<emglab_spike_events>
{events}
</emglab_spike_events>

<emglab_freeform>
<var1 class="struct" size="1 {n_templates}">
{templates}
</var1>
</emglab_freeform>

</emglab_annotation_file>
"""


def _template_text(number: int, template: dict) -> str:
    data = " ".join(f"{1000.0 * value:.6g}" for value in template["signal"])
    fields = {
        "chan": template.get("channel", 1),
        "unit": template["unit"],
        "data": data,
        "index": template["index"],
        "rate": repr(float(template["fs"])),
        "gain": 1,
    }
    lines = [f"<I{number}>"]
    for name, value in fields.items():
        size = f"{len(template['signal'])} 1" if name == "data" else "1 1"
        lines.append(f'<{name} class="double" size="{size}">{value}</{name}>')
    return "\n".join([*lines, '<units class="char" size="1 2">uV</units>', f"</I{number}>"])


def _texts(content: bytes, file: Path) -> list[tuple[tuple[str, ...], str]]:
    """Return the path below the root and the text of each element.

    Of an element with inner elements, only the text after the last of these is kept.
    """
    found: list[tuple[tuple[str, ...], str]] = []
    tags: list[str] = []
    text: list[str] = []

    def start(name: str, _: dict[str, str]) -> None:
        tags.append(name.rpartition("}")[2])
        text.clear()
        if len(tags) > _MAX_DEPTH:
            raise ValueError(f"{file} has elements nested more than {_MAX_DEPTH} deep.")
        if tags[0] != _ROOT:
            raise ValueError(
                f"{file} is not an EMGLAB annotation file: its first element is {tags[0]!r}."
            )

    def end(_: str) -> None:
        if len(found) == _MAX_ELEMENTS:
            raise ValueError(f"{file} has more than {_MAX_ELEMENTS} elements.")
        found.append((tuple(tags[1:]), "".join(text)))
        tags.pop()
        text.clear()

    def refuse(*_: object) -> None:
        # A document type declares entities, which could name other files or use unlimited memory.
        raise ValueError(f"{file} declares a document type, which no annotation file does.")

    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError) as error:  # LookupError means an unknown encoding
        raise ValueError(f"{file} is not well-formed XML ({error}); obtain a new copy.") from error
    return found


def _events(texts: list[tuple[tuple[str, ...], str]]) -> pd.DataFrame:
    columns = [path[1] for path, _ in texts if path[:1] == ("emglab_spike_header",) and path[1:]]
    tables = [text for path, text in texts if path == ("emglab_spike_events",)]
    if not {"time", "unit"} <= set(columns) or len(tables) != 1:
        raise ValueError("it must have spike events with a time and a unit")
    values = _event_values(tables[0], len(columns))
    named = dict(zip(columns, values.T))
    unit = _integers("unit", named["unit"])
    channel = _integers("channel", named.get("chan", np.ones(len(values))))
    time = named["time"]
    if not (np.isfinite(time).all() and (time >= 0).all()):
        raise ValueError("a discharge must have a time of 0 or more")
    events = pd.DataFrame({"time": time, "unit": unit, "channel": channel})
    return events.sort_values("time", kind="stable", ignore_index=True)


def _event_values(text: str, n_columns: int) -> np.ndarray:
    """Return the values of the events, of shape (n_events, n_columns)."""
    if text.count("\n") > _MAX_EVENTS:
        raise ValueError(f"it has more than {_MAX_EVENTS} events")
    lines = [line for line in text.splitlines() if line.strip()]
    if any(len(line) > _MAX_LINE for line in lines):
        raise ValueError(f"an event has more than {_MAX_LINE} characters")
    rows = [line.split() for line in lines]
    for row in rows:
        if len(row) != n_columns:
            raise ValueError(f"the event {' '.join(row)[:60]!r} must have {n_columns} values")
    return np.array(rows, dtype=float).reshape(len(rows), n_columns)


def _integers(name: str, values: np.ndarray) -> np.ndarray:
    if not (np.isfinite(values).all() and (values == np.floor(values)).all()):
        raise ValueError(f"each {name} must be an integer")
    return values.astype(np.int64)


def _templates(texts: list[tuple[tuple[str, ...], str]]) -> pd.DataFrame:
    # Each template is an element <I1>, <I2> ... of the freeform part, with named elements within.
    units: dict[str, dict[str, str]] = {}
    for path, text in texts:
        if len(path) == 4 and path[0] == "emglab_freeform":
            units.setdefault(path[2], {})[path[3]] = text.strip()
    table = pd.DataFrame(
        [_template(name, parts) for name, parts in units.items()],
        columns=["unit", "channel", "signal", "fs", "index"],
    )
    return table.sort_values("unit", kind="stable", ignore_index=True)


def _template(name: str, parts: dict[str, str]) -> tuple[int, int, np.ndarray, float, int]:
    missing = [key for key in ("unit", "data", "index", "rate", "gain") if not parts.get(key)]
    if missing:
        raise ValueError(f"the template {name} lacks {', '.join(missing)}")
    unit, channel, index = _integers(
        f"unit, channel and index of the template {name}",
        np.array([float(parts["unit"]), float(parts.get("chan") or 1), float(parts["index"])]),
    )
    if len(parts["data"]) > _MAX_TEMPLATE:
        raise ValueError(f"the template {name} has more than {_MAX_TEMPLATE} characters")
    fs, gain = float(parts["rate"]), float(parts["gain"])
    data = np.array(parts["data"].split(), dtype=float)
    if min(fs, gain) <= 0 or not np.isfinite([fs, gain, *data]).all():
        raise ValueError(f"rate, gain and data of the template {name} must be finite numbers")
    if not 0 <= index < data.size:
        raise ValueError(f"the index of the template {name} must lie within its data")
    signal = data / gain * millivolts_per(parts.get("units") or "uV")
    return int(unit), int(channel), signal, fs, int(index)
