"""Text exports with a format of their own, such as those of EMGworks, OpenBCI and Vicon Nexus."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sklearn_emg.io._text._header import Header
from sklearn_emg.io._text._layout import as_number

_EMGWORKS = re.compile(
    r"^\W*Label:\s*(?P<name>.+?)\s+Sampling frequency:\s*(?P<fs>\S+)\s+Number of points:\s*"
    r"(?P<n>\d+).*?\bUnit:\s*(?P<unit>\S*)",
    re.I,
)
_DATALOG = re.compile(
    r"^\W*Channel\s+\d+:\s*['\"](?P<name>.*?)['\"],\s*(?P<n>\d+)\s+values,\s*"
    r"engineering units:\s*(?P<unit>[^,]*)",
    re.I,
)
_VICON_DEVICES = re.compile(r"^\W*(?:Devices|Geräte|Dispositivos|Périphériques)\W*$", re.I)


@dataclass
class Dialect:
    """Format of a text file and the properties that its header gives in this format.

    ``lines`` are the lines to read; other blocks are left out and listed in ``skipped``.
    """

    form: str
    lines: list[str]
    fs: float | None = None
    n_rows: int | None = None
    devices: list[str] = field(default_factory=list)
    titles: list[tuple[str, str]] = field(default_factory=list)
    sensors: dict[str, tuple[float, str, int]] = field(default_factory=dict)
    n_channels: int | None = None
    unit: str | None = None
    skipped: list[str] = field(default_factory=list)
    comments: list[tuple[int, str]] = field(default_factory=list)  # line number and text


def recognise(lines: list[str]) -> Dialect:
    """Identify the dialect of a text by its first lines."""
    head = lines[:200]
    for find in (_emgworks, _datalog, _openbci, _vicon, _labchart, _physiobank, _visual3d):
        if (dialect := find(lines, head)) is not None:
            return dialect
    start = "\n".join(head[:12]).lower()
    if "noraxon" in start or ("record_name" in start and "frequency" in start):
        return Dialect("Noraxon text", lines)
    if "biometrics" in start or "datalog" in start:
        return Dialect("Biometrics DataLOG text", lines)
    return Dialect("text", lines)


def _emgworks(lines: list[str], head: list[str]) -> Dialect | None:
    found = [m for line in head if (m := _EMGWORKS.match(line))]
    if not found:
        return None
    sensors = {m["name"]: (as_number(m["fs"]) or 0.0, m["unit"], int(m["n"])) for m in found}
    return Dialect("Delsys EMGworks text", lines, sensors=sensors)


def _labchart(lines: list[str], head: list[str]) -> Dialect | None:
    """Recognise an export of LabChart; comments follow the values of a row, as "#* text"."""
    if not any(line.startswith("ChannelTitle=") for line in head[:20]):
        return None
    dialect = Dialect("LabChart text", list(lines))
    for i, line in enumerate(lines):
        values, *texts = line.split("\t#")
        if texts and line[:1] in "+-.0123456789":
            dialect.lines[i] = values
            # A comment begins with "*" or the number of its channel.
            plain = [re.sub(r"^(?:\*|\d+)\s*", "", text).strip() for text in texts]
            dialect.comments += [(i, text) for text in plain]
    return dialect


def _physiobank(lines: list[str], head: list[str]) -> Dialect | None:
    """Recognise a CSV file of PhysioBank, with texts between single quotes."""
    if not re.fullmatch(r"'[^']*'(?:,'[^']*')+", head[0].strip() if head else ""):
        return None
    return Dialect("PhysioBank text", [line.replace("'", "") for line in lines])


def _visual3d(lines: list[str], head: list[str]) -> Dialect | None:
    """Recognise Visual3D ASCII: files, signals, types, folders and components above the rows."""
    rows = [line.rstrip("\r\n").split("\t") for line in head[:5]]
    if len(rows) < 5 or rows[4][0] != "ITEM" or len({len(row) for row in rows}) > 1:
        return None
    titles = [("ITEM", ""), *_visual3d_titles(*(row[1:] for row in rows))]
    # Only the analog signals may be EMG.
    devices = ["EMG" if kind.upper() == "ANALOG" else "other" for kind in rows[2]]
    return Dialect("Visual3D text", lines[5:], titles=titles, devices=devices)


def _visual3d_titles(
    files: list[str], names: list[str], types: list[str], folders: list[str], parts: list[str]
) -> list[tuple[str, str]]:
    """Names of signals, with the file if there are several, and with components other than X."""
    several = len(set(files)) > 1
    return [
        (f"{file} {name}" if several else name, "") if part == "X" else (f"{name} {part}", "")
        for file, name, part in zip(files, names, parts)
    ]


def _datalog(lines: list[str], head: list[str]) -> Dialect | None:
    found = [m for line in head if (m := _DATALOG.match(line))]
    if not found:
        return None
    titles = [(m["name"].strip(), m["unit"].strip()) for m in found]
    n_rows = max(int(m["n"]) for m in found)
    return Dialect("Biometrics DataLOG text", lines, n_rows=n_rows, titles=titles)


def _openbci(lines: list[str], head: list[str]) -> Dialect | None:
    if not any("openbci" in line.lower() for line in head[:10] if line.lstrip().startswith("%")):
        return None
    dialect = Dialect("OpenBCI text", lines, unit="uV")
    for line in lines[:30]:
        match = re.match(r"^\s*%\s*([\w ]+?)\s*=\s*([\d.,]+)", line)
        if match and "channels" in match[1].lower():
            dialect.n_channels = int(as_number(match[2]) or 0)
        elif match and "rate" in match[1].lower():
            dialect.fs = as_number(match[2])
    return dialect


def _vicon(lines: list[str], head: list[str]) -> Dialect | None:
    # The block of devices may follow a block of trajectories of any length.
    for at, line in enumerate(lines):
        if line[:1] in 'DdGgP"\ufeff' and _VICON_DEVICES.match(line) and at + 4 < len(lines):
            fs = as_number(lines[at + 1].strip().strip(',;\t"'))
            if fs:
                return _vicon_block(lines, at, fs)
    return None


def _vicon_block(lines: list[str], at: int, fs: float) -> Dialect:
    stop = next((i for i in range(at, len(lines)) if not lines[i].strip(' ,;\t\r"')), len(lines))
    others = [line.strip(' ,;\t"') for line in [*lines[:at], *lines[stop:]]]
    skipped = [f"block {title!r}" for title in others if re.fullmatch(r"[^\d,;\t]+", title)][:5]
    # The first line is "Devices" and the second is the rate; names of devices span columns.
    block = lines[at + 2 : stop]
    separator = max(",;\t", key=block[0].count)
    devices = [field.strip(' "') for field in block[0].split(separator)]
    for i in range(1, len(devices)):
        devices[i] = devices[i] or devices[i - 1]
    return Dialect("Vicon Nexus text", block, fs=fs, skipped=skipped, devices=devices)


def _apply_titles(titles: list[tuple[str, str]], header: Header) -> None:
    header.names = [name for name, _ in titles]
    header.units = [unit or None for _, unit in titles]
    header.named = True


def apply_dialect(dialect: Dialect, header: Header, width: int) -> None:
    """Copy the titles, units and rate of the dialect to the header."""
    header.fs = dialect.fs or header.fs
    if dialect.form == "Noraxon text":
        dialect.n_rows = int(as_number(header.pairs.get("count", "")) or 0)
    if dialect.form == "OpenBCI text":
        _apply_openbci(dialect, header, width)
    if len(dialect.titles) == width:
        _apply_titles(dialect.titles, header)
    known = {title: sensor[1] for title, sensor in dialect.sensors.items()}
    header.units = [unit or known.get(t) for t, unit in zip(header.names, header.units)]


def _apply_openbci(dialect: Dialect, header: Header, width: int) -> None:
    if not header.named and dialect.n_channels and dialect.n_channels < width:
        n = dialect.n_channels
        header.names = ["Sample Index", *(f"EXG{k + 1}" for k in range(n))]
        header.names += [f"Aux {k + 1}" for k in range(width - n - 1)]
        header.units = [None] * width
        header.named = True
    for i, name in enumerate(header.names):
        if re.match(r"EXG|EMG|Channel", name, re.I):
            header.units[i] = header.units[i] or dialect.unit


def kind_by_device(dialect: Dialect, position: int, name: str) -> str | None:
    """Kind of a Vicon column by its device; None if no device has "EMG" in its name.

    If a device has "EMG" in its name, the voltages of the other devices are not EMG.
    """
    if not any("EMG" in device.upper() for device in dialect.devices):
        return None
    device = dialect.devices[position] if position < len(dialect.devices) else dialect.devices[-1]
    is_emg = "EMG" in f"{device} {name}".upper()
    return "emg" if is_emg else "force" if re.search(r"force|plate", device, re.I) else "other"
