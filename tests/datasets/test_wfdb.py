"""WFDB records: formats against the wfdb package's own writer, and malicious headers."""

import re
import sys
import warnings

import numpy as np
import pytest

from sklearn_emg.datasets import load_wfdb
from sklearn_emg.exceptions import RecordingWarning

wfdb = pytest.importorskip("wfdb")


@pytest.fixture
def plain(tmp_path):
    """Write one record of three samples, with the given header lines."""

    def plain(header, name="rec", samples=(100, -200, 300), file=None):
        folder = tmp_path / "set"
        folder.mkdir(exist_ok=True)
        content = header if isinstance(header, bytes) else header.encode()
        (folder / f"{name}.hea").write_bytes(content)
        np.array(samples, dtype="<i2").tofile(folder / (file or f"{name}.dat"))
        return folder / name

    return plain


def _write(folder, name, fmt, signal, *, units="mV", gain=200.0, baseline=0, **more):
    """Write a record with wfdb's own writer; `signal` has stored numbers, a channel per column."""
    n = signal.shape[1]
    wfdb.wrsamp(
        name, fs=2000, units=[units] * n, sig_name=[f"EMG {k}" for k in range(n)],
        d_signal=signal, fmt=[fmt] * n, adc_gain=[gain] * n, baseline=[baseline] * n,
        write_dir=str(folder), **more,
    )  # fmt: skip
    return folder / name


@pytest.fixture
def stored():
    return np.random.default_rng(0).integers(-100, 100, size=(301, 3))


@pytest.mark.parametrize("fmt", ["16", "24", "32", "80", "212"])
def test_formats_are_decoded(fmt, stored, tmp_path):
    path = _write(tmp_path, "rec", fmt, stored, baseline=7)
    signal = load_wfdb(path, subject="a").data["signal"].iloc[0]
    assert signal.dtype == np.float32
    np.testing.assert_allclose(signal, (stored.T - 7) / 200, rtol=1e-6)


def _pack_310(samples):
    first, second, third = (samples.reshape(-1, 3) & 0x3FF).T
    pairs = [(first << 1) | ((third & 0x1F) << 11), (second << 1) | ((third >> 5) << 11)]
    return np.stack(pairs, axis=1).astype("<u2").tobytes()


def _pack_311(samples):
    first, second, third = (samples.reshape(-1, 3) & 0x3FF).T
    return (first | (second << 10) | (third << 20)).astype("<u4").tobytes()


# As described in signal(5) of the WFDB applications guide; wfdb writes none of these formats.
_PACK = {
    "61": lambda samples: samples.astype(">i2").tobytes(),
    "160": lambda samples: (samples + 2**15).astype("<u2").tobytes(),
    "310": _pack_310,
    "311": _pack_311,
}


def _pack(folder, fmt, stored):
    line = f"rec.dat {fmt} 200(-3)/mV\n"
    (folder / "rec.hea").write_text(f"rec 3 2000 {len(stored)}\n{line * 3}")
    (folder / "rec.dat").write_bytes(_PACK[fmt](stored.ravel()))
    return folder / "rec"


@pytest.mark.parametrize("fmt", list(_PACK))
def test_formats_of_the_guide_are_decoded(fmt, stored, tmp_path):
    signal = load_wfdb(_pack(tmp_path, fmt, stored), subject="a").data["signal"].iloc[0]
    np.testing.assert_allclose(signal, (stored.T + 3) / 200, rtol=1e-6)


@pytest.mark.parametrize("fmt", ["16", "32", "61", "80", "160"])
def test_lazy_handles_give_the_same_samples(fmt, stored, tmp_path):
    write = _pack(tmp_path, fmt, stored) if fmt in _PACK else None
    path = write or _write(tmp_path, "rec", fmt, stored, baseline=-3)
    lazy = load_wfdb(path, subject="a", lazy=True).data["signal"].iloc[0]
    np.testing.assert_allclose(np.asarray(lazy), (stored.T + 3) / 200, rtol=1e-6)


