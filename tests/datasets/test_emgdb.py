"""PhysioNet's example recordings: from a local folder and from a mirror on loopback."""

import hashlib
import shutil
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from sklearn_emg.datasets import _emgdb, fetch_emgdb
from sklearn_emg.recordings import SignalFile


class _QuietFiles(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class _LoginPage(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Please log in</html>")

    def log_message(self, *args):
        pass


@pytest.fixture
def serve(monkeypatch):
    """A function that starts a server on loopback with a handler and returns its address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    servers = []

    def start(handler):
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def small_release(tmp_path, monkeypatch):
    """A release of the same layout with short recordings, written here."""
    folder = tmp_path / "release"
    folder.mkdir()
    comments = {
        "emg_healthy": "# <age>: 44 <sex>: M <diagnoses> no history\n",
        "emg_myopathy": "# <age>: 57 <sex>: F\n# <diagnoses>: myopathy\n# <medications>: none\n",
        "emg_neuropathy": "# <age>: 62 <sex>: M\n# <diagnoses>: neuropathy due to a\n#  lesion\n",
    }
    for name, text in comments.items():
        np.arange(7, dtype="<i2").tofile(folder / f"{name}.dat")
        head = f"{name} 1 4000 7\n{name}.dat 16 10000/mv 16 0 0 21 0 EMG\n{text}"
        (folder / f"{name}.hea").write_text(head, newline="\r\n")
    hashes = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}
    monkeypatch.setattr(_emgdb, "_REGISTRY", hashes)
    return folder


def test_real_recordings_are_read_in_millivolts(real_data):
    bunch = fetch_emgdb(data_home=real_data, download_if_missing=False)
    table = bunch.data
    assert [len(s) for s in table["signal"]] == [50860, 110337, 147858]
    # Initial values in the headers: -333, -50 and 900 steps of 1/10000 mV.
    np.testing.assert_allclose([s[0] for s in table["signal"]], [-0.0333, -0.005, 0.09], rtol=1e-6)
    assert table["fs"].tolist() == [4000.0] * 3
    assert bunch.target.tolist() == ["normal", "myopathy", "neuropathy"]


def test_real_headers_of_both_layouts_are_understood(real_data):
    table = fetch_emgdb(data_home=real_data).data
    assert table["age"].tolist() == [44, 57, 62]
    assert table["diagnosis"].tolist() == [
        "no history of neuromuscular disease",
        "myopathy due to long history of polymostis",
        "chronic low back pain and neuropathy due to a right L5 radiculopathy",
    ]
    assert table["medication"].tolist() == ["", "steroids, low-dose methotrexate", ""]


def test_real_samples_agree_with_wfdb(real_data):
    wfdb = pytest.importorskip("wfdb")
    table = fetch_emgdb(data_home=real_data).data
    for name, signal in zip(table["recording"], table["signal"]):
        expected = wfdb.rdrecord(str(real_data / "emgdb" / name)).p_signal[:, 0]
        np.testing.assert_allclose(signal, expected, rtol=1e-6, atol=1e-9)


def test_environment_names_the_home(real_data, monkeypatch):
    monkeypatch.setenv("SKLEARN_EMG_DATA", str(real_data))
    X, y = fetch_emgdb(download_if_missing=False, return_X_y=True)
    assert len(X) == len(y) == 3


def test_lazy_signals_are_handles_with_the_same_samples(real_data):
    lazy = fetch_emgdb(data_home=real_data, lazy=True).data["signal"]
    eager = fetch_emgdb(data_home=real_data).data["signal"]
    assert all(isinstance(handle, SignalFile) for handle in lazy)
    for handle, signal in zip(lazy, eager):
        np.testing.assert_array_equal(handle, signal)


def test_downloads_into_the_home(small_release, tmp_path, serve):
    url = serve(partial(_QuietFiles, directory=small_release))
    home = tmp_path / "home"
    table = fetch_emgdb(data_home=home, base_url=url).data
    np.testing.assert_allclose(table["signal"].iloc[1], np.arange(7) / 10000, rtol=1e-6)
    assert sorted(p.name for p in (home / "emgdb").iterdir()) == sorted(_emgdb._REGISTRY)


def test_needs_no_network_when_all_is_there(small_release, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(small_release, home / "emgdb")
    assert len(fetch_emgdb(data_home=home, base_url="http://127.0.0.1:9").data) == 3


def test_links_in_the_home_are_followed(small_release, tmp_path):
    (tmp_path / "home" / "emgdb").mkdir(parents=True)
    for file in small_release.iterdir():
        (tmp_path / "home" / "emgdb" / file.name).symlink_to(file)
    assert len(fetch_emgdb(data_home=tmp_path / "home", download_if_missing=False).data) == 3


def test_damaged_file_is_downloaded_again(small_release, tmp_path, serve):
    url = serve(partial(_QuietFiles, directory=small_release))
    home = tmp_path / "home"
    shutil.copytree(small_release, home / "emgdb")
    (home / "emgdb" / "emg_myopathy.dat").write_bytes(b"damaged")
    table = fetch_emgdb(data_home=home, base_url=url).data
    assert table["signal"].iloc[1].shape == (7,)


def test_damaged_file_is_an_error_without_download(small_release, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(small_release, home / "emgdb")
    with open(home / "emgdb" / "emg_myopathy.dat", "r+b") as file:
        file.truncate(13)
    with pytest.raises(OSError, match=r"emg_myopathy\.dat is not as published .*download_if_miss"):
        fetch_emgdb(data_home=home, download_if_missing=False)


def test_missing_files_are_an_error_without_download(tmp_path):
    with pytest.raises(OSError, match=r"emg_healthy\.dat is missing.*SKLEARN_EMG_DATA"):
        fetch_emgdb(data_home=tmp_path, download_if_missing=False)


def test_html_page_with_status_200_is_refused_and_not_kept(small_release, tmp_path, serve):
    with pytest.raises(ValueError, match=r"not the published emg_\w+\.\w+ .*login page"):
        fetch_emgdb(data_home=tmp_path / "home", base_url=serve(_LoginPage))
    assert list((tmp_path / "home" / "emgdb").iterdir()) == []


def test_file_missing_on_the_server_names_the_address(small_release, tmp_path, serve):
    (small_release / "emg_healthy.dat").unlink()
    url = serve(partial(_QuietFiles, directory=small_release))
    with pytest.raises(OSError, match=r"cannot download http://127\S+/emg_healthy\.dat.*404"):
        fetch_emgdb(data_home=tmp_path / "home", base_url=url)


def test_unreachable_server_tells_what_to_do(small_release, tmp_path):
    with pytest.raises(OSError, match=r"Without a network, put the files of https://physionet"):
        fetch_emgdb(data_home=tmp_path / "home", base_url="http://127.0.0.1:9")


def test_home_that_cannot_be_written_tells_what_to_do(small_release, tmp_path, monkeypatch):
    # The refusal is simulated: tests may run as root, for whom no folder is read-only.
    import pooch.core

    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(pooch.core, "make_local_storage", refuse)
    with pytest.raises(OSError, match=r"cannot be written to\. Set 'data_home'"):
        fetch_emgdb(data_home=tmp_path / "home", base_url="http://127.0.0.1:9")


@pytest.mark.parametrize("place", ["home", "home/emgdb"])
def test_file_in_place_of_the_home_tells_what_to_do(place, small_release, tmp_path):
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text("a file")
    with pytest.raises(OSError, match=r"cannot be written to\. Set 'data_home'"):
        fetch_emgdb(data_home=tmp_path / "home", base_url="http://127.0.0.1:9")


@pytest.mark.network
def test_the_published_files_are_where_they_are_said_to_be(tmp_path):
    assert len(fetch_emgdb(data_home=tmp_path).data) == 3
