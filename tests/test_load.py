"""Load: what is sent and how answers count, in process; Locust itself as processes against an emulator in another."""

from __future__ import annotations

import contextlib
import csv
import json
import re
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from acs_conformance import spec_folder
from acs_conformance.errors import CredentialsError, SelectionError, UsageError
from acs_conformance.load.traffic import Traffic
from acs_conformance.message import RawResponse, header
from acs_conformance.wire import decode
from servers import (
    JSON,
    KEYS,
    ROOT,
    accepts_everything,
    always,
    core_of,
    environment,
    error,
    fails_always,
    hangs_up_after_each,
    nobody,
    refusal,
    serving,
    shows_a_page,
)

OPERATION = "StartRtcCloudTranscode"
REFUSED, VALID, THROTTLED = (f"{OPERATION} {word}" for word in ("refused", "valid", "throttled"))
ENVIRON = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": KEYS.access_key_id,
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": KEYS.access_key_secret,
}
LOAD = [sys.executable, "-m", "acs_conformance.load"]


@contextlib.contextmanager
def calling(url, *, environ=ENVIRON, **options):
    """A caller of the target at `url`."""
    caller = Traffic(url, environ, **options).caller()
    try:
        yield caller
    finally:
        caller.close()


def outcomes(manager, count=1, **options):
    """What comes of so many requests to a server."""
    with manager as server, calling(server if isinstance(server, str) else server.url, **options) as caller:
        return [caller.call() for _ in range(count)]


# --- what is sent -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["v3", "v1"])
def test_unless_told_otherwise_nothing_is_created(scheme):
    core = core_of()
    with serving(lambda request, _: core.handle(request)) as server, calling(server.url, scheme=scheme) as caller:
        found = [caller.call() for _ in range(6)]
    assert [(each.method, each.name, each.failure, each.wait_s) for each in found] == [("POST", REFUSED, "", 0)] * 6
    assert len(core.jobs) == 0
    assert server.connections == 1
    for request in server.requests:
        assert (header(request.headers, "authorization") is None) == (scheme == "v1")
        assert ("Signature=" in request.target) == (scheme == "v1")


def test_valid_requests_take_turns_with_refused_ones_and_each_has_names_of_its_own():
    core = core_of()
    with serving(lambda request, _: core.handle(request)) as server:
        traffic = Traffic(server.url, ENVIRON, has_valid=True)
        callers = [traffic.caller(), traffic.caller()]
        found = [caller.call() for _ in range(6) for caller in callers]
        for caller in callers:
            caller.close()
    assert [each.failure for each in found] == [""] * 12
    assert sorted({each.name for each in found}) == [REFUSED, VALID]
    assert len(core.jobs) == 6
    description = spec_folder.load(OPERATION)
    documents = [decode(description, request).document for request in server.requests]
    assert len({document["OutputParams"][0]["UserId"] for document in documents}) == 12


def test_a_refused_request_is_refused_for_what_the_documentation_says():
    (template,) = Traffic("http://127.0.0.1:1", ENVIRON).templates
    assert template.expected == "refusal"
    assert template.case.kind == "reject"


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"url": "http://example.com"}, UsageError, "not on this machine"),
        ({"url": "127.0.0.1:8080"}, UsageError, "no address"),
        ({"operations": ["Nothing"]}, SelectionError, "no operation is called 'Nothing'"),
        ({"operations": ["gateway"]}, UsageError, "gateway is no operation"),
        ({"environ": {"ALIBABA_CLOUD_ACCESS_KEY_ID": "half"}}, CredentialsError, "ACCESS_KEY_SECRET not set"),
    ],
)
def test_what_can_not_be_done_is_said_before_anything_is_sent(options, kind, said):
    with pytest.raises(kind, match=said):
        Traffic(**{"url": "http://127.0.0.1:1", "environ": ENVIRON} | options)


def test_descriptions_may_come_from_another_folder():
    root = ROOT / "tests/data/spec"
    templates = Traffic("http://127.0.0.1:1", ENVIRON, spec_root=root, has_valid=True).templates
    assert {each.name for each in templates} == {
        f"{operation} {kind}"
        for operation in ("BookParcel", "OpenParcel", "QuoteParcels")
        for kind in ("refused", "valid")
    }


