"""Header lines of a text file: titles, units, rate and subject."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sklearn_emg.io._kinds import channel_kind, is_unit, split_unit
from sklearn_emg.io._text._layout import Layout, as_number, split_line
from sklearn_emg.recordings import is_voltage

_RATE = re.compile(
    r".*(?:sampl|abtast|échantillon|muestreo|campion|amostr|bemonster|frequen|fréquen|frecuen|"
    r"дискретизац|частот|próbkow|częstotl|vzork|örnekl|采样|採樣|取樣|サンプリング|샘플링|"
    r"\brate\b|\bfs\b|\bsrate\b).*",
    re.I,
)
_INTERVAL = re.compile(r"(?:sampl\w*[ _-]*)?(?:interval|period)|dt|abtastintervall", re.I)
_NOT_RATE = re.compile(
    r".*(?:filter|cut|high|low|pass|notch|mains|video|camera|frame|baud|heart|stim|mocap|marker|"
    r"range|bereich|repet|refresh|update|puls|firing|discharge|cadence|sweep|"
    r"kinemati|(?:\b|_)(?:acc|gyro|mag|imu|gonio|force|kraft|ecg|ekg|eeg|resp|temp|markers?)).*",
    re.I,
)
# Names of the number of samples and of other properties that are not a rate.
_COUNT = re.compile(
    r"samples?|.*(?:\bno[_ .]+of|number|anzahl|nombre|n[úu]mero|liczba|число|count|total|points|"
    r"punkte|\blength|size|index|duration|dauer|durée|bits?\b|resolution|first|last).*",
    re.I,
)
_PER_SECOND = re.compile(r".*(?:per[ _]sec|pro sek|par sec|/ ?s\b|\bk?hz\b|rate|frequen).*", re.I)
_UNIT = re.compile(
    r"(?:(?:measure(?:ment)?[ _])?units?|einheit(?:en)?|unit[éeà]s?|unidad(?:es)?|eenheid|"
    r"единиц\w*|jednostk\w*|单位|単位)\b.*",
    re.I,
)
_TITLES = re.compile(r"(?:channel|signal|column)[_ ]?(?:names?|titles?|labels?)[:=]?", re.I)
_PER_S = r"(?:hz|гц|sa?/s|sps|samples?/s)"
_MULTIPLES = {"k": 1e3, "K": 1e3, "M": 1e6, "к": 1e3, "К": 1e3}
_HERTZ = re.compile(rf"[kmк]?{_PER_S}", re.I)
SUBJECT = re.compile(
    r"(?:subject|participant|patient|proband|sujet|sujeto)[ _-]*(?:id|code|name|nr|no)?", re.I
)
_PAIR = re.compile(r"^[\s%#\"]*(?P<key>[^:=]{2,60}?)\s*[:=]\s*(?P<value>[^:=]+?)[\s\"]*$")
_WORD = re.compile(r"[^\W\d_]")
_NO_TITLE = re.compile(r"\[[^\[\]]*\]|[^=]+=.*")  # the name of a section, or a key with its value
_MAX_WITH_POINT = 30e3  # Hz; "74.074" is the rate of an accelerometer, not 74 kHz
_MIN_RATE = 100.0  # Hz; "2,000" is a rate of EMG only if the comma separates thousands


@dataclass
class Header:
    """Titles and units of the columns, the rate in Hz, and other lines as keys and values."""

    names: list[str]
    units: list[str | None]
    named: bool
    fs: float | None = None
    subject: str | None = None
    pairs: dict[str, str] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)  # in Hz, by key

    def rate_problems(self) -> list[str]:
        """Message about several rates, which matters if no time stamps give the true one."""
        rates = list(self.rates.values())
        if self.fs not in rates or max(rates) < 1.01 * min(rates):
            return []
        listed = ", ".join(f"{key!r}: {fs:g} Hz" for key, fs in self.rates.items())
        return [
            f"the header gives several sampling rates ({listed}); {self.fs:g} Hz is used. Pass the "
            "correct one as fs=..."
        ]


def _fields(line: str, layout: Layout) -> list[str]:
    line = line.strip("\r\n")
    if layout.n_fields == 1 and split_unit(line)[1]:
        return [line.strip()]
    if line.lstrip().startswith(("%", "#")):
        line = line.lstrip()[1:]
    if layout.separator == " " and "\t" in line:
        return split_line(line, "\t")
    fields = split_line(line, layout.separator)
    if layout.separator == " " and len(fields) > layout.n_fields and "  " in line.strip():
        fields = re.split(r"\s{2,}", line.strip())
    return fields


def _looks_like_titles(fields: list[str], n_fields: int) -> bool:
    while len(fields) > n_fields and fields[-1] == "":
        fields = fields[:-1]
    if len(fields) not in (n_fields, n_fields - 1) or not any(fields):
        return False
    words = sum(_WORD.search(f) is not None for f in fields)
    numbers = sum(as_number(f) is not None for f in fields)
    return words > 0 and (words >= numbers or channel_kind(fields[0]) in ("time", "index"))


def _is_no_title(text: str) -> bool:
    """Whether a line is the name of a section, or a key with its value, such as "Units: mV"."""
    key, colon, _ = text.partition(":")
    return bool(_NO_TITLE.fullmatch(text) or (colon and _UNIT.fullmatch(key)))


def _all_units(fields: list[str]) -> bool:
    given = [f for f in fields if f]
    return bool(given) and all(map(is_unit, given))


def _are_rates(fields: list[str]) -> bool:
    """Whether a line is empty or holds only sampling rates."""
    return all(re.fullmatch(r"([\d.,]+\s*k?Hz)?", field, re.I) for field in fields)


def _titles(lines: list[list[str]], n: int) -> tuple[list[str] | None, list[str] | None, int]:
    """Find titles, the units below and the line of the titles, searching upwards from the data."""
    units = None
    for back in range(len(lines) - 1, max(-1, len(lines) - 6), -1):
        fields = lines[back]
        if units is None and back < len(lines) - 1 and not any(fields):
            break
        if n == 1 and _is_no_title(" ".join(fields)):
            break
        if _are_rates(fields) or (len(fields) > 2 and _is_row_of_units(fields)):
            continue  # these rates are below the titles; they follow from the time columns too
        padded = [*fields, *[""] * (n - len(fields))][: max(n, len(fields))]
        if units is None and _all_units(fields) and len(fields) <= n + 1:
            units = padded
        elif _looks_like_titles(fields, n):
            return padded[:n], units, back
        elif units is None:
            break
    return None, units, len(lines)


def read_header_lines(layout: Layout) -> Header:
    """Read titles, units, rate and pairs of key and value from the lines before the numbers."""
    n = layout.n_fields
    lines = [_fields(line, layout) for line in layout.header]
    titles, units, at = _all_titles(lines, n, layout.n_filled)
    header = Header([], [], titles is not None)
    for i, fields in enumerate(lines):
        if i != at:
            _read_pair(header, fields, layout.header[i], lines[i + 1] if i + 1 < at else [])
    if header.fs is None:
        header.fs = _rate_in_sentence("\n".join(layout.header))
    if titles is not None:
        titles = _distinct_titles(titles, lines[max(at - 4, 0) : at])
    units = _row_of_units([*lines[:at], *lines[at + 1 :]], n) or units
    _name_columns(header, [*(titles or []), *[""] * n][:n], units)
    if is_voltage(common := header.pairs.get("unit", "")):
        header.pairs["common unit"] = common
    return header


def _distinct_titles(titles: list[str], above: list[list[str]]) -> list[str]:
    """Titles that repeat, preceded by the names of sensors above them, which span columns."""
    if len(set(titles)) == len(titles):
        return titles
    for fields in reversed(above):
        if not len(titles) - 1 <= len(fields) <= len(titles) + 1:
            continue
        spans, last = [], ""
        for field_above in [*fields, "", ""]:
            last = field_above or last
            spans.append(last)
        joined = [f"{span} {title}".strip() for span, title in zip(spans, titles)]
        if len(set(joined)) == len(joined):
            return joined
    return titles


def _rate_in_sentence(text: str) -> float | None:
    """Rate in Hz from "0.5 msec/sample", as written by AcqKnowledge, or "sampling rate 1000 Hz"."""
    for step, unit in re.findall(r"^\s*([\d.,]+)\s*(msec|sec|ms|s)/sample\s*$", text, re.M):
        return _rate_of_interval(step, unit.replace("sec", "s"))
    found = re.search(r"(?:sampl|abtast)[\w -]{0,20}?\s([\d.,]+)\s*(k?hz)\b", text, re.I)
    return None if found is None else _rate_of_text("", f"{found[1]} {found[2]}")


def _all_titles(
    lines: list[list[str]], n: int, n_filled: int
) -> tuple[list[str] | None, list[str] | None, int]:
    """Titles, units and the line of the titles, in any of the usual layouts of headers."""
    titles, units, at = _titles(lines, n)
    if titles is None and 1 < n_filled < n:
        # Separators at the end of lines create columns that are empty throughout.
        titles, units, at = _titles(lines, n_filled)
    if titles is not None and units is None and 0 < at < len(lines) and _all_units(lines[at - 1]):
        units = lines[at - 1]
    titles, units = _labchart_titles(lines, n, titles, units)
    return titles or _titles_after_word(lines[:at], n), units, at


def _name_columns(header: Header, titles: list[str], units: list[str] | None) -> None:
    """Name the columns and set their units, from their titles or a line of units."""
    units = units or []
    for position, title in enumerate(titles):
        name, unit = split_unit(title)
        if not unit and position < len(units) and units[position]:
            unit = units[position].strip("[](){} ")
        header.names.append(name or f"column {position + 1}")
        header.units.append(unit or None)


def _labchart_titles(
    lines: list[list[str]], n: int, titles: list[str] | None, units: list[str] | None
) -> tuple[list[str] | None, list[str] | None]:
    """Titles after "ChannelTitle=" and units in "Range=" of LabChart; time may come first."""
    found = {f[0].lower(): f[1:] for f in lines if f and len(f) in (n, n + 1)}
    names, ranges = found.get("channeltitle=", []), found.get("range=", [])
    first = 0 if sum(map(bool, names)) == n else 1  # a column of times has no title
    if names:
        titles = ["time", *names][1 - first : n + 1 - first]
    if ranges:
        units = ["s", *(text.split()[-1] if text else "" for text in ranges)][1 - first :][:n]
    return titles, units


def _titles_after_word(lines: list[list[str]], n: int) -> list[str] | None:
    """Titles of all columns after a word such as "CHANNEL_NAMES"."""
    found = (f[1:] for f in lines if len(f) == n + 1 and _TITLES.fullmatch(f[0]))
    return next(found, None)


def _is_row_of_units(fields: list[str]) -> bool:
    """Whether a line has a word such as "Units" and the units of the columns."""
    return bool(_UNIT.fullmatch(fields[0].rstrip(":"))) and _all_units(fields[1:])


def _row_of_units(lines: list[list[str]], n: int) -> list[str] | None:
    """Units in a line such as "Units: mV mV deg"; None if there is none."""
    for fields in lines:
        if fields and _UNIT.fullmatch(fields[0].rstrip(":")) and len(fields) >= 3:
            values = fields[1:]
            return ["", *values] if len(values) == n - 1 else values[:n]
    return None


def _read_pair(header: Header, fields: list[str], line: str, below: list[str]) -> None:
    given = [f for f in fields if f]
    if len(given) > 2 and len(below) == len(fields):
        # A small table has titles in one line and values in the next.
        pairs = list(filter(all, zip(fields, below)))
    elif len(given) == 2 and not any(map(_PAIR.match, given)):
        pairs = [(given[0], given[1])]
    else:
        pairs = [match.group("key", "value") for match in map(_PAIR.match, [line, *given]) if match]
    for key, value in pairs:
        _note(header, key, value)


def _note(header: Header, key: str, value: str) -> None:
    key, value = key.strip(" :="), value.strip()
    header.pairs.setdefault(key.lower(), value)
    if _UNIT.fullmatch(key):
        header.pairs.setdefault("unit", value)
    if SUBJECT.fullmatch(key) and value:
        header.subject = value
    if (rate := _rate_of_pair(key, value)) is not None:
        _note_rate(header, key, rate)


def _note_rate(header: Header, key: str, rate: float) -> None:
    """Note a rate; those of EMG replace others."""
    names_emg = re.search("emg", key, re.I) is not None
    has_emg = any(re.search("emg", other, re.I) for other in header.rates)
    if names_emg and not has_emg:
        header.rates = {}
    if names_emg or not has_emg:
        header.rates.setdefault(key, rate)
        header.fs = rate if names_emg else header.fs or rate


def _rate_of_pair(key: str, value: str) -> float | None:
    """Rate in Hz if a key and its value give one."""
    if _INTERVAL.fullmatch(split_unit(key)[0]):
        return _rate_of_interval(value, split_unit(key)[1])
    if not _RATE.fullmatch(key) or _NOT_RATE.fullmatch(key):
        return None
    in_hertz = _PER_SECOND.fullmatch(key) or _HERTZ.search(value)
    return _rate_of_text(key, value) if in_hertz or not _COUNT.fullmatch(key) else None


def _rate_of_text(key: str, value: str) -> float | None:
    """Rate in Hz from a value such as "2 kHz"."""
    number = r"[\s\"]*([+-]?[\d.,]+(?:[eE][+-]?\d+)?)"
    match = re.match(rf"{number}\s*([kmк]?{_PER_S})?", value, re.I)
    if re.search(r"\d\s*(?:[-–…]|\.\.|to|bis)\s*\d", value):
        return None  # a range, such as that of a filter
    number = match[1].rstrip(",.") if match else ""
    rate = as_number(number)
    if match is None or not rate or rate <= 0:
        return None
    unit = match[2] or "".join(_HERTZ.findall(key)[:1])
    if unit[:1] in _MULTIPLES:
        return rate * _MULTIPLES[unit[:1]]
    return _thousands(number) or rate if rate < _MIN_RATE else rate


def _thousands(number: str) -> float | None:
    """Read a number such as "2,000" or "2.000" as thousands; None for others, such as "74.074"."""
    if not re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", number):
        return None
    whole = float(re.sub("[.,]", "", number))
    is_whole = "," in number or number.endswith("000") or whole <= _MAX_WITH_POINT
    return whole if is_whole else None


def _rate_of_interval(value: str, unit: str | None) -> float | None:
    """Rate in Hz from a sampling interval such as "0.5 ms"."""
    match = re.match(r"\s*([\d.,]+(?:[eE][+-]?\d+)?)\s*(s|ms|msec|us|µs)?\b", value)
    step = as_number(match[1]) if match else None
    if match is None or not step or step <= 0:
        return None
    factor = {"ms": 1e3, "msec": 1e3, "us": 1e6, "µs": 1e6}.get(match[2] or unit or "s", 1.0)
    return round(factor / step, 6)
