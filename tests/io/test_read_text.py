"""Text exports of devices: names, rates, units, labels and their faults."""

import datetime as dt
import lzma

import device_files as make
import numpy as np
import pytest

from sklearn_emg.datasets import load_annotations
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.io import describe_file, read_recordings
from sklearn_emg.recordings import segments_from_events


def channels(table):
    """Rate and samples of each channel, by name."""
    return {
        name: (fs, values)
        for signal, fs, names in zip(table["signal"], table["fs"], table["channel_names"])
        for name, values in zip(names, np.atleast_2d(signal))
    }


def check(table, truth, fs, tolerance=0.01):
    found = channels(table)
    assert set(truth) == set(found)
    for name, x in truth.items():
        rate, values = found[name]
        assert rate == pytest.approx(fs, rel=1e-6)
        assert len(values) == len(x)
        assert values.std() == pytest.approx(x.std(), rel=tolerance)
    assert (table["unit"] == "mV").all()


pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("head", [True, False])
def test_sensors_of_emgworks_keep_their_own_rates(tmp_path, head):
    truth, fs, slow = make.emgworks(tmp_path / "a.csv", head)
    table = read_recordings(tmp_path / "a.csv", subject="s", aux=True)
    check(table, truth, fs)
    (acc,) = table["aux"].iloc[0]
    assert (acc.kind, acc.unit) == ("accelerometer", "g")
    assert acc.fs == pytest.approx(slow, rel=1e-6)
    assert any("accelerometer" in text for text in table["skipped"].iloc[0])


@pytest.mark.parametrize("separator, unit", [(";", "uV"), ("\t", "mV")])
def test_noraxon_activities_and_markers_become_annotations(tmp_path, separator, unit):
    truth, fs, switch, marker = make.noraxon(tmp_path / "a.txt", separator, unit=unit)
    table = read_recordings(tmp_path / "a.txt", subject="s")
    check(table, truth, fs)
    rest, squat, beep = table["annotations"].iloc[0]
    assert (rest.label, squat.label, beep.label) == ("Rest", "Squat", "Beep")
    assert squat.onset == pytest.approx(switch)
    assert rest.duration == pytest.approx(switch)
    assert beep.duration is None
    assert beep.onset == pytest.approx(marker)


@pytest.mark.parametrize("titles", [True, False])
def test_openbci_index_accelerometer_and_clock_are_no_emg(tmp_path, titles):
    truth, fs = make.openbci(tmp_path / "a.txt", titles)
    table = read_recordings(tmp_path / "a.txt", subject="s", format="text")
    check(table, truth, fs)
    if titles:
        assert table["start_time"].iloc[0].replace(tzinfo=None) == dt.datetime(
            2020, 9, 13, 12, 26, 40
        )


@pytest.mark.parametrize("trajectories_first", [True, False])
def test_vicon_devices_are_read_and_a_dead_input_is_named(tmp_path, trajectories_first):
    truth, fs = make.vicon(tmp_path / "a.csv", trajectories_first=trajectories_first)
    with pytest.warns(RecordingWarning, match=r"a\.csv: 'IM EMG2' is constant"):
        table = read_recordings(tmp_path / "a.csv", subject="s")
    check(table, truth, fs)
    assert any("Trajectories" in text for text in table["skipped"].iloc[0])
    one = read_recordings(tmp_path / "a.csv", subject="s", channels=["im emg1"])
    assert one["signal"].iloc[0].ndim == 1


def csv(path, lines, **how):
    return make.write_text(path, lines, **how)


X = make.emg(1500, 1000.0, 0.1, 5)