@pytest.mark.parametrize("fmt", ["508", "516", "524"])
def test_compressed_formats_are_decoded(fmt, stored, tmp_path):
    pytest.importorskip("soundfile")
    path = _write(tmp_path, "rec", fmt, stored)
    signal = load_wfdb(path, subject="a").data["signal"].iloc[0]
    np.testing.assert_allclose(signal, stored.T / 200, rtol=1e-6)


@pytest.mark.parametrize("fmt, invalid", [("16", -32768), ("212", -2048), ("80", -128)])
@pytest.mark.parametrize("lazy", [False, True])
def test_invalid_samples_are_nan(fmt, invalid, lazy, stored, tmp_path):
    stored[5, 1] = invalid
    path = _write(tmp_path, "rec", fmt, stored)
    if lazy and fmt == "212":
        with pytest.raises(ValueError, match="use lazy=False"):
            load_wfdb(path, subject="a", lazy=True)
        return
    signal = np.asarray(load_wfdb(path, subject="a", lazy=lazy).data["signal"].iloc[0])
    assert np.argwhere(np.isnan(signal)).tolist() == [[1, 5]]


@pytest.mark.parametrize(
    "unit, factor", [("uV", 1e-3), ("µV", 1e-3), ("mv", 1.0), ("mV", 1.0), ("V", 1e3)]
)
@pytest.mark.parametrize("lazy", [False, True])
def test_signals_are_in_millivolts(unit, factor, lazy, plain):
    path = plain(f"rec 1 1000 3\nrec.dat 16 50/{unit}\n")
    signal = np.asarray(load_wfdb(path, subject="a", lazy=lazy).data["signal"].iloc[0])
    np.testing.assert_allclose(signal, np.array([2, -4, 6]) * factor, rtol=1e-6)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_line_ends_and_comments(line_end, plain):
    path = plain(line_end.join(["# first", "rec 1 1000 3", "rec.dat 16 50/mV", "# age: 44", ""]))
    row = load_wfdb(path, subject="a").data.iloc[0]
    assert row["comments"] == "first\nage: 44"
    assert (row["recording"], row["fs"]) == ("rec", 1000.0)


def test_counter_of_another_rate_is_passed_over(plain):
    path = plain("rec 1 23437.5/100(7) 3 10:00:00 01/02/2001\nrec.dat 16 50/mV\n")
    assert load_wfdb(path, subject="a").data["fs"].tolist() == [23437.5]


def test_length_that_is_not_given_is_that_of_the_file(plain):
    path = plain("rec 1 1000\nrec.dat 16+2 50/mV\n")
    for lazy in (False, True):
        signal = load_wfdb(path, subject="a", lazy=lazy).data["signal"].iloc[0]
        np.testing.assert_allclose(np.asarray(signal), [-4, 6], rtol=1e-6)


def test_channels_by_name_and_position(stored, tmp_path):
    path = _write(tmp_path, "rec", "16", stored)
    bunch = load_wfdb(path, subject="a", channels=["EMG 2", 0])
    np.testing.assert_allclose(bunch.data["signal"].iloc[0], stored.T[[2, 0]] / 200, rtol=1e-6)
    assert bunch.ch_names == [["EMG 2", "EMG 0"]]


def test_channel_that_is_no_voltage_must_be_left_out(plain):
    path = plain("rec 2 1000 1\nrec.dat 16 50/mV 0 0 0 0 0 EMG\nrec.dat 16 9/deg 0 0 0 0 0 knee\n")
    with pytest.raises(ValueError, match=r"rec\.hea: the unit 'deg' .*'knee'; choose others"):
        load_wfdb(path, subject="a")
    for lazy in (False, True):
        data = load_wfdb(path, subject="a", channels=["EMG"], lazy=lazy).data
        assert np.asarray(data["signal"].iloc[0]).tolist() == [[2.0]]


