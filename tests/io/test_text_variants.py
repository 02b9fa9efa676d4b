"""One recording in the formats of many programs and countries: equal samples and rate."""

import contextlib
import csv
import io
import re
import warnings

import device_files as make
import numpy as np
import pytest

from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.io import read_recordings
from sklearn_emg.recordings import millivolts_per

N, FS = 1200, 1000.0
A, B = make.emg(N, FS, 0.1, 1), make.emg(N, FS, 0.25, 2)
T = np.arange(N) / FS


def rows(*columns, separator=",", decimal=".", form="{:.6f}"):
    cells = [[c if isinstance(c, str) else form.format(c) for c in row] for row in zip(*columns)]
    return [separator.join(row).replace(".", decimal) for row in cells]


def quoted(*columns, decimal="."):
    target = io.StringIO()
    csv.writer(target, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
        [f"{c:,.3f}" if decimal == "." else f"{c:.5f}".replace(".", ",") for c in row]
        for row in zip(*columns)
    )
    return target.getvalue().splitlines()


def german(value):
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def read(path, lines, encoding="utf-8", newline="\n", **arguments):
    make.write_text(path, lines, encoding, newline)
    row = read_recordings(path, subject="s", **arguments).iloc[0]
    return dict(zip(row["channel_names"], np.atleast_2d(row["signal"]))), row


def assert_channels(found, truth):
    assert list(found) == list(truth)
    for name, x in truth.items():
        np.testing.assert_allclose(found[name] - found[name].mean(), x - x.mean(), atol=2e-3)


