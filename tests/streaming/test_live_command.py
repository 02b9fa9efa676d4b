"""The command ``sklearn-emg live``: a saved system on signals as they arrive."""

import re
import socket
import threading

import numpy as np
import pytest
from data import recording_cohort
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_emg._command import main
from sklearn_emg.deployment import save_model
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures

pytest.importorskip("skops", reason="needs skops")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    table, y = recording_cohort([1, 3] * 3, labels=("healthy", "myopathy"))
    windows = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    fitted = DiVoteClassifier(windows, window=0.2, step=0.1).fit(table, y)
    return str(save_model(fitted, tmp_path_factory.mktemp("saved") / "model"))


@pytest.fixture(scope="module")
def signal():
    return np.round(3 * np.random.default_rng(0).normal(size=900), 4)


@pytest.mark.parametrize("view", [None, "--page", "--terminal"])
def test_a_file_is_diagnosed(model, signal, tmp_path, capsys, view):
    if view == "--terminal":
        pytest.importorskip("rich", reason="needs rich")
    file = tmp_path / "s1.csv"
    lines = [f"{k / 1000},{value}" for k, value in enumerate(signal)]
    file.write_text("\n".join(["time [s],EMG [mV]", *lines]) + "\n")
    options = [] if view is None else [view]
    assert main(["live", model, "--file", str(file), "--subject", "p9", *options]) == 0
    out = capsys.readouterr().out
    assert "0.20 s  myopathy: 100% of the votes [21%, 100%]" in out
    assert "p9" in out
    assert re.search(r"p9 .* myopathy", out.splitlines()[-1])
    assert ("Page: http://127.0.0.1:" in out) == (view == "--page")


def test_lines_over_tcp_are_diagnosed_and_gaps_told(model, signal, capsys):
    server = socket.create_server(("127.0.0.1", 0))

    def send():
        with server.accept()[0] as connection:
            for k, value in enumerate(1000 * signal):
                if not 400 <= k < 430:
                    connection.sendall(b"%d,%.1f\n" % (k % 256, value))

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    address = f"127.0.0.1:{server.getsockname()[1]}"
    assert main(["live", model, "--tcp", address, "--unit", "uV", "--counter", "256"]) == 0
    sender.join()
    server.close()
    assert "0.43 s  gap from 0.40 s" in capsys.readouterr().out


def test_a_source_that_is_not_there_is_an_error_in_one_line(model, capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    assert main(["live", model, "--tcp", address]) == 2
    assert capsys.readouterr().err.startswith(f"error: tcp://{address} cannot be opened")
    with pytest.raises(SystemExit):
        main(["live", model])
    assert "one of the arguments --file --tcp --serial --lsl is required" in capsys.readouterr().err


@pytest.mark.parametrize(
    "source, options, match",
    [
        ("--file", ["--fs", "500", "--counter", "256"], "--fs, --counter cannot be used with"),
        ("--tcp", ["--speed", "2"], "--speed cannot be used with --tcp"),
        ("--serial", ["--speed", "2"], "--speed cannot be used with --serial"),
        ("--lsl", ["--fs", "1000"], "--fs cannot be used with --lsl"),
    ],
)
def test_options_of_another_source_are_refused(model, capsys, source, options, match):
    assert main(["live", model, source, "none", *options]) == 2
    assert match in capsys.readouterr().err