@pytest.mark.parametrize(
    "title, encoding, newline, separator, comma",
    [
        ("EMG [mV]", "utf-8", "\n", ",", False),
        ("EMG (mV)", "utf-8-sig", "\r\n", ";", True),
        ("EMG [mV]", "utf-16", "\r\n", "\t", True),
        ("Gerät EMG (mV)", "cp1252", "\r\n", ";", True),
        ("EMG_mV", "utf-8", "\n", "  ", False),
        ("EMG/mV", "utf-8", "\n", "|", False),
    ],
)
def test_separators_decimal_signs_and_encodings(
    tmp_path, title, encoding, newline, separator, comma
):
    if separator == "  ":
        title = title.replace(" ", "")
    rows = [f"{i / 1000:.4f}{separator}{v:.6f}" for i, v in enumerate(X)]
    rows = [r.replace(".", ",") for r in rows] if comma else rows
    first = "Zeit[s]" if separator == "  " else "Zeit [s]"
    path = csv(tmp_path / "a.txt", [f"{first}{separator}{title}", *rows], encoding=encoding,
               newline=newline)  # fmt: skip
    table = read_recordings(path, subject="s")
    ((rate, values),) = channels(table).values()
    assert rate == 1000.0
    np.testing.assert_allclose(values, X, atol=1e-6)
    assert describe_file(path).details["decimal sign"] == ("," if comma else ".")


@pytest.mark.parametrize(
    "unit, factor", [("uV", 1e3), ("µV", 1e3), ("\u03bcV", 1e3), ("V", 1e-3), ("mV", 1.0)]
)
def test_units_of_titles_and_of_a_row_below(tmp_path, unit, factor):
    rows = [f"{i / 1000:.3f},{v * factor:.9f}" for i, v in enumerate(X)]
    for head in ([f"time (s),flexor [{unit}]"], ["time,flexor", f"s,{unit}"],
                 [f"Units,{unit}", "time (s),flexor"]):  # fmt: skip
        path = csv(tmp_path / "a.csv", [*head, *rows])
        table = read_recordings(path, subject="s")
        assert table["channel_names"].iloc[0] == ("flexor",)
        assert table["signal"].iloc[0].std() == pytest.approx(0.1, rel=0.01)


def test_label_column_becomes_segments_and_no_channel(tmp_path):
    labels = np.repeat([0, 1, 0, 2, 0], 300)
    rows = [f"{i / 1000:.3f},{v:.6f},{k}" for i, (v, k) in enumerate(zip(X, labels))]
    path = csv(tmp_path / "a.csv", ["time (s),flexor [mV],label", *rows])
    table = read_recordings(path, subject="s")
    assert table["channel_names"].iloc[0] == ("flexor",)
    segments = segments_from_events(table)
    assert segments["label"].tolist() == [0, 1, 0, 2, 0]
    np.testing.assert_allclose(segments["start"], [0, 0.3, 0.6, 0.9, 1.2])


def armband(rng, labels):
    scale = np.where(labels == labels[0], 2, 20)
    return np.rint(scale * rng.normal(size=(8, len(labels)))).clip(-128, 127).astype(int)


def test_armband_without_titles_asks_for_rate_and_unit(tmp_path):
    labels = np.repeat([0, 1, 0, 2, 0], 400)
    values = armband(np.random.default_rng(0), labels)
    rows = [",".join(map(str, [*v, k])) for v, k in zip(values.T, labels)]
    path = csv(tmp_path / "a.csv", rows)
    with pytest.raises(ValueError, match=r"a\.csv does not give its sampling rate; pass fs"):
        read_recordings(path, subject="s")
    with pytest.raises(ValueError, match=r"a\.csv.*no unit.*unit='counts'"):
        read_recordings(path, subject="s", fs=200.0)
    table = read_recordings(path, subject="s", fs=200.0, unit="counts")
    np.testing.assert_array_equal(table["signal"].iloc[0], values)
    assert table["unit"].iloc[0] == "counts"
    assert [a.label for a in table["annotations"].iloc[0]] == [0, 1, 0, 2, 0]
    np.testing.assert_allclose(
        read_recordings(path, subject="s", fs=200.0, unit="counts", gain=4.0)["signal"].iloc[0],
        values / 4,
    )
    with pytest.raises(ValueError, match=r"'gain' of read_recordings.*requires unit='counts'"):
        read_recordings(path, subject="s", fs=200.0, unit="mV", gain=4.0)


