"""Servers on loopback, each named for its vice, and the command line as a process to let loose on them.

Each server is a context manager that yields a `Server`: its address and the requests it was asked. What it answers is
a `RawResponse`, sent as proper HTTP in one piece; bytes, sent as they are before the connection is closed; or an
iterator of bytes, sent piece by piece in the same way.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import os
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from acs_conformance import report, spec_folder
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.fault import Fault
from acs_conformance.emulator.gateway import AccessKeys
from acs_conformance.message import RawRequest, RawResponse
from acs_conformance.signing import Credentials

ROOT = Path(__file__).parents[1]
#: What the processes started here sign with, and what the emulators here know.
KEYS = Credentials(access_key_id="tester", access_key_secret="secretOfTheTester0123")
JSON = "application/json;charset=utf-8"

Answer = RawResponse | bytes | Iterator[bytes]
Answering = Callable[[RawRequest, int], Answer]


# --- serving ----------------------------------------------------------------------------------------------------------


@dataclass
class Server:
    """A running server."""

    url: str
    #: All that was asked, in order of arrival.
    requests: list[RawRequest] = field(default_factory=list)
    #: Connections that were made.
    connections: int = 0
    #: Set when the server ends; answers that take their time look at it.
    ended: threading.Event = field(default_factory=threading.Event)

    def wait_for(self, count: int, timeout_s: float = 60) -> None:
        """Return once so many requests have come."""
        deadline = time.monotonic() + timeout_s
        while len(self.requests) < count:
            assert time.monotonic() < deadline, f"{len(self.requests)} of {count} requests came in {timeout_s} s"
            time.sleep(0.005)


class _Quiet(ThreadingHTTPServer):
    """Says nothing when a client leaves."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


@contextlib.contextmanager
def serving(answer: Answering) -> Iterator[Server]:
    """A server that answers the n-th request, counted from 1, with `answer(request, n)`."""
    numbers, lock = itertools.count(1), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def setup(self):
            super().setup()
            server.connections += 1

        def handle_one_request(self):
            self.raw_requestline = self.rfile.readline(65537 * 2)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            headers = tuple((name.lower(), value) for name, value in self.headers.items())
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            request = RawRequest(self.command, self.path, headers, body)
            with lock:
                number = next(numbers)
                server.requests.append(request)
            self._send(answer(request, number))

        def _send(self, answered):
            if isinstance(answered, RawResponse):
                head = [f"HTTP/1.1 {answered.status} X", *(f"{name}: {value}" for name, value in answered.headers)]
                head.append(f"content-length: {len(answered.body)}")
                body = b"" if self.command == "HEAD" else answered.body
                self.wfile.write("\r\n".join([*head, "", ""]).encode("latin-1") + body)
                return
            self.close_connection = True
            for piece in [answered] if isinstance(answered, bytes) else answered:
                if server.ended.is_set():
                    return
                self.wfile.write(piece)

        def log_message(self, *_):
            pass

    with _Quiet(("127.0.0.1", 0), Handler) as httpd:
        server = Server(f"http://127.0.0.1:{httpd.server_address[1]}")
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            httpd.shutdown()
            thread.join()


