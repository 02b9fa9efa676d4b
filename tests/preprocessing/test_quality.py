"""check_quality: planted defects are found, and clean recordings have no finding."""

import warnings

import numpy as np
import pandas as pd
import pytest
from data import simulated_cohort

from sklearn_emg.datasets import fetch_emgdb, load_lower_limb, load_n2001
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.io import read_recordings
from sklearn_emg.preprocessing import BandpassFilter, QualityReport, check_quality
from sklearn_emg.recordings import SignalFile, cut_recordings, recording_table, window_table

FS = 2000.0
STEP = 1e-4


def emg(n=8000, sd=0.1, seed=0):
    """Noise between 20 and 450 Hz on the steps of a converter, in mV."""
    rng = np.random.default_rng(seed)
    signal = np.convolve(rng.normal(size=n + 4), [1, 0.6, 0, -0.6, -1], "valid")
    return np.round(sd * signal / signal.std() / STEP) * STEP


def clean(n_rows=6, **columns):
    signals = [emg(seed=k) for k in range(n_rows)]
    subjects = columns.pop("subject", [f"s{k}" for k in range(n_rows)])
    return recording_table(signals, fs=FS, subject=subjects, **columns)


def with_defect(signal, row=2, fs=None, **columns):
    """A clean table in which one recording is replaced, without the table's own warnings."""
    table = clean(**columns)
    signals = table["signal"].tolist()
    signals[row] = signal
    rates = table["fs"].tolist()
    rates[row] = fs or FS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordingWarning)
        return recording_table(signals, fs=rates, subject=table["subject"].tolist())


def kinds(table, y=None, **kwargs):
    """Kinds and qualities of the findings of each row that has some."""
    found = check_quality(table, y, **kwargs).findings
    return {
        int(row): dict(zip(part["kind"], part["quality"])) for row, part in found.groupby("row")
    }


def test_clean_recordings_have_no_finding():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = check_quality(clean(), ["a", "b"] * 3)
        simulated = check_quality(*simulated_cohort())
    for found in (report, simulated):
        assert found.findings.empty
        assert (found.recordings["quality"] == "ok").all()
    assert "6 ok, 0 check, 0 bad" in repr(report)


SINE = np.sin(2 * np.pi * 50 * np.arange(8000) / FS)
GAP = emg(seed=9)
GAP[3000:3100] = np.nan
RAGGED = emg(seed=9)
RAGGED[-20:] = np.nan
SPIKE = emg(seed=9)
SPIKE[4000] = 5.0
DEAD = emg(seed=9)
DEAD[:5000] = 0.0
RATES = {
    # A line of 50 Hz alone, and with odd harmonics.
    "half": emg(seed=9) + 0.05 * SINE,
    "twice": emg(seed=9) + 0.05 * SINE + 0.02 * np.sin(2 * np.pi * 150 * np.arange(8000) / FS),
}


@pytest.mark.parametrize(
    ("signal", "fs", "kind", "quality"),
    [
        (1000 * emg(seed=9), None, "unit", "bad"),
        (emg(seed=9) / 1000, None, "unit", "bad"),
        (np.round(emg(seed=9) / STEP), None, "unit", "bad"),
        (np.stack([emg(seed=k) for k in range(7, 9)]).T, None, "transposed", "bad"),
        (np.abs(emg(seed=9)), None, "rectified", "bad"),
        (np.abs(emg(seed=9)) - np.abs(emg(seed=9)).mean(), None, "rectified", "bad"),
        (emg(seed=9) + 2.0, None, "offset", "check"),
        (np.zeros(8000), None, "dead", "bad"),
        (DEAD, None, "dead", "bad"),
        (np.clip(emg(seed=9), -0.15, 0.15), None, "clipped", "bad"),
        (np.clip(emg(seed=9), -9, 0.2), None, "clipped", "bad"),
        (emg(seed=9) + 0.1 * SINE, None, "line", "check"),
        (0.01 * emg(seed=9) + SINE, None, "line", "bad"),
        (emg(seed=9) + np.linspace(-1, 1, 8000), None, "drift", "check"),
        (np.round(emg(seed=9) / 0.2) * 0.2, None, "resolution", "bad"),
        (SPIKE, None, "spikes", "check"),
        (GAP, None, "gaps", "check"),
        (RAGGED, None, "ragged", "check"),
        (np.full(8000, np.nan), None, "gaps", "bad"),
        (emg(400, seed=9), None, "length", "check"),
        (emg(seed=9), 2.0, "rate", "bad"),
        (RATES["half"], FS / 2, "rate", "check"),
        (RATES["twice"], FS * 2, "rate", "check"),
        (emg(seed=9), FS / 2, "rate", "check"),
        (emg(seed=9), FS * 2, "rate", "check"),
    ],
)
def test_a_planted_defect_is_found_in_its_row_alone(signal, fs, kind, quality):
    found = kinds(with_defect(signal, fs=fs))
    assert set(found) == {2}
    assert found[2][kind] == quality