@pytest.mark.parametrize("channels", [["knee"], [3], [-1], []])
def test_unknown_channels_are_reported(channels, stored, tmp_path):
    path = _write(tmp_path, "rec", "16", stored)
    with pytest.raises(ValueError, match=r"has the signals \['EMG 0', 'EMG 1', 'EMG 2'\]"):
        load_wfdb(path, subject="a", channels=channels)


def test_several_samples_a_frame_keep_their_rate(tmp_path):
    frames = [np.arange(8), np.arange(8) + 50]
    record = wfdb.Record(
        record_name="rec", n_sig=2, fs=500, sig_len=4, fmt=["16", "16"], file_name=["rec.dat"] * 2,
        samps_per_frame=[2, 2], adc_gain=[10.0] * 2, baseline=[0, 0], units=["mV"] * 2,
        sig_name=["a", "b"], byte_offset=[None] * 2, skew=[None] * 2, e_d_signal=frames,
    )  # fmt: skip
    record.set_d_features(expanded=True)
    record.set_defaults()
    record.wrsamp(expanded=True, write_dir=str(tmp_path))
    row = load_wfdb(tmp_path / "rec", subject="a").data.iloc[0]
    assert row["fs"] == 1000.0
    np.testing.assert_allclose(row["signal"], np.array(frames) / 10, rtol=1e-6)


@pytest.mark.parametrize("as_path", ["rec", "rec.hea", "rec.dat", ""])
def test_paths_in_any_form(as_path, plain):
    folder = plain("rec 1 1000 3\nrec.dat 16 50/mV\n").parent
    assert load_wfdb(folder / as_path, subject="a").data["recording"].tolist() == ["rec"]


def test_subject_and_target_in_any_form(plain):
    for name in ("s1a", "s1b", "s2a"):
        folder = plain(f"{name} 1 1000 3\n{name}.dat 16 50/mV\n", name).parent
    X, y = load_wfdb(folder, subject=lambda name: name[:2], target=["x", "x", "y"], return_X_y=True)
    assert X["subject"].tolist() == ["s1", "s1", "s2"]
    assert y.tolist() == ["x", "x", "y"]


def test_subject_of_another_length_is_reported(plain):
    path = plain("rec 1 1000 3\nrec.dat 16 50/mV\n")
    with pytest.raises(ValueError, match=r"'subject' .* Got 2 values for 1 record: rec\."):
        load_wfdb(path, subject=["a", "b"])


def test_labels_are_needed_for_a_pair(plain):
    path = plain("rec 1 1000 3\nrec.dat 16 50/mV\n")
    with pytest.raises(ValueError, match="return_X_y=True needs a 'target'"):
        load_wfdb(path, subject="a", return_X_y=True)


def _segmented(plain, header="whole/3 1 1000 8\none 3\n~ 2\ntwo 3\n"):
    for name in ("one", "two"):
        plain(f"{name} 1 1000 3\n{name}.dat 16 50/mV 0 0 0 0 0 EMG\n", name)
    return plain(header, "whole")


def test_segments_are_joined_with_gaps(plain):
    signal = load_wfdb(_segmented(plain), subject="a").data["signal"].iloc[0]
    np.testing.assert_allclose(signal, [2, -4, 6, np.nan, np.nan, 2, -4, 6], rtol=1e-6)


def test_segments_are_no_records_of_their_own(plain):
    folder = _segmented(plain).parent
    assert load_wfdb(folder, subject="a").data["recording"].tolist() == ["whole"]


def test_segments_of_variable_layout_are_joined_by_name(plain):
    plain("one 1 1000 3\none.dat 16 50/mV 0 0 0 0 0 B\n", "one")
    layout = "lay 2 1000 0\n~ 0 50/mV 0 0 0 0 0 A\n~ 0 50/mV 0 0 0 0 0 B\n"
    plain(layout, "lay")
    path = plain("whole/2 2 1000 3\nlay 0\none 3\n", "whole")
    bunch = load_wfdb(path, subject="a")
    np.testing.assert_allclose(bunch.data["signal"].iloc[0], [[np.nan] * 3, [2, -4, 6]], rtol=1e-6)
    assert bunch.ch_names == [["A", "B"]]