def always(status: int, body: object, **headers: str):
    """A server that answers all requests alike; a body that isn't bytes becomes JSON."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"content-type": JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return serving(lambda *_: RawResponse(status, tuple(named.items()), sent))


def error(code: str, message: str = "Bad.") -> dict[str, str]:
    """The body of an error, with an id of its own."""
    return {"RequestId": str(uuid.uuid4()).upper(), "Code": code, "Message": message}


def success() -> dict[str, str]:
    """The body of an accepted Start."""
    return {"RequestId": str(uuid.uuid4()).upper(), "TaskId": str(uuid.uuid4())}


def refusal(status: int, code: str, **headers: str) -> RawResponse:
    """One error as an answer."""
    named = {"content-type": JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return RawResponse(status, tuple(named.items()), json.dumps(error(code)).encode())


# --- servers that have never seen the contract ------------------------------------------------------------------------


def accepts_everything():
    """Plausible and new, every time."""
    return serving(lambda *_: RawResponse(200, (("content-type", JSON),), json.dumps(success()).encode()))


def accepts_with_an_empty_object():
    return always(200, {})


def accepts_with_an_error_code():
    """Says InvalidParameter with status 200, as some gateways do."""
    return serving(lambda *_: refusal(200, "InvalidParameter"))


def refuses_everything():
    return serving(lambda *_: refusal(400, "InvalidParameter"))


def forbids_everything():
    return serving(lambda *_: refusal(403, "Forbidden"))


def finds_nothing():
    return serving(lambda *_: refusal(404, "NotFound"))


def fails_always():
    return serving(lambda *_: refusal(500, "InternalError"))


def shows_a_page():
    return always(200, b"<!doctype html><title>Sign in</title><p>Please sign in.", content_type="text/html")


def hangs_up():
    """Reads each request and closes the connection."""
    return serving(lambda *_: b"")


def throttles_for_ever():
    return serving(lambda *_: refusal(400, "Throttling.User", x_acs_retry_after="1"))


def sends_elsewhere(location: str):
    return always(302, b"", location=location)


# --- servers that are no good at HTTP ---------------------------------------------------------------------------------


def is_silent():
    """Takes a request and says nothing until it ends."""

    def wait(_request: RawRequest, _number: int) -> Iterator[bytes]:
        server.ended.wait(30)
        yield b""

    manager = serving(wait)

    @contextlib.contextmanager
    def shared() -> Iterator[Server]:
        nonlocal server
        with manager as server:
            yield server

    server: Server
    return shared()


def says(raw: bytes):
    """Sends these bytes for an answer, whatever they are, and hangs up."""
    return serving(lambda *_: raw)


def breaks_off():
    """Announces more than it sends."""
    body = json.dumps(success()).encode()
    return says(_head(f"content-type: {JSON}", f"content-length: {len(body) + 50}") + body)


def speaks_no_http():
    return says(b"220 mail.example ESMTP ready\r\n")


def rambles(size: int = 10 << 20):
    """Goes on for 10 MiB."""
    return always(200, b'{"RequestId":"' + b"x" * size + b'"}')


def compresses():
    return always(200, gzip.compress(json.dumps(success()).encode()), content_encoding="gzip")


def compresses_badly():
    return always(200, b"this is not gzip", content_encoding="gzip")


def inflates(size: int = 10 << 20):
    """Sends 10 MiB of blanks in few bytes."""
    return always(200, gzip.compress(b" " * size), content_encoding="gzip")


def drips(first: bytes, piece: bytes, *, every_s: float, count: int):
    """Sends a beginning and then a piece again and again, slowly."""

    def pieces(*_: object) -> Iterator[bytes]:
        yield first
        for _number in range(count):
            time.sleep(every_s)
            yield piece

    return serving(pieces)


def answers_in_chunks():
    """A whole answer, chunk by chunk with pauses."""
    body = json.dumps(success()).encode()

    def pieces(*_: object) -> Iterator[bytes]:
        yield _head(f"content-type: {JSON}", "transfer-encoding: chunked", "connection: close")
        for start in range(0, len(body), 50):
            chunk = body[start : start + 50]
            time.sleep(0.005)
            yield f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n"
        yield b"0\r\n\r\n"

    return serving(pieces)


def _head(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode()


@contextlib.contextmanager
def nobody() -> Iterator[str]:
    """The address of a port on which nothing listens."""
    with serving(lambda *_: b"") as server:
        url = server.url
    yield url


# --- the emulator, disturbed ------------------------------------------------------------------------------------------

#: Given the request, its number and what the emulator does with it: what is answered.
Disturbance = Callable[[RawRequest, int, Callable[[], RawResponse]], Answer]


def emulates(disturbance: Disturbance | None = None, *, fault: Fault | None = None, pause_s: float = 0):
    """The emulator behind a plain server, with something in between.

    Args:
        disturbance: decides on each request; None leaves all to the emulator.
        fault: of the emulator's own.
        pause_s: seconds before each answer.
    """
    core = core_of(fault)
    lock = threading.Lock()

    def answer(request: RawRequest, number: int) -> Answer:
        if pause_s:
            time.sleep(pause_s)
        with lock:
            if disturbance is None:
                return core.handle(request)
            return disturbance(request, number, lambda: core.handle(request))

    return serving(answer)


def core_of(fault: Fault | None = None) -> Emulator:
    """The core of an emulator that knows `KEYS`."""
    keys = AccessKeys(secrets={KEYS.access_key_id: KEYS.access_key_secret})
    return Emulator(spec_folder.load_all(), settings=Settings(access_keys=keys), fault=fault)


def answers_instead(chosen: Callable[[int], bool], instead: Callable[[], Answer]):
    """The emulator, but for the requests with a chosen number."""
    return emulates(lambda _request, number, ask: instead() if chosen(number) else ask())


def fails_every(count: int):
    return answers_instead(lambda number: number % count == 0, lambda: refusal(500, "InternalError"))


def fails_once(at: int):
    return answers_instead(lambda number: number == at, lambda: refusal(500, "InternalError"))


def throttles_twice(at: int):
    return answers_instead(
        lambda number: number in (at, at + 1), lambda: refusal(400, "Throttling.User", x_acs_retry_after="1")
    )


def hangs_up_after_each():
    """Answers as it should, and closes each connection without having said so."""

    def answer(_request: RawRequest, _number: int, ask: Callable[[], RawResponse]) -> bytes:
        response = ask()
        head = [f"HTTP/1.1 {response.status} X", *(f"{name}: {value}" for name, value in response.headers)]
        head.append(f"content-length: {len(response.body)}")
        return "\r\n".join([*head, "", ""]).encode("latin-1") + response.body

    return emulates(answer)


# --- the command line -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """What a process left behind."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def report(self) -> dict:
        """report.json, held to its schema."""
        return report.load(self.folder)

    @property
    def verdicts(self) -> dict[str, str]:
        """Requirement id -> verdict."""
        return {row["id"]: row["verdict"] for row in self.report["requirements"]}

    @property
    def failed(self) -> set[str]:
        """The requirements that failed."""
        return {name for name, verdict in self.verdicts.items() if verdict == "fail"}

    def without_traceback(self) -> Ended:
        """The same, if no traceback was shown and nothing was called a defect of the tool."""
        shown = self.out + self.err
        assert "Traceback" not in shown, shown
        assert "defect of acs-conformance" not in shown, shown
        return self