def test_power_line_at_its_frequency_is_measured():
    report = check_quality(with_defect(emg(seed=9) + 0.1 * SINE))
    # The sine has half of its squared amplitude as power, the EMG the square of 0.1.
    assert report.channels.loc[2, "line"] == pytest.approx(1 / 3, rel=0.05)
    assert report.channels.loc[2, "line_freq"] == 50.0
    assert report.channels.loc[0, "line"] == 0.0


def test_gaps_are_counted_and_located():
    signal = emg(seed=9)
    signal[:10] = signal[500:540] = signal[900] = signal[-7:] = np.nan
    report = check_quality(with_defect(signal))
    row = report.channels.iloc[2]
    assert (row["gaps"], row["longest_gap"]) == (4, 40 / FS)
    text = report.findings["text"].item()
    assert "2 gaps, the longest of 0.02 s, the first 10 samples, the last 7 samples" in text


@pytest.mark.parametrize(
    ("n_first", "expected"),
    [(10, ": 1 gap of 0.02 s, the first 10"), (60, ": 1 gap, the first 60")],
)
def test_the_length_of_a_gap_inside_is_not_that_of_one_at_the_start(n_first, expected):
    signal = emg(seed=9)
    signal[:n_first] = signal[500:540] = np.nan
    report = check_quality(with_defect(signal))
    assert expected in report.findings["text"].item()


def test_jumps_of_time_stamps_are_a_column_and_a_finding(tmp_path):
    signal = np.random.default_rng(0).normal(0, 0.1, size=3000)
    for name, jump in (("whole", 0.0), ("joined", 0.7)):
        times = np.arange(3000) / 1000 + jump * (np.arange(3000) >= 1250)
        frame = pd.DataFrame({"time [s]": times.round(3), "biceps [mV]": signal.round(5)})
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        signal = signal[::-1]
    with pytest.warns(RecordingWarning, match="the time stamps have 1 gap"):
        table = read_recordings(
            [tmp_path / "whole.csv", tmp_path / "joined.csv"], subject=["a", "b"]
        )
    report = check_quality(table)
    assert report.channels["time_gaps"].tolist() == [0, 1]
    (finding,) = report.findings.query("kind == 'interrupted'").to_dict("records")
    assert finding["recording"] == "joined"
    assert finding["quality"] == "check"
    assert finding["text"].startswith("the time stamps jump once, first after 1.25 s")
    assert check_quality(table.drop(columns="annotations")).channels["time_gaps"].isna().all()


def test_copies_of_one_subject_keep_the_first_and_those_of_two_none():
    signals = [emg(seed=0), emg(seed=1), emg(seed=0), emg(seed=3), emg(seed=1)]
    table = recording_table(signals, fs=FS, subject=["a", "b", "a", "c", "d"], recording=[*"vwxyz"])
    report = check_quality(table)
    assert report.recordings["quality"].tolist() == ["ok", "bad", "bad", "ok", "bad"]
    assert report.findings["text"].tolist() == [
        "has the same samples as z (subject d); the copies differ in subject",
        "copy of v",
        "has the same samples as w (subject b); the copies differ in subject",
    ]
    found = kinds(table.assign(subject=[*"abcde"]), [0, 1, 1, 0, 1])
    assert set(found) == {0, 1, 2, 4}
    assert "label" in check_quality(table.assign(subject="a"), [0, 1, 1, 0, 1]).findings["text"][0]


def test_a_copy_names_a_recording_with_a_number_as_such():
    signals = [emg(seed=k) for k in (0, 1, 0)]
    table = recording_table(signals, fs=FS, subject=["S02", "S07", "S11"], recording=[3, 4, 20])
    assert check_quality(table).findings["text"].tolist() == [
        "has the same samples as recording 20 (subject S11); the copies differ in subject",
        "has the same samples as recording 3 (subject S02); the copies differ in subject",
    ]


@pytest.mark.parametrize("gain", [1000.0, -1.0, 0.2])
def test_copies_of_another_gain_or_rate_are_found(gain):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordingWarning)
        table = recording_table(
            [emg(seed=1), emg(seed=2), (gain * emg(seed=1)).astype(np.float32)],
            fs=[FS, FS, 1500.0],
            subject=["a", "b", "c"],
        )
    report = check_quality(table)
    found = report.findings[report.findings["kind"] == "copy"]
    assert found["row"].tolist() == [0, 2]
    assert f"{gain:.4g} times as large" in found["text"].iloc[1]


