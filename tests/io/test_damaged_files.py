"""Hostile, truncated and mislabelled files of each format raise an error that names the file."""

import os
import resource
import struct
import subprocess
import sys
import warnings
from pathlib import Path

import device_files as make
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sklearn_emg.io import read_folder, read_recordings, write_recordings
from sklearn_emg.recordings import recording_table

# More by hand: HYPOTHESIS_EXAMPLES=5000 pytest tests/io/test_damaged_files.py
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "100"))

FORMS = {
    "emgworks.csv": make.emgworks,
    "noraxon.txt": make.noraxon,
    "openbci.txt": make.openbci,
    "vicon.csv": make.vicon,
    "os.txt": make.opensignals_text,
    "os.h5": make.opensignals_hdf5,
    "a.edf": make.edf,
    "a.bdf": lambda path: make.edf(path, 24),
    "a.c3d": make.c3d,
    "integers.c3d": lambda path: make.c3d(path, real=False),
    "a.mat": make.matlab,
    "a73.mat": make.matlab_73,
    "a.h5": make.hdf5,
    "rec.hea": make.wfdb,
    "a.parquet": make.written,
    "a.npy": lambda path: np.save(path, np.ones((2, 500))),
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("originals")
    for name, write in FORMS.items():
        write(folder / name)
    return folder


def changed(draw, content):
    """Content with bytes changed, removed or inserted, or with the end cut off."""
    content = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        # Most bytes that control a reader are at the beginning.
        at = at % 1024 if draw(st.booleans()) else at
        at = min(at, max(len(content) - 1, 0))
        way = draw(st.sampled_from(["set", "cut", "remove", "insert", "field"]))
        if way == "set" and content:
            content[at] = draw(st.integers(0, 255))
        elif way == "cut":
            del content[at:]
        elif way == "remove":
            del content[at : at + draw(st.integers(1, 64))]
        elif way == "insert":
            content[at:at] = draw(st.binary(min_size=1, max_size=16))
        else:
            value = draw(
                st.sampled_from([b"\xff" * 4, b"\0" * 4, b"9999", b"-1", b"\xff\xff\xff\x7f"])
            )
            content[at : at + len(value)] = value
    return bytes(content)


def read_or_text(path):
    """The table, or the text of an error that a user can act on."""
    try:
        return read_recordings(path, subject="s", fs=1000.0, unit="mV"), ""
    except UnicodeError:
        raise
    except (ValueError, OSError) as error:
        return None, str(error)


@pytest.mark.parametrize("name", FORMS)
def test_damaged_files_read_or_name_themselves(originals, tmp_path, name):
    content = (originals / name).read_bytes()
    if name == "rec.hea":
        (tmp_path / "rec.dat").write_bytes((originals / "rec.dat").read_bytes())

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def run(data):
        path = tmp_path / name
        path.write_bytes(changed(data.draw, content))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table, text = read_or_text(path)
        if table is None:
            assert path.stem in text, text
            return
        # Any table that is still read is no larger than the file.
        n_bytes = len(content) + (10_000 if name == "rec.hea" else 0)
        assert sum(np.size(s) for s in table["signal"]) <= 4 * n_bytes

    run()


@pytest.mark.parametrize(
    "form, name",
    [
        ("w", "a_1.hea"),
        ("w", "a_1.atr"),
        ("b", "participants.tsv"),
        ("b", "participants.json"),
        ("b", "sub-a/ses-1/emg/sub-a_ses-1_task-emg_emg.json"),
        ("b", "sub-a/ses-1/emg/sub-a_ses-1_task-emg_channels.tsv"),
        ("b", "sub-a/ses-1/emg/sub-a_ses-1_task-emg_events.tsv"),
        ("b", "sub-a/ses-1/emg/sub-a_ses-1_task-emg_events.json"),
        ("b", "sub-a/ses-1/emg/sub-a_ses-1_task-emg_emg.bdf"),
        ("b", "sub-a/ses-1/sub-a_ses-1_scans.tsv"),
    ],
)
def test_damaged_companions_read_or_are_named(tmp_path, form, name):
    make.written(tmp_path / f"x.{form}")
    path = tmp_path / f"x.{form}" / name
    content = path.read_bytes()

    @settings(
        max_examples=EXAMPLES // 4,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def run(data):
        path.write_bytes(changed(data.draw, content))
        source = path.with_suffix(".hea") if form == "w" else tmp_path / "x.b"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table, text = read_or_text(source)
        assert path.stem in text if table is None else len(table) == (1 if form == "w" else 3)

    run()


@pytest.mark.parametrize("name", FORMS)
def test_files_that_end_early(originals, tmp_path, name):
    content = (originals / name).read_bytes()
    # Text that ends after some complete rows may be all there is.
    is_text = name.endswith((".csv", ".txt")) and name != "os.txt"
    for length in (0, 1, 7, 60) if is_text else (0, 1, 7, 100, 200, 300):
        path = tmp_path / name
        path.write_bytes(content[:length])
        with pytest.raises((ValueError, OSError), match=path.stem):
            read_recordings(path, subject="s", fs=1000.0, unit="mV")


def in_little_memory(path, more_mb=600):
    """Read a file in a separate process with limited memory; return the last line of its errors."""
    code = (
        "import resource, sys, warnings, h5py, scipy.io, pyarrow.parquet\n"
        "import sklearn_emg.io as io\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        f"limit = pages * resource.getpagesize() + {more_mb} * 2**20\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "io.read_recordings(sys.argv[1], subject='s', fs=1000.0, unit='mV')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=120
    )
    return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""


def huge_edf(path):
    make.edf(path)
    content = bytearray(path.read_bytes())
    content[236:244] = b"99999999"
    path.write_bytes(content)


def huge_c3d(path):
    make.c3d(path)
    content = bytearray(path.read_bytes())
    struct.pack_into("<HHHH", content, 4, 65535, 65535, 1, 65535)
    path.write_bytes(content)


def huge_npy(path):
    with open(path, "wb") as file:
        head = {"descr": "<f8", "fortran_order": False, "shape": (2, 10**11)}
        np.lib.format.write_array_header_1_0(file, head)
        file.write(bytes(1000))


def huge_h5(path):
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("emg", shape=(4, 10**10), dtype="f8", chunks=(1, 1000))


def elsewhere_h5(path):
    import h5py

    secret = path.with_name("secret.bin")
    secret.write_bytes(bytes(80_000))
    with h5py.File(path, "w") as file:
        file.create_dataset("emg", shape=(10_000,), dtype="f8", external=[(str(secret), 0, 80_000)])


def huge_parquet(path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Equal values are stored once, with their number.
    zeros = pa.array(np.zeros(2**27, dtype=np.float32))
    pq.write_table(pa.table({"emg [mV]": zeros}), path, compression="zstd")


def huge_mat(path):
    path.write_bytes(make.bomb(2**30))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
@pytest.mark.parametrize(
    "name, write, match",
    [
        ("huge.edf", huge_edf, "announces 99999999 data records"),
        ("huge.c3d", huge_c3d, "analog values per frame"),
        ("huge.npy", huge_npy, "npy"),
        ("huge.h5", huge_h5, "announces 320000000000 bytes"),
        ("other.h5", elsewhere_h5, "keeps its samples in other files"),
        ("huge.parquet", huge_parquet, "announces 1073741824 bytes but has"),
        ("huge.mat", huge_mat, "unpacks to more than"),
    ],
)
def test_files_that_ask_for_memory_are_refused(tmp_path, name, write, match):
    write(tmp_path / name)
    assert resource.getpagesize() > 0
    error = in_little_memory(tmp_path / name)
    assert error.startswith(("ValueError", "OSError")), error
    assert name in error
    assert match in error


def test_hdf5_links_to_other_files_are_not_followed(tmp_path):
    import h5py

    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["emg"] = np.ones(1000)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["emg"] = h5py.ExternalLink("other.h5", "/emg")
    with pytest.raises(ValueError, match=r"a\.h5 has no array"):
        read_recordings(tmp_path / "a.h5", subject="s", fs=1000.0, unit="mV")


def test_no_flipped_bit_of_a_parquet_file_is_read_as_another_sample(tmp_path):
    path = tmp_path / "a.parquet"
    rng = np.random.default_rng(0)
    table = recording_table(rng.normal(0, 0.1, (1, 600)), fs=1000.0, subject="s1")
    write_recordings(table, path)
    whole = path.read_bytes()
    for at in np.linspace(10, 0.6 * len(whole), 30).astype(int):
        content = bytearray(whole)
        content[at] ^= 1 << 6
        path.write_bytes(content)
        with pytest.raises((ValueError, OSError), match=r"a\.parquet"):
            read_recordings(path)


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are Unicode")
def test_names_that_are_not_utf_8_are_refused(tmp_path):
    name = os.path.join(os.fsencode(tmp_path), b"bad\xff.csv")
    with open(name, "wb") as file:
        file.write(b"time [s],EMG [mV]\n0,1\n0.001,2\n")
    with pytest.raises(ValueError, match=r"bad\\udcff\.csv is not UTF-8; rename it"):
        read_recordings(os.fsdecode(name), subject="s1")
    with pytest.raises(ValueError, match=r"bad\\udcff\.csv is not UTF-8; rename it"):
        read_folder(tmp_path, "{subject}.csv")


def test_paths_as_bytes_and_no_path(tmp_path):
    make.opensignals_text(tmp_path / "os.txt")
    assert len(read_recordings(os.fsencode(tmp_path / "os.txt"), subject="s1")) == 1
    with pytest.raises(TypeError, match="takes a path or several paths"):
        read_recordings(None)
