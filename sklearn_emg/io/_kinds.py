"""Units and kinds of channels, recognised by the words that exports use for them."""

from __future__ import annotations

import re

from sklearn_emg.recordings import is_voltage

_COUNTS = ("count", "counts", "adu")


def is_counts(unit: str) -> bool:
    """Whether a unit stands for the raw numbers of an analog-to-digital converter."""
    return unit.strip().lower() in (*_COUNTS, "raw")


def is_unit(text: str) -> bool:
    """Whether a text is a unit of any quantity that occurs in exports."""
    plain = text.strip().strip("[](){}").strip()
    return (
        is_voltage(plain)
        or plain.lower() in _COUNTS
        or any(words.fullmatch(plain) for words in _UNIT_KINDS.values())
    )


_UNITS = {
    "accelerometer": r"m?g|m/s2|m/s\^2|m/s²|m/s/s|mm/s²",
    "gyroscope": r"(?:deg|°)/s(?:ec)?|dps|rad/s",
    "magnetometer": r"[uµμ]t|gauss",
    "force": r"n|nm|n\.?m|nmm|kg|kgf|lbs?|newton|mmhg|kpa|pa|bar|w",
    "goniometer": r"deg|degrees?|°|rad|grad",
    "temperature": r"degc|°c|celsius|degf|°f",
    "position": r"mm|cm|m|mm/s|m/s",
    "other": r"% ?(?:mvi?c|max)?|a\.?u\.?|bpm|[uµμ]s|siemens|ohm|kohm|ω|kω|hz|a|ma|[uµμ]a",
    "trigger": r"bits?|bool(?:ean)?|logic|ttl",
    "time": r"s|sec|seconds?|ms|msec|min|h|h+:m+:s+(?:[.,:]m*)?|с|сек|мс",
}
_UNIT_KINDS = {kind: re.compile(rf"(?:{words})", re.I) for kind, words in _UNITS.items()}

_NAMES = (
    (
        "index",
        r"sample ?(?:index|number|no\.?|nr\.?|#)?|n?seq|index|frames?|sub[ _-]?frames?|packet"
        r"(?: ?counter)?|counter|count|item|bild|teilbild|idx|nr\.?|no\.?|#|unnamed: ?0",
    ),
    (
        "time",
        r"x|t|(?:.*\b)?(?:time|times|timestamps?|zeit|temps|tiempo|tempo|czas|tid|clock|date|datum|"
        r"uhrzeit|tijd|hora|fecha|время)\b.*|time[_ ]?stamp.*|.*_time|.*timestamp|時間|时间|"
        r"(?:time|zeit|temps|tiempo|tempo|t)_(?:s|sec|seconds|ms|msec|us|ns)|millis|micros",
    ),
    (
        "accelerometer",
        r".*(?:\b|_)acc(?:el(?:eration|erometer)?)?s?(?:\b|_|[. ]?[xyz]\b).*|xyz.*|"
        r".*beschleunigung.*",
    ),
    ("gyroscope", r".*(?:\b|_)gyr(?:o|oscope)?s?(?:\b|_|[. ]?[xyz]\b).*"),
    # "Mag" alone is a muscle, the adductor magnus.
    ("magnetometer", r".*(?:\b|_)mag(?:netometer.*|[._ ]?\d*[._ ]?[xyz](?:\b|_).*)"),
    (
        "orientation",
        r".*(?:\b|_)(?:imu|quat(?:ernion)?|ori(?:entation)?|euler|roll|pitch|yaw)"
        r"(?:\b|_).*",
    ),
    (
        "force",
        r".*(?:\b|_)(?:force|kraft|torque|moment|drehmoment|load ?cell|fsr|grip|[fm][xyz]\d*|"
        r"mvc_force|cop[xy]?)(?:\b|_).*",
    ),
    ("goniometer", r".*(?:\b|_)(?:gonio(?:meter)?|angles?|winkel|angulo|ángulo|flexion)(?:\b|_).*"),
    ("temperature", r".*(?:\b|_)temp(?:eratur[ae]?|érature)?(?:\b|_).*"),
    (
        "trigger",
        r".*(?:\b|_)(?:trig(?:ger)?s?|sync|digital|di|digi?|ttl|on/?off|foot ?switch|button|"
        r"status|stim)(?:\b|_|\d).*",
    ),
    (
        "label",
        r".*(?:\b|_)(?:re)?(?:labels?|class(?:es)?|gestures?|activity|aktivität|movements?|"
        r"stimulus|restimulus|markers?|events?|repetitions?|exercises?|phases?|klasse|"
        r"etikett|bewegung|geste|gesto|etiqueta|étiquette|classe|mouvement|movimiento|target|y|task|condition)(?:\b|_).*",
    ),
    (
        "other",
        r".*(?:\b|_)(?:aux|other|crc\d*|checksum|battery|impedance|ecg|ekg|eeg|eog|eda|gsr|ppg|spo2|resp|"
        r"respiration|pulse|heart ?rate|analog channel|marker channel)(?:\b|_|\d).*",
    ),
)
_NAME_KINDS = tuple((kind, re.compile(words, re.I)) for kind, words in _NAMES)