@pytest.mark.parametrize(
    ("start", "stop", "quality"), [(4000, 12000, "bad"), (7500, 15500, "check")]
)
def test_overlapping_cuts_of_two_subjects(start, stop, quality):
    long = emg(16000, seed=5)
    table = recording_table(
        [emg(seed=0), long[:8000], emg(seed=1), long[start:stop]], fs=FS, subject=[*"abcd"]
    )
    found = kinds(table)
    assert found == {1: {"overlap": quality}, 3: {"overlap": quality}}
    texts = check_quality(table).findings["text"].tolist()
    length = (8000 - start) / FS
    assert texts[0].startswith(f"the last {length:g} s are samples of row 3 (subject d)")
    assert texts[1].startswith(f"the first {length:g} s are samples of row 1 (subject b)")


@pytest.mark.parametrize("seed", range(5))
def test_short_overlaps_of_another_gain_and_offset(seed):
    signals = [emg(4000, seed=10 * seed + k) for k in range(3)]
    signals[2][1000:1180] = 0.6 * signals[0][300:480] + 0.05
    found = check_quality(recording_table(signals, fs=FS, subject=[*"abc"])).findings
    assert found.loc[found["kind"] == "overlap", "row"].tolist() == [0, 2]


def test_cuts_made_on_purpose_are_no_finding():
    table = recording_table([emg(16000)], fs=FS, subject="a", recording="r")
    segments = pd.DataFrame({"row": [0, 0], "start": [0.0, 2.0], "stop": [4.0, 6.0], "label": "x"})
    cut = cut_recordings(table, segments)
    assert check_quality(cut).findings.empty


def test_pure_sines_share_no_samples():
    t = np.arange(8000) / FS
    sines = [np.sin(2 * np.pi * 83 * t + phase) + emg(sd=0.002, seed=k) for k, phase in
             enumerate((0, 1, 2))]  # fmt: skip
    assert check_quality(recording_table(sines, fs=FS, subject=[*"abc"])).findings.empty


def test_a_repeated_channel_is_found():
    signal = np.stack([emg(seed=0), emg(seed=1), emg(seed=0)])
    table = recording_table([signal], fs=FS, subject="a", channel_names=["x", "y", "z"])
    found = check_quality(table).findings
    assert found[["channel", "kind", "text"]].to_numpy().tolist() == [
        ["z", "copy", "copy of channel x"]
    ]


def test_subjects_that_look_alike_and_labels_that_conflict():
    table = clean().assign(subject=["S1", "s1 ", "b", "b", "c", "d"])
    found = kinds(table, [0, 0, 0, 1, 1, 1])
    assert found == {
        0: {"subject": "check"},
        1: {"subject": "check"},
        2: {"label": "bad"},
        3: {"label": "bad"},
    }
    # Labels that vary within most subjects are those of a task.
    assert kinds(clean(subject=[*"aabbcc"]), [0, 1] * 3) == {}
    assert kinds(clean().assign(subject=["a", None, *"cdef"], group=0)) == {1: {"subject": "bad"}}


def test_a_column_of_labels_is_used():
    table = clean(subject=[*"aabbcc"], diagnosis=[0, 1, 0, 0, 1, 1])
    assert kinds(table) == {0: {"label": "bad"}, 1: {"label": "bad"}}


def test_counts_of_an_unknown_gain_are_to_be_checked_not_bad():
    counts = np.round(emg(seed=9) / STEP)
    table = with_defect(counts).assign(unit=["mV", "mV", "counts", "mV", "mV", "mV"])
    assert kinds(table) == {2: {"unit": "check"}}


def test_bad_recordings_are_dropped_with_their_labels():
    table = with_defect(np.zeros(8000)).set_axis(list("uvwxyz"))
    y = np.array([0, 1, 0, 1, 0, 1])
    report = check_quality(table, y)
    kept, labels = report.drop_bad(table, y)
    assert kept.index.tolist() == list("uvxyz")
    assert labels.tolist() == [0, 1, 1, 0, 1]
    assert report.drop_bad(table).index.tolist() == list("uvxyz")
    with pytest.warns(RecordingWarning, match=r"leaves out 1 recording: row w \(dead: all sampl"):
        assert check_quality(table, drop_bad=True).index.tolist() == list("uvxyz")
    with pytest.raises(ValueError, match="'y' of drop_bad must have the 6 rows"):
        report.drop_bad(table, y[:3])
    with pytest.raises(ValueError, match="in another order"):
        report.drop_bad(table[::-1], y)
    dead = recording_table(np.zeros((2, 8000)), fs=FS, subject=["a", "b"])
    with pytest.raises(ValueError, match=r"All recordings are bad \(2 of 2\).*constant"):
        check_quality(dead).drop_bad(dead)