def test_labels_that_lag_behind_the_activity_are_warned_of(tmp_path):
    labels = np.repeat(["rest", "fist", "rest", "spread", "rest", "fist", "rest"], 400)
    values = armband(np.random.default_rng(1), labels)
    for shift in (0, 120, -120):
        late = np.roll(labels, shift)
        rows = [f"{1700000000000 + 5 * i}," + ",".join(map(str, v)) + f",{k}"
                for i, (v, k) in enumerate(zip(values.T, late))]  # fmt: skip
        head = "timestamp," + ",".join(f"emg{i}" for i in range(8)) + ",gesture"
        path = csv(tmp_path / "a.csv", [head, *rows])
        if shift == 0:
            table = read_recordings(path, subject="s", unit="counts")
            assert table["fs"].iloc[0] == 200.0
            continue
        way = "late" if shift > 0 else "early"
        with pytest.warns(RecordingWarning, match=f"'gesture' are 0.6 s {way}"):
            read_recordings(path, subject="s", unit="counts")


def test_numbers_without_titles_ask_for_their_unit(tmp_path):
    x = [make.emg(900, 1000.0, 0.2, k) for k in range(3)]
    rows = ["\t".join(f"{v[i] * 1e3:.0f}" for v in x) for i in range(900)]
    path = csv(tmp_path / "log.txt", rows, newline="\r\n")
    table = read_recordings(path, subject="s", fs=1000.0, unit="uV")
    assert table["channel_names"].iloc[0] == ("column 1", "column 2", "column 3")
    np.testing.assert_allclose(table["signal"].iloc[0], x, atol=6e-4)


def test_goniometer_that_ends_earlier_leaves_no_gap_in_the_emg(tmp_path):
    lines = ["File:\ttrial", "Sample rate:\t1000", "Units:\tmV\tdeg", "", "RF\tknee"]
    lines += [f"{v:.6f}\t{30 + i % 9:.1f}" if i < 1490 else f"{v:.6f}\t" for i, v in enumerate(X)]
    table = read_recordings(csv(tmp_path / "a.txt", lines, newline="\r\n"), subject="s", aux=True)
    assert table["signal"].iloc[0].shape == (1500,)
    assert np.isfinite(table["signal"].iloc[0]).all()
    (angle,) = table["aux"].iloc[0]
    assert (angle.kind, len(angle.values)) == ("goniometer", 1490)


def test_jitter_is_averaged_and_a_gap_is_named_and_kept(tmp_path):
    t = np.arange(1500) / 1000 + np.random.default_rng(3).normal(scale=1e-5, size=1500)
    t[800:] += 0.25
    rows = [f"{a:.6f};{v:.6f}".replace(".", ",") for a, v in zip(t, X)]
    path = csv(tmp_path / "a.csv", ["Temps (s);EMG (mV)", *rows])
    with pytest.warns(RecordingWarning, match=r"1 gap: 0\.251 s between samples 799 and 800"):
        table = read_recordings(path, subject="s")
    assert table["fs"].iloc[0] == 1000.0
    assert [a.source for a in table["annotations"].iloc[0]] == ["gap"]


def test_strong_jitter_is_reported(tmp_path):
    t = np.arange(1500) / 1000 + np.random.default_rng(3).normal(scale=2e-4, size=1500)
    path = csv(tmp_path / "a.csv", ["t [s],EMG [mV]", *(f"{a:.6f},{v}" for a, v in zip(t, X))])
    with pytest.warns(RecordingWarning, match=r"jitter of 0\.196 ms"):
        read_recordings(path, subject="s")


@pytest.mark.parametrize(
    "times, fs",
    [
        (lambda i: f"{i / 1000:.3f}", 1000.0),
        (lambda i: f"{i}", 1000.0),  # ms, named so
        (
            lambda i: f"10:59:{59 + i / 2048:09.6f}" if i < 2048 else f"11:00:{i / 2048 - 1:09.6f}",
            2048,
        ),
        (lambda i: f"2024-02-03 10:00:{i / 500:09.6f}", 500.0),
    ],
)
def test_time_stamps_of_several_kinds(tmp_path, times, fs):
    title = "time [ms]" if times(7) == "7" else "time"
    path = csv(
        tmp_path / "a.csv", [f"{title},EMG [mV]", *(f"{times(i)},{v}" for i, v in enumerate(X))]
    )
    assert read_recordings(path, subject="s")["fs"].iloc[0] == pytest.approx(fs, rel=1e-6)