@pytest.mark.parametrize(
    "segments, message",
    [
        ("~ 999999999999\none 3\n~ 2", "announces 1000000000001 missing values"),
        ("one 999999999999\n~ 2\ntwo 3", "3 samples at 1000 Hz, but whole.hea announces"),
        ("../one 3\n~ 2\ntwo 3", r"must be another record of the same folder, not '\.\./one'"),
        ("whole 3\n~ 2\ntwo 3", "must be another record of the same folder, not 'whole'"),
        ("three 3\n~ 2\ntwo 3", "no file .*three.hea"),
        ("one 3\n~ 2\none 3", "it has a segment more than once"),
        ("~ 3\n~ 2\n~ 3", "no segment with samples"),
    ],
)
def test_hostile_segments_are_named(segments, message, plain):
    path = _segmented(plain, f"whole/3 1 1000 8\n{segments}\n")
    with pytest.raises(ValueError, match=message):
        load_wfdb(path, subject="a")


def test_segments_in_segments_are_refused(plain):
    _segmented(plain)
    path = plain("outer/1 1 1000 8\nwhole 8\n", "outer")
    with pytest.raises(ValueError, match="'whole', which has segments itself"):
        load_wfdb(path, subject="a")


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    "file", ["../secret.dat", "/etc/passwd", "sub/rec.dat", "..", "C:\\secret.dat", "s3://b/k.dat"]
)
def test_header_cannot_name_files_elsewhere(file, lazy, plain, tmp_path):
    (tmp_path / "secret.dat").write_bytes(bytes(100))
    path = plain(f"rec 1 1000 3\n{file} 16 50/mV\n")
    with pytest.raises(ValueError, match=r"rec\.hea .*must have a plain name and be next to"):
        load_wfdb(path, subject="a", lazy=lazy)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("linked", ["rec.dat", "rec.hea"])
def test_links_out_of_the_folder_are_not_read(linked, lazy, plain, tmp_path):
    path = plain("rec 1 1000 3\nrec.dat 16 50/mV\n")
    (path.parent / linked).rename(tmp_path / "moved")
    (path.parent / linked).symlink_to(tmp_path / "moved")
    with pytest.raises(ValueError, match=rf"{linked} leads out of"):
        load_wfdb(path, subject="a", lazy=lazy)


def test_link_in_a_circle_is_named(plain):
    path = plain("rec 1 1000 3\nrec.dat 16 50/mV\n")
    (path.parent / "rec.dat").unlink()
    (path.parent / "rec.dat").symlink_to("rec.dat")
    with pytest.raises(ValueError, match=r"rec\.dat"):
        load_wfdb(path, subject="a")


def test_links_within_the_folder_are_read(plain):
    path = plain("rec 1 1000 3\nrec.dat 16 50/mV\n")
    (path.parent / "rec.dat").rename(path.parent / "moved.dat")
    (path.parent / "rec.dat").symlink_to(path.parent / "moved.dat")
    assert load_wfdb(path, subject="a").data["signal"].iloc[0].shape == (3,)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("n_bytes", [5, 0])
def test_truncated_samples_are_named(n_bytes, lazy, plain):
    path = plain("rec 1 1000 3\nrec.dat 16 50/mV\n")
    with open(path.with_suffix(".dat"), "r+b") as file:
        file.truncate(n_bytes)
    with pytest.raises(ValueError, match=r"rec\.dat (has 5 bytes, but .* announces 6|is empty)"):
        load_wfdb(path, subject="a", lazy=lazy)


@pytest.mark.parametrize("fmt", ["24", "212", "310", "311", "516"])
def test_truncated_packed_samples_are_named(fmt, stored, tmp_path):
    path = _pack(tmp_path, fmt, stored) if fmt in _PACK else _write(tmp_path, "rec", fmt, stored)
    file = path.with_suffix(".dat")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"rec\.(dat|hea)"):
        load_wfdb(path, subject="a")