def test_limits_are_replaced():
    table = with_defect(emg(seed=9) + 0.1 * SINE)
    assert kinds(table, limits={"line": (0.5, 0.9)}) == {}
    assert kinds(table, limits={"line": (0.1, 0.2)}) == {2: {"line": "bad"}}
    with pytest.raises(ValueError, match=r"'limits' parameter.*Did you mean 'line'"):
        check_quality(table, limits={"lines": (0, 1)})
    with pytest.raises(ValueError, match="two numbers for 'line'"):
        check_quality(table, limits={"line": 0.5})
    with pytest.raises(ValueError, match="'y' of check_quality must have one label"):
        check_quality(table, [0, 1])


def test_files_are_read_and_invalid_codes_at_the_end_of_the_range_are_clipped(tmp_path):
    slow = np.convolve(np.random.default_rng(0).normal(size=8000), np.hanning(80), "same")
    counts = np.round(28000 * slow / np.abs(slow).max())
    counts[counts < -18000] = -32768
    counts.astype("<i2").tofile(tmp_path / "a.bin")
    file = SignalFile(tmp_path / "a.bin", scale=1e-5, invalid=-32768)
    gone = SignalFile(tmp_path / "b.bin", length=8000)
    table = recording_table([file, gone, emg(seed=1)], fs=FS, subject=["a", "b", "c"])
    report = check_quality(table)
    found = {row: part["kind"].tolist() for row, part in report.findings.groupby("row")}
    assert found == {0: ["clipped"], 1: ["unreadable"]}
    assert report.channels.loc[0, "clipped"] == np.mean(counts == -32768)
    assert str(tmp_path / "b.bin") in report.findings["text"].iloc[1]
    # The same samples in memory: gaps lie between samples at the minimum.
    inside = recording_table([file.read(), emg(seed=1)], fs=FS, subject=["a", "c"])
    assert check_quality(inside).channels.loc[0, "clipped"] == report.channels.loc[0, "clipped"]


def test_signals_of_a_step_give_a_warning_and_no_finding_on_units():
    filtered = BandpassFilter(20, 450).fit_transform(clean())
    with pytest.warns(RecordingWarning, match="a step of this package has changed"):
        assert check_quality(filtered).findings.empty


def test_windows_that_overlap_can_be_checked():
    windows, _ = window_table(clean(2), 1.0, step=0.5)
    report = check_quality(windows)
    assert isinstance(report, QualityReport)
    assert len(report.recordings) == len(windows)


def test_the_report_prints_kinds_with_names_and_remedies():
    text = repr(check_quality(with_defect(np.zeros(8000))))
    assert text.splitlines()[0] == "Quality of 6 recordings (6 channels): 5 ok, 0 check, 1 bad."
    assert "constant stretches (1 bad): row 2. Remedy: leave out the channel" in text


def test_a_table_without_rates_is_refused():
    with pytest.raises(ValueError, match="lacks the column 'fs'"):
        check_quality(pd.DataFrame({"signal": [emg()], "subject": ["A"]}))


def test_real_recordings_of_emgdb_have_no_finding(real_data):
    bunch = fetch_emgdb(data_home=real_data)
    assert check_quality(bunch.data, bunch.target).findings.empty


def test_lower_limb_copies_and_ragged_ends(real_data):
    bunch = load_lower_limb(real_data / "lower_limb", keep_defects=True)
    findings = check_quality(bunch.data, bunch.target).findings
    copied = findings[findings["kind"] == "copy"]
    assert set(copied["recording"]) == {"1Npie", "1Nsen", "2Npie", "2Nsen"}
    assert (copied["quality"] == "bad").all()
    # The last 13 to 21 rows have no EMG, as listed by the loader.
    ragged = {
        name for name, defect in zip(bunch.report["recording"], bunch.report["defect"])
        if defect.startswith("EMG missing")
    }  # fmt: skip
    assert set(findings.loc[findings["kind"] == "ragged", "recording"]) == ragged


@pytest.mark.parametrize("lazy", [True, False])
def test_n2001_clipped_recordings_and_foreign_ends_of_a08(real_data, lazy):
    bunch = load_n2001(real_data / "n2001_biceps", spoilt="keep", lazy=lazy)
    some = bunch.data[bunch.data["subject"].isin(["A08", "M02"])]
    some = some[some["spoilt"] | (np.arange(len(some)) % 5 == 0)].iloc[2:]
    report = check_quality(some)
    of_kind = {kind: set(part["recording"]) for kind, part in report.findings.groupby("kind")}
    assert of_kind["clipped"] == set(some.loc[some["clipped"] > 0, "recording"])
    assert of_kind["overlap"] == set(some.loc[some["n_shared_end"] > 0, "recording"])
    bad = report.recordings["quality"] == "bad"
    assert bad[some["subject"] == "A08"].all()