# --- how answers count ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (accepts_everything, "200"),
        (fails_always, "500 InternalError"),
        (shows_a_page, "200 with text/html"),
        (lambda: always(404, b"<p>Nothing here", content_type="text/html"), "404 with text/html"),
        (lambda: always(400, error("NobodyKnows")), "400 NobodyKnows"),
        (lambda: always(400, error("SignatureDoesNotMatch")), "400 SignatureDoesNotMatch"),
        (lambda: always(403, error("Forbidden")), "403 Forbidden"),
        (lambda: always(302, b"", location="http://example.com"), "302 with application/json"),
        (nobody, "no answer (no connection: "),
        (lambda: serving(lambda *_: b""), "no answer (the connection was closed"),
    ],
)
def test_an_answer_that_is_not_documented_is_a_failure_with_its_code(server, said):
    (outcome,) = outcomes(server())
    assert outcome.name == REFUSED
    assert outcome.failure.startswith(said)


def test_a_refusal_of_a_valid_request_is_a_failure():
    found = outcomes(always(400, error("InvalidParameter.AppId")), 2, has_valid=True)
    assert {each.name: each.failure for each in found} == {REFUSED: "", VALID: "400 InvalidParameter.AppId"}


@pytest.mark.parametrize(
    ("code", "headers", "wait_s"),
    [
        ("Throttling.User", {"x_acs_retry_after": "1500"}, 1.5),
        ("TooManyRequests", {"x_acs_retry_after": " 20 "}, 0.02),
        ("Throttling", {}, 1),
        ("Throttling", {"x_acs_retry_after": "soon"}, 1),
        ("Throttling", {"x_acs_retry_after": "-5"}, 1),
        ("Throttling", {"x_acs_retry_after": "9" * 5000}, 1),
    ],
)
def test_throttling_counts_for_itself_and_says_how_long_to_wait(code, headers, wait_s):
    (outcome,) = outcomes(serving(lambda *_: refusal(400, code, **headers)))
    assert (outcome.name, outcome.failure, outcome.wait_s) == (THROTTLED, "", wait_s)


def test_time_and_size_are_those_of_the_answer():
    body = json.dumps(error("MissingParameter.AppId")).encode()
    (outcome,) = outcomes(serving(lambda *_: RawResponse(400, (("content-type", JSON),), body)))
    assert outcome.failure == ""
    assert outcome.size == len(body)
    assert 0 < outcome.elapsed_s < 30


def test_a_kept_connection_that_the_target_closes_is_no_failure():
    found = outcomes(hangs_up_after_each(), 5)
    assert [each.failure for each in found] == [""] * 5


def test_a_connection_is_kept_again_after_one_was_closed():
    core = core_of()

    def answer(request, number):
        response = core.handle(request)
        return b"".join(as_http(response)) if number == 2 else response

    with serving(answer) as server, calling(server.url) as caller:
        found = [caller.call() for _ in range(8)]
    assert [each.failure for each in found] == [""] * 8
    assert server.connections == 2


def as_http(response):
    yield f"HTTP/1.1 {response.status} X\r\n".encode()
    for name, value in response.headers:
        yield f"{name}: {value}\r\n".encode("latin-1")
    yield f"content-length: {len(response.body)}\r\n\r\n".encode()
    yield response.body


@pytest.mark.parametrize("scheme", ["v3", "v1"])
def test_no_failure_repeats_a_secret(scheme):
    environ = ENVIRON | {"ALIBABA_CLOUD_SECURITY_TOKEN": "tokenOfTheTester0123"}

    def echo(request, number):
        sent = request.target + " " + " ".join(value for _, value in request.headers)
        secrets = [*re.findall(r"Signature=([^&, ]+)", sent), "tokenOfTheTester0123", KEYS.access_key_secret]
        return refusal(400, f"Odd.{secrets[number % len(secrets)]}")

    with serving(echo) as server, calling(server.url, environ=environ, scheme=scheme) as caller:
        found = [caller.call().failure for _ in range(3)]
    assert all(re.fullmatch(r"400 Odd\.\*\*\*(=|%3D)?", text) for text in found), found
    assert "tokenOfTheTester0123" in str(server.requests[0].headers) + server.requests[0].target