def test_wrong_unit_is_warned_of_and_can_be_corrected(tmp_path):
    rows = [f"{i / 1000:.3f},{v * 1e3:.4f}" for i, v in enumerate(X)]
    path = csv(tmp_path / "a.csv", ["Time [s],EMG [mV]", *rows])
    with pytest.warns(RecordingWarning, match="RMS of 100 mV.*unit='uV'"):
        read_recordings(path, subject="s")
    with pytest.warns(RecordingWarning, match="'uV' was given, but the file says 'mV'"):
        table = read_recordings(path, subject="s", unit="uV")
    assert table["signal"].iloc[0].std() == pytest.approx(0.1, rel=0.01)
    rows = [f"{i / 1000:.3f},{v * 1e-3:.9f}" for i, v in enumerate(X)]
    path = csv(tmp_path / "b.csv", ["Time [s],EMG [mV]", *rows])
    with pytest.warns(RecordingWarning, match="less than the noise of an amplifier"):
        read_recordings(path, subject="s")


def test_rate_against_time_stamps_is_refused_and_can_be_settled(tmp_path):
    rows = [f"{i / 1000:.3f},{v:.6f}" for i, v in enumerate(X)]
    path = csv(tmp_path / "a.csv", ["Sampling rate (Hz),2000", "Time [s],EMG [mV]", *rows])
    with pytest.raises(ValueError, match=r"2000 Hz according to the header and 1000 Hz"):
        read_recordings(path, subject="s")
    assert describe_file(path).channels["fs"].tolist() == [2000.0]
    assert [text for text in describe_file(path).asks if text.startswith("fs=")] == [
        "fs=...: the header gives 2000 Hz, and the time stamps 1000 Hz"
    ]
    with pytest.warns(RecordingWarning, match="fs=1000 Hz was given"):
        table = read_recordings(path, subject="s", fs=1000.0)
    assert table["fs"].iloc[0] == 1000.0


def test_transposed_text_is_refused(tmp_path):
    path = csv(tmp_path / "a.csv", [",".join(f"{v:.4f}" for v in X[k::4]) for k in range(4)])
    with pytest.raises(ValueError, match=r"a\.csv has 4 rows and 375 columns: it looks transposed"):
        read_recordings(path, subject="s", fs=1000.0, unit="mV")


FIFTY = b"t [s],EMG [mV]\n" + b"".join(b"0.%03d,1.0\n" % i for i in range(50))


@pytest.mark.parametrize(
    "content, match",
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\r\n\r\n", "is empty"),
        (b"\xff\xfe", "is empty"),
        (b"nothing but words\nin a few lines\n", "no rows of numbers"),
        (b"time,EMG\n0.1,1\n0.2,2\n", "has 2 rows"),
        (b"PK\x03\x04" + bytes(100), "archive"),
        (bytes(range(256)) * 20, "NUL bytes|no rows"),
        (FIFTY + b"x;y\n0.1,2\n0.2,1\n", "line 52 is not a row"),
        (FIFTY + b"0.050,oops\n", "row 51 of the table has 'oops'"),
    ],
)  # fmt: skip
def test_damaged_text_is_an_error_that_names_the_file(tmp_path, content, match):
    path = tmp_path / "broken.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"broken\.csv.*(?:{match})"):
        read_recordings(path, subject="s")


def test_missing_subject_is_refused_and_a_function_of_the_name_helps(tmp_path):
    rows = [f"{i / 1000:.3f},{v:.6f}" for i, v in enumerate(X)]
    for name in ("ana_1", "ben_1"):
        csv(tmp_path / f"{name}.csv", ["t [s],EMG [mV]", *rows])
    paths = sorted(tmp_path.glob("*.csv"))
    with pytest.raises(ValueError, match=r"ana_1\.csv does not name its subject"):
        read_recordings(paths[0])
    with pytest.raises(ValueError, match="cannot read 2 of 2 files"):
        read_recordings(paths)
    table = read_recordings(paths, subject=lambda name: name[:3], muscle=["biceps", "triceps"])
    assert table["subject"].tolist() == ["ana", "ben"]
    assert table["muscle"].tolist() == ["biceps", "triceps"]
    with pytest.raises(ValueError, match="3 values for 2 files"):
        read_recordings(paths, subject=["a", "b", "c"])
    with pytest.raises(ValueError, match="has no channel 'EMG 9'; the channels are 'EMG'"):
        read_recordings(paths[0], subject="s", channels=["EMG 9"])
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        read_recordings(tmp_path / "none.csv", subject="s")


