"""Views of a running diagnosis: the page, its token, and the terminal."""

import http.client
import io
import json
import re
import shutil
import subprocess
import threading
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from data import recording_cohort
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.inspection import LiveView, watch
from sklearn_emg.preprocessing import ArtefactDetector
from sklearn_emg.streaming import FixedLength, StreamingDiagnosis, replay

LABELS = ("healthy", "myopathy <x>")


@pytest.fixture(scope="module", params=[None, 3], ids=["one channel", "three channels"])
def cohort(request):
    table, y = recording_cohort([1, 3] * 3, n_channels=request.param, labels=LABELS)
    windows = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    return DiVoteClassifier(windows, window=0.2, step=0.1).fit(table, y), request.param


def started(cohort, **settings):
    model, n_channels = cohort
    live = StreamingDiagnosis(model, stop=FixedLength(1.0), **settings)
    live.begin("new <subject>")
    shape = 2000 if n_channels is None else (n_channels, 2000)
    signal = 3 * np.random.default_rng(0).normal(size=shape)
    signal[..., 900:950] = np.nan
    return live, signal


def get(url, path=None, token=None, host=None):
    """Status, headers and text of the answer to a request."""
    parts = urlsplit(url)
    token = parse_qs(parts.query)["token"][0] if token is None else token
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=5.0)
    headers = {} if host is None else {"Host": host}
    connection.request("GET", f"{path or parts.path}?token={token}", headers=headers)
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read().decode()