# --- Locust -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def emulator(*arguments):
    """The emulator in a process of its own: its address."""
    command = [sys.executable, "-m", "acs_conformance", "emulator", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
    try:
        yield process.stdout.readline().removeprefix("listening on ").strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def load(folder, *arguments, keys=True):
    """Locust with our locustfile, as a process in an empty folder."""
    return subprocess.run(
        [*LOAD, *map(str, arguments)],
        cwd=folder,
        env=environment(keys=keys),
        capture_output=True,
        text=True,
        timeout=90,
    )


def headless(folder, url, *arguments, seconds=3, users=4):
    """A short test without a web interface: the process, and name -> requests and failures."""
    done = load(
        folder,
        *("--headless", "--host", url, "--users", users, "--spawn-rate", users, "--run-time", f"{seconds}s"),
        *("--csv", "load", "--json-file", "load", *arguments),
    )
    told = json.loads((folder / "load.json").read_text(encoding="utf-8"))
    counts = {entry["name"]: (entry["num_requests"], entry["num_failures"]) for entry in told}
    with (folder / "load_stats.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["Name"]: int(row["Request Count"]) for row in csv.DictReader(file)}
    assert set(rows) <= {*counts, "Aggregated"}  # it lacks the last second
    assert all(rows[name] <= counts[name][0] for name in counts if name in rows)
    return done, counts


def test_locust_reports_no_failure_of_the_emulator_and_shows_no_secret(tmp_path):
    with emulator() as url:
        done, counts = headless(tmp_path, url, "--acs-valid", "--loglevel", "DEBUG", "--html", "load.html")
    assert done.returncode == 0, done.stderr
    assert set(counts) == {REFUSED, VALID}
    assert all(sent > 5 and failed == 0 for sent, failed in counts.values()), counts
    everything = done.stdout + done.stderr + "".join(path.read_text(encoding="utf-8") for path in tmp_path.iterdir())
    assert KEYS.access_key_secret not in everything
    assert not re.search(r"Signature|AppId=|[0-9a-f]{64}", everything.replace("--acs-signature", ""))


def test_locust_counts_what_is_throttled_and_waits(tmp_path):
    rate, burst, users = 20, 10, 4
    with emulator("--quota", f"{rate}:{burst}") as url:
        start = time.monotonic()
        done, counts = headless(tmp_path, url, "--acs-signature", "v1", users=users)
        seconds = time.monotonic() - start
    assert done.returncode == 0, done.stderr
    assert set(counts) == {REFUSED, THROTTLED}
    assert counts[REFUSED][1] == counts[THROTTLED][1] == 0
    assert burst <= counts[REFUSED][0] <= burst + rate * seconds
    # Each user that waits as asked asks about once for each request that is let through.
    assert users <= counts[THROTTLED][0] <= users * rate * seconds


def test_locust_fails_with_the_code_of_what_is_not_documented(tmp_path):
    with fails_always() as server:
        done, counts = headless(tmp_path, server.url, "--html", "load.html", users=1)
    assert done.returncode == 1
    sent, failed = counts.pop(REFUSED)
    assert sent == failed > 0
    assert counts == {}
    assert "500 InternalError" in (tmp_path / "load.html").read_text(encoding="utf-8")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--headless", "--host", "http://example.com"], "error: --host 'http://example.com' is not on this machine"),
        (["--host", "http://me:secretWord@127.0.0.1"], "holds a user or password"),
        (["--headless"], "error: --host '' is no address"),
        (["--headless", "--host", "http://127.0.0.1:1", "--acs-operation", "Nothing"], "no operation is called"),
        (["--headless", "--host", "http://127.0.0.1:1", "--acs-spec", "nowhere"], "nowhere: is not a folder"),
        (["--headless", "--host", "http://127.0.0.1:1", "--acs-signature", "v2"], "invalid choice: 'v2'"),
    ],
)
def test_locust_ends_at_once_where_something_can_not_be_done(tmp_path, arguments, said):
    done = load(tmp_path, *arguments)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "secretWord" not in done.stderr