def environment(*, keys: bool = True) -> dict[str, str]:
    """This process's environment without what pytest and the user put into it; with the testers' credentials."""
    left = {k: v for k, v in os.environ.items() if not re.match("ALIBABA_CLOUD_|PYTEST_|ACS_|NO_COLOR|COLUMNS", k)}
    if keys:
        left["ALIBABA_CLOUD_ACCESS_KEY_ID"] = KEYS.access_key_id
        left["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = KEYS.access_key_secret
    return left


def acs(*arguments: object, folder: Path, keys: bool = True, timeout_s: float = 120) -> Ended:
    """`acs-conformance` with these arguments, as a process in an empty folder of its own."""
    return _ended([sys.executable, "-m", "acs_conformance"], arguments, folder, folder, keys, timeout_s)


def run_against(
    url: str | None,
    folder: Path,
    *arguments: object,
    depth: str = "quick",
    keys: bool = True,
    chosen: Sequence[str] = ("StartRtcCloudTranscode",),
) -> Ended:
    """`acs-conformance run` against an address, or the embedded emulator if None, with its report in `folder`."""
    given = [] if url is None else ["--target", url]
    return acs(
        *("run", *chosen, "--no-self-check", *given, "--depth", depth, "--report-dir", folder, *arguments),
        folder=folder,
        keys=keys,
    )


def pytest_suites(folder: Path, *arguments: object, timeout_s: float = 180) -> Ended:
    """`pytest suites` with these options, as a process in this repository, its report in `folder`."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "suites", "--acs-report-dir", folder]
    return _ended(command, arguments, folder, ROOT, True, timeout_s)


def process(command, folder: Path) -> Ended:
    """A process of ours with what it left behind; its report in `folder`."""
    return _ended(command, (), folder, folder, True, 120)


def _ended(command, arguments, folder: Path, cwd: Path, keys: bool, timeout_s: float) -> Ended:
    folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.run(
        [str(part) for part in (*command, *arguments)],
        cwd=cwd,
        env=environment(keys=keys),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Ended(process.returncode, process.stdout, process.stderr, folder)