def pictures(url):
    """Pictures that the page receives, in the order of arrival."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=5.0)
    connection.request("GET", f"/events?{parts.query}")
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.getheader("Content-Type") == "text/event-stream"
    for line in answer:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


def test_the_page_shows_signal_scores_and_decision(cohort):
    live, signal = started(cohort)
    with LiveView(live) as view:
        seen = pictures(view.url)
        assert next(seen)["phase"] == "waiting"
        events = list(view.run(replay(signal, 1000.0, speed=None)))
        last = next(told for told in seen if told["phase"] == "ended")
        status, _, page = get(view.url)
    windows = [e for e in events if hasattr(e, "decision")]
    final = windows[-1].decision
    assert (status, last["decision"]["n_windows"]) == (200, len(windows))
    assert last["decision"]["leading"] == last["decision"]["decided"] == 1
    assert last["decision"]["subject"] == "new <subject>"
    assert last["decision"]["interval"] == pytest.approx(final.interval, abs=1e-3)
    found = [w["scores"] for w in last["windows"]]
    np.testing.assert_allclose(found, [e.scores for e in windows], rtol=1e-3)
    assert last["messages"] == ["Gap from 0.90 to 0.95 s"]
    # 500 intervals in 10 s: 20 samples each.
    n_channels = 1 if signal.ndim == 1 else len(signal)
    assert np.shape(last["signal"]["low"]) == (n_channels, 100)
    first = np.atleast_2d(signal)[0]
    assert last["signal"]["high"][0][:2] == pytest.approx(
        [first[:20].max(), first[20:40].max()], rel=1e-3
    )
    assert last["signal"]["high"][0][46] is None  # samples 920 to 939
    assert "myopathy &lt;x&gt;" in page
    assert "myopathy <x>" not in page
    assert "new <subject>" not in page


def test_only_the_token_and_this_computer_have_access(cohort):
    live, _ = started(cohort)
    with LiveView(live) as view:
        assert urlsplit(view.url).hostname == "127.0.0.1"
        port = urlsplit(view.url).port
        for path in ("/", "/events"):
            for token in ("", "x", "é", view._token[:-1]):
                assert get(view.url, path, token.encode("utf-8").hex() or "-")[0] == 403
            assert get(view.url, path, host=f"evil.example:{port}")[0] == 403
        assert get(view.url, "/other")[0] == 404
        status, headers, page = get(view.url, host=f"localhost:{port}")
        other = LiveView(live)
        assert other._token != view._token
        other.close()
    assert status == 200
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    nonces = re.findall(r'nonce="([^"]+)"', page)
    assert len(nonces) == 2
    assert f"script-src 'nonce-{nonces[0]}'" in policy
    # Nothing is loaded from elsewhere, and only the address contains the token.
    assert not re.search(r"https?://|@@", page)
    assert view._token not in page
    with pytest.raises(ConnectionRefusedError):
        get(view.url)


def test_more_pages_than_streams_are_refused(cohort):
    live, _ = started(cohort)
    with LiveView(live) as view:
        open_pages = [pictures(view.url) for _ in range(8)]
        assert [next(page)["phase"] for page in open_pages] == ["waiting"] * 8
        assert get(view.url, "/events")[0] == 503


def test_a_port_out_of_range_is_refused(cohort):
    live, _ = started(cohort)
    with pytest.raises(ValueError, match="'port' parameter of LiveView must be at most 65535"):
        LiveView(live, port=70000)
    with pytest.raises(ValueError, match="'seconds' parameter of LiveView"):
        LiveView(live, seconds=0.0)


@pytest.mark.parametrize("wrong", [make_pipeline(LogisticRegression()), "model", None])
def test_what_is_no_running_diagnosis_is_refused_with_the_remedy(wrong):
    with pytest.raises(TypeError, match=r"'live' of LiveView must be a StreamingDiagnosis\. Got a"):
        LiveView(wrong)
    pytest.importorskip("rich")
    with pytest.raises(TypeError, match=r"'live' of watch .*give StreamingDiagnosis\(model\)"):
        watch(wrong, [])


def test_an_error_of_the_source_is_shown(cohort):
    live, signal = started(cohort)

    def breaks():
        yield signal[..., :300]
        raise ConnectionError("COM3: the connection broke")

    with LiveView(live) as view:
        with pytest.raises(ConnectionError):
            list(view.run(breaks()))
        told = next(pictures(view.url))
    assert told["phase"] == "stopped by an error"
    assert told["messages"][-1] == "Stopped: COM3: the connection broke"


def test_what_is_kept_does_not_grow(cohort):
    live, signal = started(cohort, artefacts=ArtefactDetector())
    flat = np.zeros((*signal.shape[:-1], 500))
    with LiveView(live, seconds=2.0) as view:
        for _ in view.run([flat] * 40):
            pass
        told = view._state.snapshot()
    assert np.shape(told["signal"]["low"])[-1] == 500
    assert told["signal"]["start"] == 18.0
    assert all(w["stop"] >= 17.9 for w in told["windows"])
    assert len(told["messages"]) == 20
    assert told["messages"][-1].startswith("Window at 19.80 s left out: flat")


def test_the_terminal_shows_the_same(cohort):
    rich = pytest.importorskip("rich.console", reason="needs rich")
    live, signal = started(cohort)
    out = io.StringIO()
    console = rich.Console(file=out, width=100, force_terminal=False)
    events = list(watch(live, replay(signal, 1000.0, speed=None), console=console))
    text = out.getvalue()
    final = [e for e in events if hasattr(e, "decision")][-1].decision
    assert f"Subject new <subject>, 2.0 s, {final.n_windows} windows, 0 left out (ended)" in text
    low, high = (f"{end:.0%}" for end in final.interval)
    assert f"Leading: myopathy <x>, 100% of the votes [{low}, {high}]" in text
    assert "Decided: myopathy <x>" in text
    assert re.search(r"healthy +█* +0\.\d\d", text)


# ------------------------------------------------- colours and a browser


def luminance(color):
    values = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


def contrast(a, b):
    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)


def test_text_has_contrast_in_both_themes_and_controls_have_names(cohort):
    live, _ = started(cohort)
    with LiveView(live) as view:
        page = get(view.url)[2]
    roots = re.findall(r":root \{([^}]*)\}", page)
    for root in roots:
        color = dict(re.findall(r"--([\w-]+): (#\w{6})", root))
        for ground in (color["back"], color["raised"]):
            assert contrast(color["text"], ground) > 7
            assert contrast(color["soft"], ground) > 4.5
    inks = re.findall(r"--ink: (#\w{6})", page)
    for root, ink in zip([roots[0]] * 2 + [roots[1]] * 2, inks):
        assert contrast(ink, re.search(r"--back: (#\w{6})", root)[1]) > 3
    assert '<html lang="en">' in page
    assert page.count("<h1") == page.count("<main>") == 1
    assert 'role="status" aria-live="polite"' in page
    assert len(re.findall(r'<svg [^>]*aria-hidden|role="img" *\n? *aria-label', page)) >= 4
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'aria-labelledby="([^"]+)"', page)) <= set(ids)


@pytest.mark.slow
def test_a_browser_draws_the_page(cohort, tmp_path):
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("needs chromium, which is not on the PATH")
    live, signal = started(cohort)
    with LiveView(live) as view:
        list(view.run(replay(signal, 1000.0, speed=None)))
        # The stream of events would not end by itself.
        threading.Timer(4.0, view._closed.set).start()
        done = subprocess.run(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-sync", "--disable-component-update",
             "--enable-logging=stderr", "--v=0", f"--user-data-dir={tmp_path}", "--timeout=3000",
             "--dump-dom", view.url],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    dom = done.stdout
    assert re.search(r'id="leading">myopathy &lt;x&gt;<', dom)
    assert 'id="decided">Decided: ● myopathy &lt;x&gt;.<' in dom
    assert '<b id="subject">new &lt;subject&gt;</b>' in dom
    assert "Leading: myopathy &lt;x&gt;. Decided: myopathy &lt;x&gt;." in dom
    assert dom.count('class="channel"') == (1 if signal.ndim == 1 else 3)
    assert len(re.findall(r'<path d="M[^"]{200,}"', dom)) == dom.count('class="channel"')
    assert re.search(r'id="lane1" d="M[^"]{50,}"', dom)
    assert "Gap from 0.90 to 0.95 s" in dom
