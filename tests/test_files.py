"""Files are written whole or not at all."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from sklearn_emg._files import read_bytes, write_atomically, write_text_atomically

CONTENT = {"a": "a" * 200_000, "b": "b" * 200_000}


def write_many(path, letter, folder):
    for _ in range(40):
        if folder:
            write_atomically(path, lambda target: fill(target, letter))
        else:
            write_text_atomically(path, CONTENT[letter])


def fill(target, letter):
    target.mkdir()
    for name in ("one", "two"):
        (target / name).write_text(CONTENT[letter])


@pytest.mark.parametrize("folder", [False, True])
def test_two_processes_that_write_one_name_leave_one_whole_content(tmp_path, folder):
    path = tmp_path / "x"
    with ProcessPoolExecutor(2) as pool:
        for done in [pool.submit(write_many, path, letter, folder) for letter in "ab"]:
            done.result()
    files = [path / "one", path / "two"] if folder else [path]
    contents = {file.read_text() for file in files}
    assert len(contents) == 1
    assert contents <= set(CONTENT.values())
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = write_text_atomically(tmp_path / "x", "old")

    def fail(target):
        target.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_scratch_of_a_killed_process_is_cleared_by_the_next_write(tmp_path):
    code = (
        "import os, signal, sys\nfrom sklearn_emg._files import write_atomically\n"
        "write_atomically(sys.argv[1], lambda target: os.kill(os.getpid(), signal.SIGKILL))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    write_text_atomically(tmp_path / "x", "new")
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_scratch_of_a_living_process_is_left(tmp_path):
    def write(target):
        write_text_atomically(tmp_path / "x", "inner")
        assert target.parent.is_dir()
        Path(target).write_text("outer")

    write_atomically(tmp_path / "x", write)
    assert (tmp_path / "x").read_text() == "outer"
    assert os.listdir(tmp_path) == ["x"]


def make_folder(target):
    target.mkdir()
    (target / "inner").write_text("new")


def test_a_folder_replaces_a_file_or_a_link(tmp_path):
    (tmp_path / "x").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("x", "link"):
        write_atomically(tmp_path / name, make_folder)
        assert (tmp_path / name / "inner").read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == ["link", "x"]


def test_a_file_does_not_replace_a_folder_with_files(tmp_path):
    make_folder(tmp_path / "x")
    with pytest.raises(IsADirectoryError, match="x is a folder with files"):
        write_text_atomically(tmp_path / "x", "new")
    assert (tmp_path / "x" / "inner").read_text() == "new"
    assert os.listdir(tmp_path) == ["x"]


def test_a_file_replaces_an_empty_folder_or_a_link_to_a_folder(tmp_path):
    kept = tmp_path / "kept"
    make_folder(kept)
    (tmp_path / "x").mkdir()
    (tmp_path / "link").symlink_to(kept)
    for name in ("x", "link"):
        write_text_atomically(tmp_path / name, "new")
        assert (tmp_path / name).read_text() == "new"
    assert (kept / "inner").read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == ["kept", "link", "x"]


def test_a_file_above_its_limit_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.txt"
    with open(path, "wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match="contains more than 1000 bytes"):
        read_bytes(path, 1000)
