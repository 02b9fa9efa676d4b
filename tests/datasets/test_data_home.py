"""Where data are kept, and what may be deleted there."""

import gzip
import os
from pathlib import Path

import pytest

from sklearn_emg._files import read_bytes, regular_file
from sklearn_emg.datasets import clear_data_home, get_data_home


def test_parameter_comes_before_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("SKLEARN_EMG_DATA", str(tmp_path / "environment"))
    assert get_data_home(tmp_path / "parameter") == tmp_path / "parameter"
    assert get_data_home() == tmp_path / "environment"


def test_default_is_the_users_cache(monkeypatch):
    monkeypatch.delenv("SKLEARN_EMG_DATA", raising=False)
    pooch = pytest.importorskip("pooch")
    assert get_data_home() == Path(pooch.os_cache("sklearn_emg"))


def test_asking_makes_no_folder(tmp_path):
    get_data_home(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_clearing_leaves_the_users_own_files(tmp_path):
    folder = tmp_path / "emgdb"
    folder.mkdir()
    (folder / "emg_healthy.dat").write_bytes(b"fetched")
    (folder / "notes.txt").write_text("mine")
    clear_data_home(tmp_path)
    assert [p.name for p in folder.iterdir()] == ["notes.txt"]


def test_clearing_removes_an_emptied_folder(tmp_path):
    (tmp_path / "emgdb").mkdir()
    (tmp_path / "emgdb" / "emg_healthy.hea").write_bytes(b"fetched")
    clear_data_home(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.dat")
    with pytest.raises(ValueError, match="not a regular file"):
        regular_file(tmp_path / "a.dat", tmp_path)


def test_unpacking_stops_at_the_limit(tmp_path):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(bytes(100_000)))
    with pytest.raises(ValueError, match=r"a\.txt\.gz contains more than 1000 bytes"):
        read_bytes(tmp_path / "a.txt.gz", 1000)
