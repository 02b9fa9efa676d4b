"""Browser page on this computer that shows a running diagnosis."""

from __future__ import annotations

import hmac
import html
import json
import re
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sklearn_emg._validation import check_integer
from sklearn_emg.inspection._live._state import LiveState
from sklearn_emg.inspection._plot import COLORS, MARKERS, class_styles
from sklearn_emg.streaming import StreamingDiagnosis

# The colours of COLORS, adapted to a dark background.
_ON_DARK = ("#4aa8e0", "#ff8a3d", "#2fc79a", "#e39cc4", "#f0b73a", "#7cc8f5", "#ffffff")
_SIGNS = dict(zip(MARKERS, "●▲■◆▼✚✖"))
_PAUSE = 0.1  # minimum time in s between two updates
_STREAMS = 8  # maximum number of open pages


class LiveView:
    """Show the signal, scores and decision of a live diagnosis in a browser on this computer.

    A server from Python's standard library listens on the loopback interface only. Each request
    needs the random token in :attr:`url`, and the page loads nothing from other hosts. The page
    follows the light or dark theme of the system.

    Parameters
    ----------
    live : StreamingDiagnosis
        Diagnosis to show. Call its ``begin`` before :meth:`run`.
    port : int, default=0
        Port on 127.0.0.1. With 0, a free port is chosen.
    seconds : float, default=10.0
        Length of the signal that is shown, in s. At most 8 channels are drawn.

    Attributes
    ----------
    url : str
        Address of the page, including the token. Any user of this computer who knows the address
        can watch.

    See Also
    --------
    watch : Shows a live diagnosis in a terminal.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> from sklearn_emg.inspection import LiveView
    >>> from sklearn_emg.recordings import recording_table
    >>> from sklearn_emg.streaming import StreamingDiagnosis, replay
    >>> rng = np.random.default_rng(0)
    >>> loud = np.repeat([0.1, 0.3], 4)
    >>> table = recording_table(
    ...     [a * rng.normal(size=2000) for a in loud], fs=1000.0, subject=list("abcdefgh")
    ... )
    >>> windows = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    >>> model = DiVoteClassifier(windows).fit(table, np.where(loud > 0.2, "patient", "control"))
    >>> live = StreamingDiagnosis(model)
    >>> with LiveView(live) as view:
    ...     view.url[:17]  # open it in a browser
    ...     live.begin("new")
    ...     events = list(view.run(replay(0.3 * rng.normal(size=1000), 1000.0, speed=None)))
    'http://127.0.0.1:'
    >>> len(events)
    7
    """

    def __init__(self, live: StreamingDiagnosis, *, port: int = 0, seconds: float = 10.0):
        if check_integer(port, "port", "LiveView", 0) > 65535:
            raise ValueError(
                f"The 'port' parameter of LiveView must be at most 65535. Got {port} instead."
            )
        self._state = LiveState(live, seconds, "LiveView")
        self._token = secrets.token_urlsafe(24)
        self._closed = threading.Event()
        self._server = _Server(("127.0.0.1", port), self._state, self._token, self._closed)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Address of the page, including the token."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/?token={self._token}"

    def run(self, source: Iterable[Any]) -> Iterator[Any]:
        """Yield the events of ``live.run(source)`` and show them on the page as they arrive.

        Parameters
        ----------
        source : iterable of array-like or Chunk
            Samples in a form that ``StreamingDiagnosis.run`` accepts.

        Yields
        ------
        event : WindowResult or Gap
            Result of a window, or a gap in the signal.
        """
        return self._state.run(source)

    def close(self) -> None:
        """Stop the server; open pages keep their last state and report that the view has ended."""
        self._closed.set()
        with self._state.changed:
            self._state.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> LiveView:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], state: LiveState, token: str, closed: threading.Event
    ):
        self.state, self.token, self.closed = state, token.encode(), closed
        self.streams = threading.BoundedSemaphore(_STREAMS)
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing, because it is not an error if a browser closes a connection."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = "sklearn-emg", ""
    timeout = 10.0  # time limit in s for receiving a request or sending an update

    def do_GET(self) -> None:
        """Serve the page and its events to requests with the token."""
        parts = urlsplit(self.path)
        given = parse_qs(parts.query).get("token", [""])[0]
        host = self.headers.get("Host", "").rpartition(":")[0]
        # A request with another host name comes from a page elsewhere, whose name was resolved to
        # this computer.
        if host not in ("127.0.0.1", "localhost") or not hmac.compare_digest(
            given.encode(), self.server.token
        ):
            self._answer(403, "text/plain", b"The address must include its token.\n")
        elif parts.path == "/":
            nonce = secrets.token_urlsafe(16)
            page = _page(self.server.state, nonce).encode()
            self._answer(200, "text/html; charset=utf-8", page, nonce)
        elif parts.path == "/events":
            self._events()
        else:
            self._answer(404, "text/plain", b"There is no such page.\n")

    def _events(self) -> None:
        """Send updates as server-sent events until the view or the connection is closed."""
        if not self.server.streams.acquire(blocking=False):
            self._answer(503, "text/plain", b"Too many pages are open.\n")
            return
        try:
            self._head(200, "text/event-stream", None)
            seen = -1
            while not self.server.closed.is_set():
                seen = self._send_next(seen)
        except OSError:  # the browser has closed the connection
            return
        finally:
            self.server.streams.release()

    def _send_next(self, seen: int) -> int:
        """Wait for a change, send the new state and return its version."""
        state = self.server.state
        with state.changed:
            state.changed.wait_for(
                lambda: state.version != seen or self.server.closed.is_set(), timeout=10.0
            )
            version, shown = state.version, state.snapshot()
        text = f"data: {json.dumps(shown)}\n\n" if version != seen else ": waiting\n\n"
        self.wfile.write(text.encode())
        self.wfile.flush()
        time.sleep(_PAUSE)
        return version

    def _answer(self, status: int, kind: str, body: bytes, nonce: str | None = None) -> None:
        self._head(status, kind, nonce, len(body))
        self.wfile.write(body)

    def _head(self, status: int, kind: str, nonce: str | None, length: int | None = None) -> None:
        self.send_response(status)
        own = "" if nonce is None else f"script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
        for name, value in (
            ("Content-Type", kind),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            (
                "Content-Security-Policy",
                f"default-src 'none'; {own}img-src data:; connect-src 'self'; "
                "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            ),
        ):
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Print no requests, because their addresses contain the token."""


def _for_script(value: Any) -> str:
    """Encode JSON for a script element, so that no closing tag in a text ends the element."""
    return json.dumps(value).replace("<", "\\u003c")


def _page(state: LiveState, nonce: str) -> str:
    """Build the page with its style sheet and script."""
    classes = [str(label) for label in state.live.classes]
    styles = class_styles(state.live.classes)
    light = [color for color, *_ in styles]
    dark = [_ON_DARK[COLORS.index(color)] for color in light]
    marks = [_SIGNS[marker] for _, marker, *_ in styles]
    colours = [f".k{k} {{ --ink: {color} }}" for k, color in enumerate(light)]
    at_night = [f".k{k} {{ --ink: {color} }}" for k, color in enumerate(dark)]
    folder = files("sklearn_emg.inspection._reports") / "templates"
    parts = {
        "NONCE": nonce,
        "CSS": (folder / "page.css").read_text(encoding="utf-8")
        + (folder / "live.css").read_text(encoding="utf-8")
        + "\n".join(colours)
        + "\n@media screen and (prefers-color-scheme: dark) {\n" + "\n".join(at_night) + "\n}\n",
        "ROWS": "\n".join(
            f'<tr class="k{k}"><th scope="row"><span class="mark" aria-hidden="true">{mark}</span> '
            f'{html.escape(name)}</th><td class="number" id="mean{k}">–</td>'
            f'<td class="number" id="latest{k}">–</td></tr>'
            for k, (name, mark) in enumerate(zip(classes, marks))
        ),
        "LANES": "\n".join(
            f'<div class="lane k{k}"><span class="name"><span class="mark" aria-hidden="true">'
            f'{mark}</span> {html.escape(name)}</span><svg viewBox="0 0 1000 100" '
            f'preserveAspectRatio="none" aria-hidden="true"><path id="lane{k}"/></svg></div>'
            for k, (name, mark) in enumerate(zip(classes, marks))
        ),
        "NAMES": _for_script(classes),
        "MARKS": _for_script(marks),
        "FIRST": _for_script(state.snapshot()),
        "SCRIPT": (folder / "live.js").read_text(encoding="utf-8"),
    }  # fmt: skip
    text = (folder / "live.html").read_text(encoding="utf-8")
    # A single pass, because names of classes may contain @@.
    return re.sub("@@([A-Z]+)@@", lambda found: parts[found[1]], text)