@pytest.mark.parametrize(
    "header, message",
    [
        ("", "is empty"),
        ("rec 1 1000 3\n" + "rec.dat 16 50/mV\n" * 10_001, "more than 10000 signals"),
        ("rec 1 1000 3\n" + "r" * 300 + " 16 50/mV\n", "must have a plain name"),
        (b"\x00\x01\x02rec 1", "it is binary"),
        ("# only a comment\n", "no record line"),
        ("<html>404</html>\n", "is not a record line"),
        ("rec\n", "is not a record line"),
        ("other 1 1000 3\nrec.dat 16 50/mV\n", "describes the record 'other'"),
        ("rec 0 1000 3\n", "announces no signal"),
        ("rec 99999999999 1000 3\nrec.dat 16 50/mV\n", "announces 99999999999 signals"),
        ("rec x 1000 3\nrec.dat 16 50/mV\n", "number of signals must be an integer"),
        ("rec 1 nan 3\nrec.dat 16 50/mV\n", "sampling rate must be a positive number"),
        ("rec 1 fast 3\nrec.dat 16 50/mV\n", "rate must be a positive number, not 'fast'"),
        ("rec 1 1000 -3\nrec.dat 16 50/mV\n", "number of samples must be an integer"),
        ("rec 1 1000 3\nrec.dat\n", "is not a signal line"),
        ("rec 1 1000 3\nrec.dat 99 50/mV\n", "signal format '99' is unknown"),
        ("rec 1 1000 3\nrec.dat 16 fifty/mV\n", "gain must be like 200"),
        ("rec 1 1000 3\nrec.dat 16 1e999/mV\n", "gain must be finite"),
        ("rec 1 1000 3\nrec.dat 16 0/mV\n", "gives no gain"),
        ("rec 1 1000 3\nrec.dat 16\n", "gives no gain"),
        ("rec 1 1000 3\nrec.dat 16 50/mV x\n", None),
        ("rec 1 1000 3\nrec.dat 16 50/mV 12 x\n", "is not an integer"),
        ("rec 1 1000 3\n~ 0 50/mV\n", "has no samples for the signal"),
        ("rec 1 1000 999999999999999\nrec.dat 16 50/mV\n", "announces 1999999999999998"),
        ("rec 1 1000 999999999999999\nrec.dat 516 50/mV\n", "announces 100000000000"),
        ("rec 1 1000 3\nrec.dat 516 50/mV\n", "is not a FLAC file"),
        ("rec 1 1000 3\nrec.dat 16+99999 50/mV\n", "announces 100005"),
        ("rec 1 1000 3\nnone.dat 16 50/mV\n", "none.dat, which is missing"),
    ],
)
def test_hostile_headers_are_named(header, message, plain):
    path = plain(header)
    if message is None:  # an unused field may contain anything
        assert len(load_wfdb(path, subject="a").data) == 1
        return
    with pytest.raises(ValueError, match=rf"rec\.(hea|dat)[\s\S]*{message}"):
        load_wfdb(path, subject="a")


def test_changed_sample_is_found_by_the_checksum(stored, tmp_path):
    path = _write(tmp_path, "rec", "16", stored)
    content = bytearray((tmp_path / "rec.dat").read_bytes())
    content[10] ^= 4
    (tmp_path / "rec.dat").write_bytes(content)
    with pytest.raises(ValueError, match=r"rec\.dat has the checksum \d+, but rec\.hea announces"):
        load_wfdb(path, subject="a")
    assert load_wfdb(path, subject="a", verify=False).data["signal"].iloc[0].shape == (3, 301)


def test_all_bad_records_are_told_at_once(plain):
    plain("good 1 1000 3\ngood.dat 16 50/mV\n", "good")
    plain("bad1 1 1000 9\nbad1.dat 16 50/mV\n", "bad1")
    folder = plain("bad2 1 1000 3\nbad2.dat 16 50/A\n", "bad2").parent
    with pytest.raises(ValueError, match=r"2 of 3 records:\n.*bad1[^\n]*\n.*bad2"):
        load_wfdb(folder, subject="a")