# Kinds that a channel has even if its name contains "EMG", as in "Ultium EMG 1: Acc X".
_NEVER_EMG = ("time", "index", "accelerometer", "gyroscope", "magnetometer")


def channel_kind(name: str, unit: str | None = None) -> str:
    """Infer the kind of a channel ("emg", "force", "time" ...) from its name and unit.

    Examples
    --------
    >>> from sklearn_emg.io._kinds import channel_kind
    >>> channel_kind("Sensor 1: ACC.X 1", "g"), channel_kind("Biceps", "V"), channel_kind("nSeq")
    ('accelerometer', 'emg', 'index')
    """
    by_name = _kind_by_name(name.strip())
    named_emg = re.search(r"(?:\b|_)s?i?emg(?:\b|_|\d)|\bexg\b", name, re.I) is not None
    if unit and is_voltage(unit):
        # A force may be stored in volts, but labels, magnetic fields and time stamps are not.
        never_volts = ("index", "label", "magnetometer", "orientation", "time")
        return "emg" if named_emg or by_name in never_volts else by_name
    by_unit = _kind_by_unit(unit)
    if by_unit is None:
        return "emg" if named_emg and by_name not in _NEVER_EMG else by_name
    is_named = by_name not in ("emg", "label")
    return by_name if by_unit == "other" and is_named else by_unit


def _kind_by_name(name: str) -> str:
    return next((kind for kind, words in _NAME_KINDS if words.fullmatch(name)), "emg")


def _kind_by_unit(unit: str | None) -> str | None:
    if not unit or not unit.strip():
        return None
    plain = unit.strip().strip("[](){}").strip()
    return next((kind for kind, words in _UNIT_KINDS.items() if words.fullmatch(plain)), None)


_UNIT_AT_END = re.compile(
    r"^(?P<name>.*?)\s*(?:\[(?P<a>[^\[\]]*)\]|\((?P<b>[^()]*)\)|\{(?P<e>[^{}]*)\}|<(?P<f>[^<>]*)>"
    r"|(?:[,/_.: ]|\s-)\s*(?P<c>(?:[unmµμ]|Âµ)?V|(?:мк|м)?В)|\s+in\s+(?P<d>\S+))\s*$"
)


def split_unit(text: str) -> tuple[str, str | None]:
    """Split a column title such as "Biceps [mV]" or "EMG (uV)" into name and unit.

    Examples
    --------
    >>> from sklearn_emg.io._kinds import split_unit
    >>> split_unit("RT TIB.ANT. [uV]"), split_unit("EXG Channel 0"), split_unit("Timestamp (ms)")
    (('RT TIB.ANT.', 'uV'), ('EXG Channel 0', None), ('Timestamp', 'ms'))
    """
    match = _UNIT_AT_END.match(text)
    if match:
        unit = next(v for k in "abcdef" if (v := match[k]) is not None).strip()
        if is_unit(unit):
            return match["name"].strip(), unit
    return text.strip(), None