def test_describe_says_what_is_open(tmp_path):
    path = csv(tmp_path / "a.csv", [f"{v:.4f},{-v:.4f}" for v in X])
    text = str(describe_file(path))
    assert "a.csv: text" in text
    for asked in ("fs=...", "unit=...", "subject=..."):
        assert asked in text


def test_text_with_fewer_rows_than_announced_is_truncated(tmp_path):
    for name, write in (("a.txt", make.noraxon), ("b.csv", make.emgworks)):
        write(tmp_path / name)
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(ValueError, match=rf"{name[0]}\.\w+ announces .* it is truncated"):
            read_recordings(tmp_path / name, subject="s")


def test_row_that_was_cut_is_left_out(tmp_path):
    rows = "\n".join(f"{i / 1000:.3f},{v:.6f},{v:.6f}" for i, v in enumerate(X))
    path = tmp_path / "a.csv"
    path.write_text("t [s],a [mV],b [mV]\n" + rows[:-12])
    with pytest.warns(RecordingWarning, match="it ends within a row, which is left out"):
        table = read_recordings(path, subject="s")
    assert table["signal"].iloc[0].shape == (2, 1499)


def test_head_of_labchart(tmp_path):
    lines = ["Interval=\t0.001 s", "ExcelDateTime=\t4.5e4", "TimeFormat=\tStartOfBlock",
             "ChannelTitle=\tEMG left\tForce", "Range=\t2.000 mV\t100.0 N"]  # fmt: skip
    lines += [f"{i / 1000:.3f}\t{v:.6f}\t{5 + i % 3}" for i, v in enumerate(X)]
    table = read_recordings(csv(tmp_path / "a.txt", lines), subject="s", aux=True)
    assert table["channel_names"].iloc[0] == ("EMG left",)
    assert table["fs"].iloc[0] == 1000.0
    assert [a.kind for a in table["aux"].iloc[0]] == ["force"]


def test_head_of_acqknowledge(tmp_path):
    lines = ["trial.acq", "0.5 msec/sample", "2 channels", "EMG", "mV", "Kraft", "N"]
    lines += ["sec,CH1,CH2", ",mV,N"]
    lines += [f"{i / 2000:.4f},{v:.6f},{5 + i % 3}" for i, v in enumerate(X)]
    table = read_recordings(csv(tmp_path / "a.csv", lines), subject="s")
    assert table["channel_names"].iloc[0] == ("CH1",)
    assert table["fs"].iloc[0] == 2000.0


def test_voltages_of_a_force_plate_are_no_emg(tmp_path):
    lines = ["Devices", "1000", ",,EMG - Voltage,,Plate 1 - Raw", "Frame,Sub Frame,1,2,Pin_1",
             ",,V,V,V"]  # fmt: skip
    lines += [f"{1 + i // 10},{i % 10},{v / 1e3:.8f},{-v / 1e3:.8f},0.5" for i, v in enumerate(X)]
    table = read_recordings(csv(tmp_path / "a.csv", lines), subject="s")
    assert table["channel_names"].iloc[0] == ("1", "2")


@pytest.mark.parametrize(
    "rate, title",
    [
        ("Abtastrate [Hz];1000", "Zeit [s];EMG [mV]"),
        ("Fréquence d'échantillonnage;1000 Hz", "EMG (mV)"),
        ("Frecuencia de muestreo (kHz);1", "Tiempo (s);EMG (mV)"),
        ("Frequenza di campionamento;1000,0", "Tempo (s);EMG (mV)"),
        ("Sampling interval (ms);1", "EMG (mV)"),
        ("Low-pass filter frequency;450", "Time (s);EMG (mV)"),
    ],
)
def test_heads_in_other_languages(tmp_path, rate, title):
    timed = title.count(";")
    rows = [f"{i / 1000:.3f};{v:.6f}" if timed else f"{v:.6f}" for i, v in enumerate(X)]
    rows = [r.replace(".", ",") for r in rows]
    path = csv(tmp_path / "a.txt", ["Name;Versuch 1", rate, "", title, *rows], encoding="cp1252")
    table = read_recordings(path, subject="s")
    assert table["fs"].iloc[0] == 1000.0
    assert table["signal"].iloc[0].std() == pytest.approx(0.1, rel=0.01)