@pytest.mark.parametrize("path", ["none", "none.hea"])
def test_missing_record_is_named(path, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no record .*none.*none\.hea must be next to"):
        load_wfdb(tmp_path / path, subject="a")


def test_folder_without_records_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no WFDB header"):
        load_wfdb(tmp_path, subject="a")


def test_no_path_is_refused():
    with pytest.raises(ValueError, match="'paths' is empty"):
        load_wfdb([], subject="a")


def test_real_records_of_two_sets(real_data):
    paths = [real_data / "emgdb" / "emg_healthy", real_data / "n2001" / "N2001A01BB02.hea"]
    table = load_wfdb(paths, subject=["a", "b"]).data
    assert table["fs"].tolist() == [4000.0, 23437.5]
    np.testing.assert_allclose(table["signal"].iloc[0][0], -0.0333, rtol=1e-6)
    np.testing.assert_allclose(table["signal"].iloc[1][:2], [-71 / 13107, 4 / 13107], rtol=1e-6)


@pytest.mark.parametrize("fmt", ["8", "16", "24", "32", "80", "160", "212", "310", "311"])
@pytest.mark.parametrize("n_frames", [5, 6, 7, 8])
def test_samples_are_those_that_the_wfdb_package_reads(fmt, n_frames, tmp_path):
    # Any bytes are valid samples, except for the two bits that format 311 does not use.
    content = np.random.default_rng(n_frames).integers(0, 256, size=200, dtype=np.uint8)
    if fmt == "311":
        content[3::4] &= 0x3F
    content.tofile(tmp_path / "rec.dat")
    skew = 0 if fmt == "8" else 2  # with which wfdb fails there
    lines = [f"rec.dat {fmt}{more}+8 10/mV 0 0 5" for more in (f"x2:{skew}", "")]
    (tmp_path / "rec.hea").write_text("\n".join([f"rec 2 1000 {n_frames}", *lines]) + "\n")
    record = wfdb.rdrecord(str(tmp_path / "rec"), smooth_frames=False, return_res=64)
    for k in range(2):
        signal = load_wfdb(tmp_path / "rec", subject="a", channels=[k]).data["signal"].iloc[0]
        # The skew cuts frames of two samples; wfdb leaves zeros among them.
        end = 2 * (n_frames - skew) if k == 0 else n_frames
        expected = record.e_p_signal[k][:end]
        np.testing.assert_allclose(signal[0, :end], expected, rtol=1e-6)
        assert np.isnan(signal[0, end:]).all()


@pytest.mark.parametrize("fmt", ["24", "212", "310", "311", "8"])
def test_length_of_packed_samples_is_that_of_the_file(fmt, tmp_path):
    n_bytes = {"24": 3 * 12, "212": 18, "310": 16, "311": 16, "8": 12}[fmt]
    (tmp_path / "rec.dat").write_bytes(bytes(n_bytes))
    text = "rec 3 1000\n" + f"rec.dat {fmt} 10/mV\n" * 3
    (tmp_path / "rec.hea").write_text(text)
    assert load_wfdb(tmp_path / "rec", subject="a").data["signal"].iloc[0].shape == (3, 4)


@pytest.mark.parametrize("skew", [3, 300_000_000, 10**12])
def test_skew_beyond_the_samples_is_refused(skew, plain):
    path = plain(f"rec 1 1000 3\nrec.dat 16:{skew} 50/mV\n")
    with pytest.raises(ValueError, match=rf"rec\.hea shifts the signal '' by {skew} of 3 samples"):
        load_wfdb(path, subject="a")


def test_gaps_are_counted_over_the_channels(plain):
    lines = "".join(f"one.dat 16 50/mV 0 0 0 0 0 e{k}\n" for k in range(3))
    plain(f"one 3 1000 1\n{lines}", "one")
    path = plain("whole/2 3 1000 10000001\none 1\n~ 10000000\n", "whole")
    with pytest.raises(ValueError, match="announces 30000000 missing values but contains only 3"):
        load_wfdb(path, subject="a")


def test_several_formats_in_one_file_are_refused(plain):
    path = plain("rec 2 1000 1\nrec.dat 16 50/mV\nrec.dat 212 50/mV\n")
    with pytest.raises(ValueError, match=r"gives rec\.dat several formats or offsets"):
        load_wfdb(path, subject="a")


def test_samples_that_a_flac_file_claims_and_lacks_are_named(stored, tmp_path):
    pytest.importorskip("soundfile")
    path = _write(tmp_path, "rec", "516", stored)
    content = bytearray(path.with_suffix(".dat").read_bytes())
    content[21:26] = b"\xf0\x00\x0f\xff\xff"  # number of samples in the header of the stream
    path.with_suffix(".dat").write_bytes(content)
    header = path.with_suffix(".hea")
    header.write_text(header.read_text().replace(" 301\n", " 900000\n"))
    with pytest.raises(ValueError, match=r"rec\.(dat|hea)"):
        load_wfdb(path, subject="a")


def test_plain_and_packed_formats_need_no_wfdb(stored, tmp_path, monkeypatch):
    path = _write(tmp_path, "rec", "212", stored)
    monkeypatch.setitem(sys.modules, "wfdb", None)
    assert load_wfdb(path, subject="a").data["signal"].iloc[0].shape == (3, 301)


@pytest.mark.parametrize(
    "header, words",
    [
        ("rec 1 1000 3\nrec.dat 16 200/mV\n", None),
        ("rec 1 1000\nrec.dat 16 200/mV\n", None),
        ("rec 1 1000 2\nrec.dat 16 200/mV\n", r"rec.dat: the last 2 bytes .* rec.hea announces 2"),
        ("rec 2 1000\nrec.dat 16 9/mV\nrec.dat 16 9/mV\n", "last 2 bytes .* no sample of all"),
        ("rec 1 1000 1\nrec.dat 212 200/mV\n", "the last 4 bytes are not read"),
        ("rec 1 1000 3\nrec.dat 212 200/mV\n", None),
        ("rec 1 1000 1\nrec.dat 16+2 200/mV\n", None),  # as many bytes after as before
        ("rec 1\nrec.dat 16 200/mV\n", "rec.hea gives no sampling rate, so 250 Hz is used"),
    ],
)
@pytest.mark.parametrize("lazy", [False, True])
def test_samples_that_are_not_read_and_rates_that_are_assumed(header, words, lazy, plain):
    path = plain(header)
    with warnings.catch_warnings(record=True) as seen:
        warnings.filterwarnings("always", category=RecordingWarning)
        warnings.filterwarnings("ignore", message=".*do not look like EMG")
        load_wfdb(path, subject="a", lazy=lazy and " 212 " not in header)
    texts = " ".join(str(w.message) for w in seen)
    assert not texts if words is None else re.search(words, texts)


@pytest.mark.parametrize(
    "whole, second, words",
    [
        ("whole/2 1 1000 8\none 3\ntwo 3\n", "EMG", "announces 8 samples, but its segments have 6"),
        ("whole/2 2 1000 6\none 3\ntwo 3\n", "EMG", "announces 2 signals, but one.hea has 1"),
        ("whole/2 1 1000 6\none 3\ntwo 3\n", "ECG", r"two.hea has the signals \['ECG'\], but one"),
    ],
)
def test_segments_that_do_not_fit_together_are_named(whole, second, words, plain):
    plain("one 1 1000 3\none.dat 16 200/mV 16 0 0 0 0 EMG\n", "one")
    plain(f"two 1 1000 3\ntwo.dat 16 200/mV 16 0 0 0 0 {second}\n", "two")
    with pytest.raises(ValueError, match=words):
        load_wfdb(plain(whole, "whole"), subject="a")