def test_a_test_without_requests_is_a_failure(tmp_path):
    done = load(tmp_path, "--headless", "--host", "http://127.0.0.1:1", "--users", 0, "--run-time", "1s")
    assert done.returncode == 2, done.stderr


def test_help_tells_our_options_and_so_does_load_md(tmp_path):
    done = load(tmp_path, "--help")
    assert done.returncode == 0, done.stderr
    document = (ROOT / "docs/load.md").read_text(encoding="utf-8")
    ours = set(re.findall(r"--acs-[a-z]+", done.stdout))
    assert ours == {"--acs-operation", "--acs-signature", "--acs-valid", "--acs-spec"}
    assert {option for option in ours if f"`{option}" not in document} == set()


def test_every_option_in_load_md_exists(tmp_path):
    document = (ROOT / "docs/load.md").read_text(encoding="utf-8")
    known = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", load(tmp_path, "--help").stdout))
    known |= {"--port", "--quota", "--target"}  # of acs-conformance
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", document)) - known == set()


def test_the_web_interface_shows_no_secret_and_takes_no_address_beyond_this_machine(tmp_path):
    port = free_port()
    command = [*LOAD, "--web-port", str(port), "--loglevel", "INFO"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            base = f"http://127.0.0.1:{port}"
            page = eventually(process, f"{base}/", lambda _: True)
            form = {"user_count": "1", "spawn_rate": "1", "host": "http://example.com"}
            assert httpx.post(f"{base}/swarm", data=form).json()["success"]
            shown = eventually(process, f"{base}/exceptions", lambda answer: answer.json()["exceptions"])
        finally:
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=20)
    assert "--host 'http://example.com' is not on this machine" in json.loads(shown)["exceptions"][0]["msg"]
    assert "--host 'http://example.com' is not on this machine" in said
    assert f"Starting web interface at {base}" in said  # and on no other interface
    assert "Traceback" not in said
    assert KEYS.access_key_secret not in page + shown + said
    assert "acs_" not in page


def eventually(process, url, wanted, timeout_s=60):
    """The first answer that is as wanted."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            answer = httpx.get(url)
            if wanted(answer):
                return answer.text
        time.sleep(0.05)
    raise AssertionError(f"{url} did not answer as wanted")


def test_only_the_locustfile_brings_locust():
    code = (
        "import sys, acs_conformance.load, acs_conformance.load.traffic, acs_conformance.load.__main__\n"
        "print([name for name in ('gevent', 'greenlet', 'locust') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_without_locust_it_says_how_to_get_it(tmp_path):
    hide = "import sys; sys.modules['locust'] = None; sys.argv[1:] = []\n"
    code = hide + "from acs_conformance.load.__main__ import main\nmain()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "pip install 'acs-conformance[load]'" in done.stderr


@pytest.mark.slow
def test_locust_in_several_processes(tmp_path):
    with emulator() as url:
        done, counts = headless(tmp_path, url, "--processes", 2, "--acs-valid", users=6)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("reported as ready") == 2
    assert all(sent > 5 and failed == 0 for sent, failed in counts.values()), counts


def test_locust_with_a_master_and_a_worker_that_is_told_everything_by_it(tmp_path):
    port = free_port()
    worker = tmp_path / "worker"
    worker.mkdir()
    with emulator() as url:
        process = subprocess.Popen(
            [*LOAD, "--worker", "--master-port", str(port)],
            cwd=worker,
            env=environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            done, counts = headless(
                tmp_path,
                url,
                *(
                    "--master",
                    "--master-bind-port",
                    port,
                    "--expect-workers",
                    1,
                    "--acs-valid",
                    "--acs-signature",
                    "v1",
                ),
            )
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert done.returncode == 0, done.stderr
    assert process.returncode == 0, said
    assert set(counts) == {REFUSED, VALID}
    assert all(sent > 5 and failed == 0 for sent, failed in counts.values()), counts
    assert KEYS.access_key_secret not in done.stdout + done.stderr + said


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