def test_head_of_datalog_with_a_damaged_angle(tmp_path):
    lines = ["File Name: walk.log"]
    lines += [
        f"Channel {k}: '{name}', {n} values, engineering units: {unit}, no filters."
        for k, (name, n, unit) in enumerate([("Recto", 1500, "mV"), ("Flexion", 1510, "deg")])
    ]
    lines += (
        [""] + [f"{v:.6f}\t{i % 70}" for i, v in enumerate(X)] + ["\t7.5", "\t7.5V"] + ["\t7"] * 8
    )
    path = csv(tmp_path / "a.txt", lines, newline="\r\n")  # fmt: skip
    with pytest.warns(RecordingWarning, match=r"row 1502 .*'7\.5V' in the column 'Flexion'"):
        table = read_recordings(path, subject="s", fs=1000.0)
    assert table["channel_names"].iloc[0] == ("Recto",)
    np.testing.assert_allclose(table["signal"].iloc[0], X, atol=1e-6)
    assert "Biometrics DataLOG" in str(describe_file(path))


def test_all_samples_in_one_line(tmp_path):
    path = tmp_path / "a.asc"
    path.write_text("  " + "   ".join(f"{v * 1e3:.4f}" for v in X) + "   ")
    table = read_recordings(path, subject="s", fs=1000.0, unit="uV")
    np.testing.assert_allclose(table["signal"].iloc[0], X, atol=1e-6)


def test_rates_below_the_titles_and_pairs_in_comments(tmp_path):
    rows = [f"{i / 1000:.4f},{v:.6f}" for i, v in enumerate(X)]
    path = csv(tmp_path / "a.csv", ["EMG 1 Time Series (s),EMG 1 (mV)", "1000 Hz,", *rows])
    assert read_recordings(path, subject="s")["channel_names"].iloc[0] == ("EMG 1",)
    rows = [f"{v:.6f},{-v:.6f}" for v in X]
    path = csv(tmp_path / "b.csv", ["# fs: 1000 Hz, device A", "a (mV),b (mV)", *rows])
    assert read_recordings(path, subject="s")["fs"].iloc[0] == 1000.0


def test_one_row_per_channel_with_a_name_first_is_refused(tmp_path):
    path = csv(tmp_path / "a.csv", [f"emg{k}," + ",".join(map(str, X)) for k in range(2)])
    with pytest.raises(ValueError, match="it looks transposed"):
        read_recordings(path, subject="s", fs=1000.0, unit="mV")


def test_real_files_of_datalog_and_of_one_line(real_data, tmp_path):
    table = read_recordings(
        sorted((real_data / "lower_limb" / "A_TXT").glob("1A*.txt")), subject="1A", fs=1000.0
    )
    assert table["channel_names"].iloc[0] == (
        "Recto Femoral",
        "Biceps Femoral",
        "Vasto Medial",
        "EMG Semitendinoso",
    )
    assert all("Flexo-Extension" in skipped[-1] for skipped in table["skipped"])
    packed = next((real_data / "algiers" / "01_Deltoid" / "Healthy").glob("*.xz"))
    (tmp_path / "a.asc").write_bytes(lzma.decompress(packed.read_bytes()))
    needle = read_recordings(tmp_path / "a.asc", subject="1", fs=32768.0, unit="uV")
    assert needle["signal"].iloc[0].size == pytest.approx(5 * 32768, abs=2)
    assert 0.01 < needle["signal"].iloc[0].std() < 3


def test_annotation_files_become_segments(real_data):
    events = load_annotations(real_data / "n2001" / "N2001A01BB02.eaf").events
    segments = segments_from_events(events[events["unit"] == 1], window=(-0.01, 0.015))
    assert set(segments["label"]) == {1}
    np.testing.assert_allclose(segments["stop"] - segments["start"], 0.025)


def test_a_folder_in_place_of_a_file_is_refused_with_the_remedy(tmp_path):
    for read in (describe_file, read_recordings):
        with pytest.raises(ValueError, match=r"is a folder.*read_folder"):
            read(tmp_path)