NANO = [f"{t:.3f}".replace(".", ",") + ";" + german(v * 1e6) for t, v in zip(T, A)]
ONE = {
    "thousands and decimal comma": ["Zeit [s];EMG [nV]", *NANO],
    "thousands, quoted": ["time [s],EMG [nV]", *quoted(T, A * 1e6)],
    "decimal comma, quoted": ['"Zeit [s]","EMG [uV]"', *quoted(T, A * 1e3, decimal=",")],
    "minus sign of typography": [
        "time [s];EMG [mV]",
        *[r.replace("-", "−") for r in rows(T, A, separator=";")],
    ],
    "separators at the end of lines": [
        "time [s];EMG [mV]", *[r + ";;" for r in rows(T, A, separator=";")], "", ";;"
    ],
    "a footer in the table": ["time [s],EMG [mV]", *rows(T, A), "Mean,0.0", "RMS,0.1"],
    "every second line is blank": [x for r in ["time [s],EMG [mV]", *rows(T, A)] for x in (r, "")],
    "days of a spreadsheet": ["time,EMG [mV]", *rows([f"{45000 + t / 86400:.10f}" for t in T], A)],
    "units above the titles": ["s,mV", "time,EMG", *rows(T, A)],
    "milliseconds by name": ["time_ms,EMG_mV", *rows(T * 1e3, A)],
}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_numbers_and_lines_in_other_ways(tmp_path, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, row = read(tmp_path / "a.csv", ONE[name])
    assert row["fs"] == FS
    assert_channels(found, {"EMG": A})


@pytest.mark.parametrize(
    "encoding, newline",
    [("utf-16", "\r\n"), ("utf-32", "\n"), ("cp1252", "\r\r\n"), ("mac_roman", "\r")],
)
def test_encodings_and_line_breaks(tmp_path, encoding, newline):
    lines = ["Time (s)\tBiceps (µV)", *rows(T, A * 1e3, separator="\t")]
    found, row = read(tmp_path / "a.txt", lines, encoding, newline)
    assert row["fs"] == FS
    assert_channels(found, {"Biceps": A})


def test_an_unknown_encoding_is_reported(tmp_path):
    lines = ["サンプリング周波数,1000", "時間 [s],右腕 [mV]", *rows(T, A)]
    with pytest.warns(RecordingWarning, match="encoding is not UTF-8"):
        read(tmp_path / "a.csv", lines, "shift_jis")


@pytest.mark.parametrize(
    "unit, factor",
    [
        ("x10-3 V", 1.0),
        ("10^-6 V", 1e-3),
        ("×10⁻⁶ V", 1e-3),
        ("1e-3 V", 1.0),
        ("x10-3 nV", 1e-9),
        ("V x 10^-6", 1e-3),
        ("microV", 1e-3),
        ("µ V", 1e-3),
        ("мкВ", 1e-3),
        ("мВ", 1.0),
    ],
)
def test_units_with_powers_of_ten_and_in_other_spellings(tmp_path, unit, factor):
    assert millivolts_per(unit) == factor
    found, _ = read(tmp_path / "a.csv", [f"time [s],EMG [{unit}]", *rows(T, A / factor)])
    assert_channels(found, {"EMG": A})


@pytest.mark.parametrize("unit", ["5 V", "100mV", "10 V", "V2", "10-3", "1e-3"])
def test_ranges_are_no_units(unit):
    with pytest.raises(ValueError, match="not a known voltage"):
        millivolts_per(unit)


@pytest.mark.parametrize("form", ["{}_uV", "{}.uV", "{}:uV", "{} - uV", "{} <uV>", "{} {{uV}}"])
def test_units_after_names(tmp_path, form):
    titles = [form.format(name) for name in ("biceps", "triceps")]
    found, _ = read(tmp_path / "a.csv", [",".join(["time", *titles]), *rows(T, A * 1e3, B * 1e3)])
    assert_channels(found, {"biceps": A, "triceps": B})


@pytest.mark.parametrize(
    "head, fs",
    [
        (['Sampling rate;"2,000"'], 2000.0),
        (["Sampling rate: 2,000 Hz"], 2000.0),
        (["Abtastrate: 2.000 Hz"], 2000.0),
        (["Sampling rate: 2,000 kHz"], 2000.0),
        (["Sampling rate: 1,259.259 Hz"], 1259.259),
        (["Sampling rate: 1925,926 Hz"], 1925.926),
        (["Частота дискретизации: 2 кГц"], 2000.0),
        (["采样率: 2000 Hz"], 2000.0),
        (["Częstotliwość próbkowania: 2000 Hz"], 2000.0),
        (["Samples: 1200", "Frequency;2000"], 2000.0),
        (["Recorded at a sampling rate of 2 kHz"], 2000.0),
        (["ACC sampling rate: 100 Hz", "EMG sampling rate: 2000 Hz"], 2000.0),
        (["Sampling rate: 100 Hz", "EMG sampling rate: 2000 Hz"], 2000.0),
        (["Video frequency: 50", "Force rate: 100 Hz", "Sample rate: 2000"], 2000.0),
        (["0.5 msec/sample"], 2000.0),
        (["NO_OF_SAMPLES;1200", "FREQUENCY;2000"], 2000.0),
        (["Anzahl der Samples: 1200", "Samples per second: 2000"], 2000.0),
    ],
)
def test_rates_in_words(tmp_path, head, fs):
    lines = [*head, "biceps [mV];triceps [mV]", *rows(A, B, separator=";")]
    found, row = read(tmp_path / "a.csv", lines)
    assert row["fs"] == fs
    assert_channels(found, {"biceps": A, "triceps": B})


def test_a_number_of_samples_is_no_rate(tmp_path):
    lines = ["Number of samples: 1200", "biceps [mV];triceps [mV]", *rows(A, B, separator=";")]
    with pytest.raises(ValueError, match="does not give its sampling rate"):
        read(tmp_path / "a.csv", lines)


def test_names_and_units_after_words(tmp_path):
    lines = ["FREQUENCY\t1000", "CHANNEL_NAMES\tEMG1\tEMG2", "Unità\tmV\tmV"]
    found, _ = read(tmp_path / "a.tsv", [*lines, *rows(A, B, separator="\t")])
    assert_channels(found, {"EMG1": A, "EMG2": B})


def test_names_that_occur_twice(tmp_path):
    lines = ["time [s],EMG [mV],EMG (2) [mV],EMG [mV]", *rows(T, A, B, A + B)]
    with pytest.warns(RecordingWarning, match=r"share a name .* 'EMG' is now 'EMG \(3\)'"):
        found, _ = read(tmp_path / "a.csv", lines)
    assert_channels(found, {"EMG": A, "EMG (2)": B, "EMG (3)": A + B})


ONE_COLUMN = [f"{v:.6f}" for v in A]


@pytest.mark.parametrize(
    "lines",
    [
        ["[Export]", "Patient=P1", "Sampling Frequency(Hz)=1000", "Units=mV", *ONE_COLUMN],
        ["Sampling Frequency(Hz)=1000", "Units=mV", "[Data]", *ONE_COLUMN],
        ["Sampling Frequency(Hz): 1000", "Units: mV", *ONE_COLUMN],
    ],
    ids=["pairs", "section", "colons"],
)
def test_keys_and_values_above_one_column(tmp_path, lines):
    found, row = read(tmp_path / "a.txt", lines)
    assert row["fs"] == FS
    assert_channels(found, {"column 1": A})


LABCHART = ["Interval=\t0.001 s", "ChannelTitle=\tA", "Range=\t10.0 mV",
            *rows(T, A, separator="\t")]  # fmt: skip
TWO = ["Interval=\t0.001 s", "ChannelTitle=\tA\tB", "Range=\t10.0 mV\t10.0 mV",
       *rows(T, A, A, separator="\t")]  # fmt: skip
SECTION = ["Rate=1000", "Units=mV", *ONE_COLUMN, ""]
TITLED = ["time [s],A [mV]", *rows(T, A)]


@pytest.mark.parametrize(
    "lines, is_told",
    [
        ([*TWO, *TWO], True),
        ([*SECTION, *SECTION], True),
        ([*TITLED, "", *TITLED], True),
        ([*TITLED, "", "Peak (s),Peak (mV)", "0.123,0.5", "0.456,0.7"], False),
        ([*TITLED, "Mean,0.0", "RMS,0.1"], False),
    ],
    ids=["blocks", "sections", "blank line", "summary", "footer"],
)
def test_only_a_second_recording_after_the_table_is_told(tmp_path, lines, is_told):
    told = pytest.warns(RecordingWarning, match="only its first table is read")
    with told if is_told else contextlib.nullcontext():
        found, row = read(tmp_path / "a.txt", lines)
    assert_channels(found, dict.fromkeys(found, A))
    assert len(row["skipped"]) >= 1


def test_titles_that_are_repeated_are_named(tmp_path):
    for lines in (TITLED, LABCHART):
        with pytest.raises(ValueError, match=r"row 1201 .*If another recording begins there, put"):
            read(tmp_path / "a.csv", [*lines, *lines])


@pytest.mark.parametrize("decimal", ".,")
@pytest.mark.parametrize("mark", ["'", "\u2019", "\u00a0", "\u202f"])
def test_other_separators_of_thousands(tmp_path, mark, decimal):
    plain = [f"{v * 1e6:_.2f}".replace("_", mark) for v in A]
    cells = [cell.replace(".", decimal) for cell in plain]
    found, _ = read(tmp_path / "a.csv", ["time [s];EMG [nV]", *rows(T, cells, separator=";")])
    assert_channels(found, {"EMG": A})


@pytest.mark.parametrize("unit", ["%MVC", "% MVC", "%max", "%"])
def test_percentages_are_no_voltages(tmp_path, unit):
    found, row = read(tmp_path / "a.csv", [f"millis,EMG [mV],EMG [{unit}]", *rows(T * 1e3, A, B)])
    assert_channels(found, {"EMG": A})
    assert row["fs"] == FS
    assert any(unit in text for text in row["skipped"])
    with pytest.raises(ValueError, match=rf"no channel that looks like EMG.*EMG \(other, {unit}\)"):
        read(tmp_path / "a.csv", [f"millis,EMG [{unit}]", *rows(T * 1e3, B)])


def test_rows_of_several_channels_are_told(tmp_path):
    times, names = np.repeat(T, 2), np.tile(["A", "B"], N)
    values = np.stack([A, B], axis=1).ravel()
    lines = ["time [s],muscle,EMG [mV]", *rows(times, names, values)]
    with pytest.warns(RecordingWarning, match="'muscle' changes in nearly every row, from 'A' to"):
        read(tmp_path / "a.csv", lines)


@pytest.mark.parametrize("step", [2, 3, 10])
def test_a_slower_channel_has_values_in_some_rows(tmp_path, step):
    slow = [f"{v:.6f}" if i % step == 0 else "" for i, v in enumerate(B)]
    path = make.write_text(
        tmp_path / "a.csv", ["time [s],fast [mV],slow [mV]", *rows(T, A, slow), ""]
    )
    table = read_recordings(path, subject="s")
    assert table["channel_names"].tolist() == [("fast",), ("slow",)]
    np.testing.assert_allclose(table["fs"], [FS, FS / step])
    np.testing.assert_allclose(table["signal"].iloc[1], B[::step], atol=1e-6)


@pytest.mark.parametrize(
    "stamps",
    [
        np.concatenate([T[:600], T[:600]]) * 1e3,
        (np.arange(N) + 65000) % 65536,
    ],
)
def test_a_clock_that_starts_anew(tmp_path, stamps):
    lines = ["time [ms],EMG [mV]", *rows([f"{t:.0f}" for t in stamps], A)]
    with pytest.warns(RecordingWarning, match="1 gap .negative: the clock starts anew."):
        found, row = read(tmp_path / "a.csv", lines)
    assert row["fs"] == FS
    assert_channels(found, {"EMG": A})
    (mark,) = row["annotations"]
    assert mark.label == "the clock starts anew"


@pytest.mark.parametrize("per_packet, n_times", [(1000, 5200), (40, 1200), (7, 1200)])
def test_samples_with_one_time_stamp(tmp_path, per_packet, n_times):
    x = make.emg(n_times, FS, 0.1, 3)
    packet = np.arange(n_times) // per_packet * per_packet
    lines = ["time [ms],EMG [mV]", *rows([f"{t}" for t in packet], x)]
    found, row = read(tmp_path / "a.csv", lines)
    assert row["fs"] == FS
    assert_channels(found, {"EMG": x})


def test_a_clock_of_irregular_packets_that_starts_anew(tmp_path):
    per_packet, n_packets = 7, 160
    starts = np.arange(n_packets) % 80 * 7.0
    starts[::8] += 4.0  # every eighth packet comes late
    x = make.emg(per_packet * n_packets, FS, 0.1, 3)
    stamps = [f"{t:g}" for t in np.repeat(starts, per_packet)]
    with pytest.warns(RecordingWarning, match="the clock starts anew"):
        _, row = read(tmp_path / "a.csv", ["time [ms],EMG [mV]", *rows(stamps, x)])
    assert row["fs"] == pytest.approx(FS, rel=0.01)
    assert [mark.label for mark in row["annotations"]] == ["the clock starts anew"]
    assert row["annotations"][0].onset == pytest.approx(0.56, rel=0.01)


@pytest.mark.parametrize("unit, factor, fs", [("s", 1e3, 1.0), ("ms", 1.0, 1e6)])
def test_time_stamps_in_another_unit_are_warned_of(tmp_path, unit, factor, fs):
    lines = [f"time [{unit}],EMG [mV]", *rows(T * factor, A)]
    with pytest.warns(RecordingWarning, match=re.escape(f"rate is {fs:g} Hz; that of EMG")):
        _, row = read(tmp_path / "a.csv", lines)
    assert row["fs"] == fs


@pytest.mark.parametrize("timed", [True, False])
def test_labchart_with_and_without_times_and_with_comments(tmp_path, timed):
    head = ["Interval=\t0.001 s", "ChannelTitle=\tEMG L\tEMG R", "Range=\t10.000 mV\t10.000 mV"]
    body = rows(*([T] if timed else []), A, B, separator="\t")
    body[500] += "\t#* squeeze"
    found, row = read(tmp_path / "a.txt", [*head, *body])
    assert row["fs"] == FS
    assert_channels(found, {"EMG L": A, "EMG R": B})
    ((onset, duration, label, _),) = row["annotations"]
    assert (onset, duration, label) == (0.5, None, "squeeze")


@pytest.mark.parametrize(
    "text, fs", [("2,000", 2000.0), ("2.000", 2000.0), ("48.000", 48e3), ("74.074", 74.074)]
)
def test_rates_with_thousands_or_decimals(tmp_path, text, fs):
    plausible = contextlib.nullcontext() if fs > 100 else pytest.warns(RecordingWarning)
    with plausible:
        _, row = read(tmp_path / "a.txt", [f"Sampling rate: {text} Hz", "EMG [mV]", *rows(A)])
    assert row["fs"] == fs


def test_comments_of_labchart_keep_their_numbers_and_places_beside_a_slower_channel(tmp_path):
    head = ["Interval=\t0.001 s", "ChannelTitle=\tslow\tEMG", "Range=\t10.000 mV\t10.000 mV"]
    slow = [f"{b:.6f}" if i % 4 == 0 else "" for i, b in enumerate(B)]
    body = rows(T, slow, A, separator="\t")
    body[500] += "\t#* 10 kg lift\t#2 end"
    make.write_text(tmp_path / "a.txt", [*head, *body])
    table = read_recordings(tmp_path / "a.txt", subject="s")
    assert table["fs"].tolist() == [250.0, 1000.0]
    for marks in table["annotations"]:
        assert [(m.onset, m.label) for m in marks] == [(0.5, "10 kg lift"), (0.5, "end")]


PROGRAMS = {
    "PhysioBank": ["'Elapsed time','EMG'", "'hh:mm:ss.mmm','mV'",
                   *rows([f"'0:00:{t:06.3f}'" for t in T], A)],
    "BTS": ["Measure unit:\tV", "Frequency:\t1000 Hz", "Frames:\t1200", "",
            "Frame\tTime\tEMG", *rows(np.arange(N) + 1, T, A / 1e3, separator="\t", form="{:.9g}")],
    "Neurosoft": ["Частота: 1000 Гц", "Время, с\tEMG, мкВ", *rows(T, A * 1e3, separator="\t")],
    "one column": ["Sampling rate: 1000 Hz", "EMG [mV]", *rows(A)],
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_exports_of_further_programs(tmp_path, name):
    found, row = read(tmp_path / "a.txt", PROGRAMS[name])
    assert row["fs"] == FS
    assert_channels(found, {"EMG": A})


@pytest.mark.parametrize("k", [2, 5])
def test_a_slower_channel_that_was_filled_up_is_named(tmp_path, k):
    lines = ["time [s],EMG [mV]", *rows(T, np.repeat(A[::k], k))]
    with pytest.warns(RecordingWarning, match=rf"'EMG' repeats each sample {k} times.*fs / {k}"):
        read(tmp_path / "a.csv", lines)


def test_titles_that_are_numbers(tmp_path):
    found, _ = read(tmp_path / "a.csv", ["Time,1,2", *rows(T, A, B)], unit="mV")
    assert_channels(found, {"1": A, "2": B})


def test_muscles_that_sound_like_sensors(tmp_path):
    names = ["Add Mag", "Mag. adductor", "Temporalis", "R_Flexor_Carpi", "Accessory trapezius"]
    found, row = read(tmp_path / "a.csv", [
        ",".join(["time [s]", *(f"{n} [mV]" for n in names), "Mag X [uT]", "Mag 1.Y"]),
        *rows(T, *[A] * 7)])  # fmt: skip
    assert_channels(found, dict.fromkeys(names, A))
    assert [text.partition(" (")[2][:12] for text in row["skipped"][1:]] == ["magnetometer"] * 2


def test_processed_channels_are_named(tmp_path):
    lines = ["time [s],EMG raw [mV],EMG filtered [mV],EMG RMS [mV]", *rows(T, A, A, B)]
    with pytest.warns(RecordingWarning, match="'EMG filtered', 'EMG RMS'. indicate processed"):
        read(tmp_path / "a.csv", lines)
    found, _ = read(tmp_path / "a.csv", lines, channels=["EMG raw"])
    assert_channels(found, {"EMG raw": A})


def test_jumps_of_a_counter_are_named(tmp_path):
    counter = np.arange(N) % 128
    frames = np.repeat(np.arange(N // 4), 4)
    lines = ["Sample Index,Frame,EMG [mV]", *rows(counter, frames, A)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(tmp_path / "a.csv", lines, fs=FS)
    with pytest.warns(RecordingWarning, match="'Sample Index' jumps from 99 to 22 between") as seen:
        read(tmp_path / "a.csv", [*lines[:101], *lines[151:]], fs=FS)
    assert "the counter 'Frame' jumps from 24 to 37 between samples 99 and 100" in str(seen[0])


def test_a_counter_with_many_jumps_is_named_but_not_one_that_restarts(tmp_path):
    kept = np.flatnonzero(np.random.default_rng(0).random(N) > 0.1)
    lines = ["Sample,EMG [mV]", *rows(kept, A[kept], form="{:g}")]
    with pytest.warns(RecordingWarning, match="'Sample' jumps from .* and .* more"):
        read(tmp_path / "a.csv", lines, fs=FS)
    restarts = np.concatenate([np.arange(k) for k in np.resize([8, 10, 9], N // 9 + 1)])[:N]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(tmp_path / "a.csv", ["Sample,EMG [mV]", *rows(restarts, A)], fs=FS)


def test_rows_after_a_blank_line_are_refused(tmp_path):
    lines = ["time [s],EMG [mV]", *rows(T, A)]
    for k in (101, 901):
        with pytest.raises(ValueError, match=f"line {k + 1} is blank, but rows follow it"):
            read(tmp_path / "a.csv", [*lines[:k], "", *lines[k:]])


def test_a_file_that_ends_within_a_row_is_named(tmp_path):
    lines = ["time [s],EMG [mV],force [N]", *rows(T, A, B)]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines).rpartition(",")[0])
    with pytest.warns(RecordingWarning, match="it ends within a row, which is left out"):
        table = read_recordings(path, subject="a")
    assert table["signal"].iloc[0].shape[-1] == len(lines) - 2


def test_missing_labels_of_a_label_column(tmp_path):
    labels = np.repeat(["rest", "fist", "rest", "fist", ""], N // 5)
    lines = ["time [s],EMG [mV],label", *rows(T[: len(labels)], A[: len(labels)])]
    lines[1:] = [f"{line},{label}" for line, label in zip(lines[1:], labels)]
    _, row = read(tmp_path / "a.csv", lines)
    assert len(row["signal"]) == len(labels)


@pytest.mark.parametrize(
    "lines",
    [
        ["Frequency range: 10 - 500 Hz", "Rate: 1000 Hz"],
        ["Frequency: 10...500 Hz", "Frequency: 10–500 Hz", "Rate: 1000 Hz"],
        ["Repetition rate: 3 Hz", "Update frequency: 60 Hz", "Rate: 1000 Hz"],
    ],
    ids=["range", "dots and dash", "other rates"],
)
def test_frequencies_that_are_no_sampling_rates(tmp_path, lines):
    found, row = read(tmp_path / "a.csv", [*lines, "A [mV],B [mV]", *rows(A, B)])
    assert row["fs"] == FS
    assert_channels(found, {"A": A, "B": B})


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("titles", [["A", "B"], ["time", "A", "B"]], ids=["no time", "time"])
def test_row_numbers_without_a_title_as_r_writes_them(tmp_path, titles, quote):
    numbers = [f"{quote}{i + 1}{quote}" for i in range(N)]
    columns = [T, A, B] if "time" in titles else [A, B]
    lines = [
        " ".join(f"{quote}{t}{quote}" for t in titles),
        *rows(numbers, *columns, separator=" "),
    ]
    found, _ = read(
        tmp_path / "a.txt", lines, unit="mV", **({} if "time" in titles else {"fs": FS})
    )
    assert_channels(found, {"A": A, "B": B})


@pytest.mark.parametrize("cell", ["NAN", "-nan(ind)", "#N/A", "#NV", "1.#QNAN", "-NaN"])
def test_missing_samples_in_words_of_programs(tmp_path, cell):
    cells = [cell if i in (50, 51) else f"{v:.6f}" for i, v in enumerate(A)]
    with pytest.warns(RecordingWarning, match="'EMG' has 2 of 1200 samples that are missing"):
        found, _ = read(tmp_path / "a.csv", ["time [s],EMG [mV]", *rows(T, cells)])
    assert np.flatnonzero(np.isnan(found["EMG"])).tolist() == [50, 51]


def test_comments_in_few_rows_are_no_names_of_channels(tmp_path):
    comments = ["start" if i == 300 else "stop" if i == 900 else "" for i in range(N)]
    _, row = read(tmp_path / "a.csv", ["time [s],EMG [mV],Comment", *rows(T, A, comments)])
    assert [a.label for a in row["annotations"]] == ["start", "stop"]


@pytest.mark.parametrize(
    "lines, fs, is_told",
    [
        (["Original sampling rate: 4000 Hz", "Export sampling rate: 1000 Hz"], 4000, True),
        (["Sampling rate: 4000 Hz", "EMG sampling rate: 1000 Hz"], 1000, False),
        (["EMG sampling rate: 1000 Hz", "Sampling rate: 4000 Hz"], 1000, False),
        (["EMG 1 sampling rate: 1000 Hz", "EMG 2 sampling rate: 2000 Hz"], 2000, True),
        (["Sampling interval: 0.52 ms", "Sampling rate: 1925.926 Hz"], 1000 / 0.52, False),
        (["Sampling rate force: 100 Hz", "Sampling rate: 1000 Hz"], 1000, False),
    ],
)
def test_several_rates_in_the_header(tmp_path, lines, fs, is_told):
    told = pytest.warns(RecordingWarning, match="the header gives several sampling rates")
    with told if is_told else contextlib.nullcontext():
        _, row = read(tmp_path / "a.csv", [*lines, "A [mV],B [mV]", *rows(A, B)])
    assert row["fs"] == pytest.approx(fs, rel=1e-6)
    if is_told:
        with_times = ["time [s],A [mV],B [mV]", *rows(T * 1000 / fs, A, B)]
        read(tmp_path / "b.csv", [*lines, *with_times])


UNIT_ROWS = [f"{i + 1}\t{i // 10 + 1}\t{a:.6f}\t{b:.6f}" for i, (a, b) in enumerate(zip(A, B))]


@pytest.mark.parametrize("first", ["Units\t\tmV\tmV", "Unit:\t\tmV\tmV", "Einheit\t\tmV\tmV"])
def test_a_row_of_units_below_the_titles(tmp_path, first):
    lines = ["Rate\t1000", "Field #\tFrame\tEMG1\tEMG2", first, *UNIT_ROWS]
    found, row = read(tmp_path / "a.txt", lines)
    assert row["fs"] == FS
    assert_channels(found, {"EMG1": A, "EMG2": B})


@pytest.mark.parametrize(
    "title, kind",
    [
        ("Digi (Bit)", "trigger"),
        ("Ultium EMG.RT BICEPS Accel X (mG)", "accelerometer"),
        ("Ultium EMG.RT BICEPS Accel X", "accelerometer"),
        ("EMG 1: Gyro X (deg/sec)", "gyroscope"),
    ],
)
def test_channels_beside_the_emg_of_a_sensor(tmp_path, title, kind):
    found, row = read(tmp_path / "a.csv", [f"time [s],EMG [mV],{title}", *rows(T, A, B)])
    assert_channels(found, {"EMG": A})
    assert any(f"({kind}" in text for text in row["skipped"])


def test_sensors_above_titles_that_repeat(tmp_path):
    lines = [
        "Version:,1.7",
        "Avanti sensor 1 (81234),,Avanti sensor 2 (81235),",
        "sensor mode: 40,,sensor mode: 40,",
        "EMG 1 Time Series (s),EMG 1 (mV),EMG 1 Time Series (s),EMG 1 (mV)",
        "1000.0000 Hz,,1000.0000 Hz,",
        *rows(T, A, T, B),
    ]
    found, _ = read(tmp_path / "a.csv", lines)
    assert_channels(found, {"Avanti sensor 1 (81234) EMG 1": A, "Avanti sensor 2 (81235) EMG 1": B})
    found, _ = read(tmp_path / "b.csv", [",Left,Right", "t (s),EMG (mV),EMG (mV)", *rows(T, A, B)])
    assert_channels(found, {"Left EMG": A, "Right EMG": B})
