"""Faults of exports that are told with their place and remedy, and unusual forms that are read."""

import json
import re
import warnings

import device_files as make
import numpy as np
import pandas as pd
import pytest

from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.io import read_recordings

N, FS = 1200, 1000.0
A, B = (np.round(make.emg(N, FS, rms, seed), 6) for seed, rms in ((1, 0.1), (2, 0.25)))
T = np.arange(N) / FS
HEAD = "time [s],biceps [mV],triceps [mV]"


def rows(*columns, separator=","):
    cells = [[c if isinstance(c, str) else f"{c:.6f}" for c in row] for row in zip(*columns)]
    return [separator.join(row) for row in cells]


ROWS = rows(T, A, B)


def told(path, **arguments):
    """Texts of the error and the warnings of reading, which have to be clear ones."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            read_recordings(path, **({"subject": "s"} | arguments))
            error = ""
        except ValueError as caught:
            error = str(caught)
    assert all(issubclass(w.category, RecordingWarning) for w in seen)
    return "\n".join([error, *(str(w.message) for w in seen)])


def assert_read(path, truth, fs=FS, atol=1e-5, **arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = read_recordings(path, **({"subject": "s"} | arguments))
    found = {}
    for signal, rate, names in zip(table["signal"], table["fs"], table["channel_names"]):
        assert rate == pytest.approx(fs, rel=1e-7)
        found.update(zip(names, np.atleast_2d(signal)))
    assert list(found) == list(truth)
    for name, x in truth.items():
        np.testing.assert_allclose(found[name], x, atol=atol)
    return table


def text(tmp_path, lines, encoding="utf-8", end="\n"):
    path = tmp_path / "a.csv"
    path.write_bytes(("\n".join(lines) + end).encode(encoding))
    return path


GROUPED = [f"{t:.3f};{a:.0f}".replace(".", ",") for t, a in zip(T, A * 1e6)]


@pytest.mark.parametrize(
    "lines",
    [
        ["time [s],EMG [nV]", *(f'{t:.3f},"{a:,.0f}"' for t, a in zip(T, A * 1e6))],
        ["time [s]\tEMG [nV]", *(f"{t:.3f}\t{a:,.0f}" for t, a in zip(T, A * 1e6))],
        ["time [s];EMG [nV]", *(f"{t:.3f}".replace(".", ",") + f";{a:,.0f}".replace(",", ".")
                                for t, a in zip(T, A * 1e6))],
        ["time [s],EMG [mV]", *(f"{t:.6E},{a:.9E}".replace("E", "D") for t, a in zip(T, A))],
    ],
    ids=["quoted", "comma", "point", "Fortran"],
)  # fmt: skip
def test_integers_with_thousands_and_exponents_of_fortran(tmp_path, lines):
    assert_read(text(tmp_path, lines), {"EMG": A})


@pytest.mark.parametrize("rate", ["1 kS/s", "1000 S/s", "1 kSPS", "0.001 MHz", "1,000 Sa/s"])
def test_rates_in_samples_per_second(tmp_path, rate):
    lines = [f"Sampling rate: {rate}", "biceps [mV],triceps [mV]", *rows(A, B)]
    assert_read(text(tmp_path, lines), {"biceps": A, "triceps": B})


@pytest.mark.parametrize("end", [ROWS[-1][:-1], ROWS[-1][:-3], "1.199000,0.1"])
def test_a_last_number_with_fewer_digits_is_cut(tmp_path, end):
    path = text(tmp_path, [HEAD, *ROWS[:-1], end], end="")
    assert "ends within a row, which is left out" in told(path)


def test_a_whole_last_row_without_a_line_break_is_kept(tmp_path):
    assert_read(text(tmp_path, [HEAD, *ROWS], end=""), {"biceps": A, "triceps": B})


@pytest.mark.parametrize(
    "lines, arguments, words",
    [
        ([HEAD, *(f"{t:.4f},{a}," for t, a in zip(T, A))], {}, "column 'triceps' has no values"),
        (["a [mV],b [mV]", *rows(A, B)[:600], *rows(A, B)[300:]], {"fs": FS},
         "300 samples from sample 300 on are repeated from sample 600"),
        (["a [mV],b [mV]", *rows(A, A)], {"fs": FS}, "'b' has the same samples as 'a'"),
        (["subject,emg [mV]", *(f"S{1 + i // 600},{a}" for i, a in enumerate(A))], {"fs": FS},
         r"rows of 2 subjects in the column 'subject' \(S1, S2\)"),
        (["patient id,emg [mV],b [mV]", *(f"{1 + i // 600},{r}" for i, r in enumerate(rows(A, B)))],
         {"fs": FS}, r"rows of 2 subjects in the column 'patient id' \(1, 2\)"),
        (["trial,emg [mV],b [mV]", *(f"{1 + i // 400},{r}" for i, r in enumerate(rows(A, B)))],
         {"fs": FS}, "column 'trial' has 3 values, and there are no time stamps"),
        (["type;begin_time;frequency;count;record_name", "record;0;1000;1000;X", "",
          "time;emg (mV)", *rows(T, A, separator=";")], {}, "announces 1000 samples.* 1200 rows"),
        ([HEAD, *ROWS], {"subject": float("nan")}, "does not name its subject"),
        ([HEAD, *ROWS], {"subject": " "}, "does not name its subject"),
        (["Subject: unknown", HEAD, *ROWS], {"subject": None}, "'unknown' of a subject looks like"),
        (["time,emg", *rows(T, A * 1e6)], {"unit": "uV"}, "pass unit='nV'"),
        (["time,emg", *rows(T, A * 1e3)], {"unit": "V"}, "pass unit='mV'"),
        (["time,emg [uV]", *rows(T, A)], {}, "pass unit='mV'"),
        (["time,emg", *rows(T, A * 1e6)], {"unit": "counts", "gain": 10}, "unit and the gain"),
    ],
)  # fmt: skip
def test_faults_of_text(tmp_path, lines, arguments, words):
    assert re.search(words, told(text(tmp_path, lines), **arguments))


def test_periodic_signals_are_no_repeated_blocks(tmp_path):
    sine = np.round(0.1 * np.sin(2 * np.pi * 50 * T), 6)
    assert_read(text(tmp_path, ["time [s],a [mV]", *rows(T, sine)]), {"a": sine})


@pytest.mark.parametrize("encoding", ["gb18030", "cp1251"])
def test_titles_in_another_encoding_are_told(tmp_path, encoding):
    title = {"gb18030": "肱二头肌", "cp1251": "Бицепс"}[encoding]
    path = text(tmp_path, [f"time [s],{title} [mV]", *rows(T, A)], encoding)
    assert "names may be wrong; save the file as UTF-8" in told(path)


def test_a_column_with_one_subject_names_it(tmp_path):
    lines = ["subject,time [s],emg [mV]", *rows(["P7"] * N, T, A)]
    table = assert_read(text(tmp_path, lines), {"emg": A}, subject=None)
    assert table["subject"].tolist() == ["P7"]


@pytest.mark.parametrize("n", [1, 2])
def test_visual3d(tmp_path, n):
    names, signals = ["TIME", "TA", "GM"][: n + 1], [T, A, B][: n + 1]
    head = [["a.c3d"] * (n + 1), names, ["FRAME_NUMBERS", *["ANALOG"] * n],
            ["ORIGINAL"] * (n + 1)]  # fmt: skip
    lines = ["\t" + "\t".join(row) for row in head]
    lines += ["\t".join(["ITEM", *["X"] * (n + 1)])]
    lines += rows([str(i + 1) for i in range(N)], *signals, separator="\t")
    path = text(tmp_path, lines)
    assert_read(path, dict(zip(names[1:], signals[1:])), unit="mV")
    assert "pass unit='uV', 'mV' or 'V'" in told(path)


@pytest.mark.parametrize("subjects", [iter, dict.fromkeys, lambda s: {k: k for k in s}.values()])
def test_subjects_of_iterators_and_views(tmp_path, subjects):
    paths = []
    for k in range(2):
        paths.append(tmp_path / f"{k}.csv")
        make.write_text(paths[-1], [HEAD, *ROWS])
    names = subjects(["a", "b"])
    names = names.keys() if isinstance(names, dict) else names
    assert read_recordings(paths, subject=names)["subject"].tolist() == ["a", "b"]


def edf(path, signals, seconds="0.2", reserved="", announced=None, onsets=None, notes=(), end=b""):
    """An EDF file written by hand; `signals` are (label, physical range, digital range, uV)."""
    n_times, parts = 200, []
    n_records = N // n_times
    for label, physical, digital, x in signals:
        gain = (physical[1] - physical[0]) / (digital[1] - digital[0] or 1)
        stored = np.rint((x - physical[0]) / (gain or 1) + digital[0]).astype("<i2")
        blocks = [stored[i * n_times : (i + 1) * n_times].tobytes() for i in range(n_records)]
        parts.append((label, "uV", physical, digital, n_times, blocks))
    if onsets is not None:
        lists = ["" if t is None else f"+{t}\x14\x14\0" for t in onsets]
        lists[0] += "".join(f"+{t}\x15{d}\x14{label}\x14\0" for t, d, label in notes)
        blocks = [text.encode().ljust(120, b"\0") for text in lists]
        parts.append(("EDF Annotations", "", (-1, 1), (-32768, 32767), 60, blocks))
    n = len(parts)
    values = ["0", "X X X X", "Startdate X X X X", "02.01.2403.04.05", 256 * (n + 1), reserved,
              n_records if announced is None else announced, seconds, n]  # fmt: skip
    head = [(value, width) for value, width in zip(values, (8, 80, 80, 16, 8, 44, 8, 8, 4))]
    head += [(p[0], 16) for p in parts] + [("", 80)] * n + [(p[1], 8) for p in parts]
    head += [(p[k][i], 8) for k in (2, 3) for i in (0, 1) for p in parts]
    head += [("", 80)] * n + [(p[4], 8) for p in parts] + [("", 32)] * n
    content = b"".join(str(value).encode().ljust(width) for value, width in head)
    content += b"".join(p[5][i] for i in range(n_records) for p in parts)
    path.write_bytes(content + end)
    return path


WIDE, FULL = (-1000, 1000), (-32768, 32767)
A_UV = ("a", WIDE, FULL, A * 1e3)
B_UV = ("b", WIDE, FULL, B * 1e3)
EVEN = [round(0.2 * i, 1) for i in range(6)]


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"end": b"\0" * 300}, "ends with 300 bytes that are no complete data record"),
        ({"end": b"\0" * 300, "announced": -1}, "ends with 300 bytes that are no complete"),
        ({"announced": 4}, "announces 4 data records but the file has 6"),
        ({"announced": 8}, "announces 8 data records .* it is truncated"),
        ({"reserved": "EDF+D"}, r"interruptions \(EDF\+D\), but only 0 of 6 data records"),
        ({"reserved": "EDF+D", "onsets": [*EVEN[:2], None, *EVEN[3:]]}, "only 5 of 6 data records"),
        ({"reserved": "EDF+D", "onsets": [*EVEN[:3], 5, 5.2, 5.4]}, "1 interruption of 4.4 s"),
        ({"seconds": "0"}, "does not give its sampling rate; pass fs="),
    ],
)
def test_faults_of_edf(tmp_path, arguments, words):
    assert re.search(words, told(edf(tmp_path / "a.edf", [A_UV, B_UV], **arguments)))


def test_empty_ranges_and_samples_outside_the_range_of_edf(tmp_path):
    unused = ("b", (0, 0), FULL, 0 * B)
    with pytest.warns(RecordingWarning, match="range of 'b' is empty .* left out"):
        found = read_recordings(edf(tmp_path / "a.edf", [A_UV, unused]), subject="s")
    assert found["channel_names"].tolist() == [("a",)]
    temperature = ("Temp", (0, 0), FULL, 0 * B)
    assert_read(edf(tmp_path / "b.edf", [A_UV, temperature]), {"a": A}, atol=2e-5)
    assert "range of 'b' is empty" in told(edf(tmp_path / "c.edf", [unused]))
    narrow = ("a", (-50, 50), (-2048, 2047), A * 1e3)
    words = r"'a' has \d+ of 1200 samples outside the range .* -50 to 50 uV"
    assert re.search(words, told(edf(tmp_path / "d.edf", [narrow])))


def test_swapped_ranges_and_given_rates_of_edf(tmp_path):
    swapped = ("a", WIDE[::-1], FULL, A * 1e3)
    assert_read(edf(tmp_path / "a.edf", [swapped, B_UV]), {"a": A, "b": B}, atol=2e-5)
    path = edf(tmp_path / "b.edf", [A_UV], seconds="0")
    assert read_recordings(path, subject="s", fs=FS)["fs"].tolist() == [FS]


@pytest.mark.parametrize("seconds, fs", [("0.195313", 1024.0), ("0.2", 1000.0)])
def test_rounded_durations_of_edf(tmp_path, seconds, fs):
    assert_read(edf(tmp_path / "a.edf", [A_UV], seconds=seconds), {"a": A}, fs=fs, atol=2e-5)


def test_annotations_in_and_across_gaps_of_edf(tmp_path):
    notes = [(3.0, 0.5, "in"), (0.5, 4.7, "across"), (5.1, 0.1, "after")]
    path = edf(tmp_path / "a.edf", [A_UV], reserved="EDF+D", onsets=[*EVEN[:3], 5, 5.2, 5.4],
               notes=notes)  # fmt: skip
    with pytest.warns(RecordingWarning, match="1 interruption"):
        found = read_recordings(path, subject="s")["annotations"].iloc[0]
    places = {a.label: (round(a.onset, 6), round(a.duration or 0, 6)) for a in found}
    assert places == {"in": (0.6, 0), "across": (0.5, 0.3), "after": (0.7, 0.1),
                      "gap of 4.4 s": (0.6, 0)}  # fmt: skip


def test_facts_of_matlab_and_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    from scipy.io import savemat

    path = tmp_path / "a.mat"
    names = np.array(["x", "y", "z"], dtype=object)
    savemat(path, {"emg": np.stack([A, B]), "labels": names, "fs": FS, "unit": "mV"})
    assert "'labels' has 3 names, but emg has the shape (2, 1200)" in told(path)
    savemat(path, {"emg": np.stack([A, B]), "fs": [500.0, FS], "unit": "mV"})
    assert "a channel at 500 Hz has as many samples as one at 1000 Hz" in told(path)
    savemat(path, {"emg": A, "fs": 2000.0, "fs_emg": FS, "unit": "mV"})
    assert_read(path, {"emg": A})
    names = np.array(["time", "biceps"], dtype=object)
    savemat(path, {"data": np.stack([T, A], 1), "labels": names, "fs": FS, "unit": "mV"})
    assert_read(path, {"biceps": A})
    path = tmp_path / "a.h5"
    for value, attributes in ((FS, {}), (FS, {"unit": "Hz"}), (1.0, {"unit": "kHz"}), ("1000", {})):
        with h5py.File(path, "w") as file:
            file["emg"], file["fs"] = A, value
            file["fs"].attrs.update({"description": "rate", **attributes})
            file["emg"].attrs["unit"] = "mV"
        assert_read(path, {"emg": A})


def test_further_data_in_npy_c3d_and_opensignals(tmp_path):
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        np.save(file, A)
        np.save(file, B)
    assert "9728 bytes after the array are not read" in told(path, fs=FS)
    make.c3d(tmp_path / "a.c3d")
    content = (tmp_path / "a.c3d").read_bytes()
    (tmp_path / "a.c3d").write_bytes(content + content[-40_000:])
    assert "announces 100 frames but has data of" in told(tmp_path / "a.c3d")
    (tmp_path / "a.c3d").write_bytes(content + bytes(40_000))
    assert told(tmp_path / "a.c3d") == ""
    path = tmp_path / "a.txt"
    make.opensignals_text(path)
    whole = path.read_text()
    path.write_text(whole[:-3])
    assert "ends within a row" in told(path)
    path.write_text(whole.replace(json.dumps("biosignalsplux"), json.dumps("other")))
    assert "device 'other' is not known" in told(path)


def test_participants_without_the_subject(tmp_path):
    make.bids(tmp_path)
    path = tmp_path / "participants.tsv"
    path.write_text(path.read_text().replace("sub-07", "07"))
    assert "participants.tsv has 0 rows for 'sub-07'" in told(tmp_path, subject=None)


def test_texts_in_place_of_numbers_are_named(tmp_path):
    pytest.importorskip("pyarrow")
    words = [f"{v:.4f}".replace(".", ",") for v in A]
    pd.DataFrame({"time (s)": T, "biceps [mV]": words}).to_parquet(tmp_path / "a.parquet")
    assert "the column 'biceps' holds texts" in told(tmp_path / "a.parquet")
