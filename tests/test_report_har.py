"""exchanges.har: every exchange, valid by the schema of HAR 1.2, and as Chromium's developer tools read it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from jsonschema import Draft6Validator

from acs_conformance.errors import UsageError
from acs_conformance.report import har, pdf
from hostile import poisoned, sample

SCHEMA = json.loads((Path(__file__).parent / "data" / "har-schema-2.0.0.json").read_text("utf-8"))
VALIDATOR = Draft6Validator(SCHEMA, format_checker=Draft6Validator.FORMAT_CHECKER)


@pytest.fixture
def report():
    return sample()


def archive(report, numbers=None):
    found = json.loads(har.render(report, numbers))
    assert [f"{list(error.absolute_path)}: {error.message}" for error in VALIDATOR.iter_errors(found)] == []
    return found["log"]


def test_the_schema_finds_what_is_wrong(report):
    found = json.loads(har.render(report))
    del found["log"]["entries"][0]["request"]["cookies"]
    assert not VALIDATOR.is_valid(found)


def test_every_exchange_is_an_entry_in_its_order(report):
    log = archive(report)
    assert [entry["_exchange"] for entry in log["entries"]] == [each["number"] for each in report["exchanges"]]
    for entry, exchange in zip(log["entries"], report["exchanges"], strict=True):
        assert entry["request"]["url"] == f"http://127.0.0.1:8080{exchange['request']['target']}"
        assert entry["request"]["method"] == exchange["request"]["method"]
        assert entry["time"] == entry["timings"]["wait"] == pytest.approx(exchange["elapsed_s"] * 1000, abs=0.001)
        assert entry["pageref"] in {page["id"] for page in log["pages"]}
        assert exchange["case"] in entry["comment"]
        if exchange["response"] is not None:
            assert entry["response"]["status"] == exchange["response"]["status"]
            assert entry["response"]["content"]["text"] == exchange["response"]["body"]


def test_the_query_is_shown_decoded(report):
    report["exchanges"][0]["request"]["target"] = "/?AppId=a%20b%26&b=+&c=%FF&d"
    shown = archive(report)["entries"][0]["request"]["queryString"]
    assert [(each["name"], each["value"]) for each in shown] == [
        ("AppId", "a b&"),
        ("b", " "),
        ("c", "\\xff"),
        ("d", ""),
    ]


def test_an_exchange_without_an_answer_has_the_reason(report):
    report["exchanges"][1] |= {"response": None, "failure": "the connection was closed"}
    response = archive(report)["entries"][1]["response"]
    assert (response["status"], response["_error"]) == (0, "the connection was closed")


def test_bytes_that_are_no_text_are_base64(report):
    packed = base64.b64encode(b"\xff\x00").decode()
    report["exchanges"][0]["request"]["body"] = "a=1"
    report["exchanges"][0]["response"]["body"] = {"base64": packed}
    entry = archive(report)["entries"][0]
    assert entry["request"]["postData"]["text"] == "a=1"
    assert entry["request"]["bodySize"] == 3
    content = entry["response"]["content"]
    assert (content["text"], content["encoding"], content["size"]) == (packed, "base64", 2)


def test_what_shows_a_finding_names_it(report):
    finding = report["findings"][0]
    entries = archive(report)["entries"]
    assert {e["_exchange"] for e in entries if e.get("_finding") == finding["id"]} <= set(finding["exchanges"])
    assert any("_finding" in entry for entry in entries)


def test_some_exchanges_only(report):
    number = report["exchanges"][2]["number"]
    assert [entry["_exchange"] for entry in archive(report, frozenset({number}))["entries"]] == [number]


@pytest.mark.parametrize("poison", ["\ud800", "\x00\x1b[31m", "</script><script>", "\u202e", '"}'])
def test_a_hostile_target_spoils_nothing(report, poison):
    spoiled = poisoned(report["exchanges"][0]["response"], poison)
    report["exchanges"][0]["response"] = spoiled
    text = har.render(report)
    assert text.isascii()
    content = json.loads(text)["log"]["entries"][0]["response"]["content"]
    shown = content["text"]
    if content.get("encoding") == "base64":
        shown = base64.b64decode(shown).decode("utf-8", "surrogatepass")
    assert shown.endswith(poison)


# --- Chromium ---------------------------------------------------------------------------------------------------------

_IMPORT = """(async (text) => {
  const har = await import('./models/har/har.js');
  const root = new har.HARFormat.HARRoot(JSON.parse(text));
  return Promise.all(har.Importer.Importer.requestsFromHARLog(root.log).map(async request => {
    const content = await request.requestContentData();
    return [request.requestMethod, request.url(), request.statusCode, content.isTextContent ? content.text : null];
  }));
})"""


class DevTools:
    """The page of Chromium's own developer tools, in a browser without a window, spoken to through two pipes."""

    def __init__(self, browser, folder):
        (ours, theirs_out), (theirs_in, ours_in) = os.pipe(), os.pipe()
        command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        # The browser speaks through its descriptors 3 and 4.
        shell = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "bash", *command, f"--user-data-dir={folder}"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self.write, self.read = os.fdopen(ours_in, "wb", 0), os.fdopen(ours, "rb", 0)
        self.number, self.received = 0, b""

    def call(self, method, session=None, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        self.write.write(json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            while b"\0" not in self.received:
                piece = self.read.read(1 << 16)
                assert piece, "the browser has gone"
                self.received += piece
            one, self.received = self.received.split(b"\0", 1)
            answer = json.loads(one)
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]

    def imported(self, text):
        """What the tools make of an archive: method, URL, status and body of each request."""
        target = self.call("Target.createTarget", url="devtools://devtools/bundled/devtools_app.html")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for _ in range(100):
            ready = self.call("Runtime.evaluate", session, expression="document.readyState + location.href")
            if ready["result"]["value"].startswith("completedevtools:"):
                break
            time.sleep(0.1)
        told = self.call(
            "Runtime.evaluate",
            session,
            expression=f"{_IMPORT}({json.dumps(text)})",
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in told, told
        return told["result"]["value"]

    def close(self):
        self.write.close()  # with its pipe the browser ends by itself
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.read.close()


@pytest.mark.skipif(sys.platform == "win32", reason="speaks through inherited descriptors")
def test_chromiums_developer_tools_open_it(report):
    try:
        browser = pdf.find(os.environ)
    except UsageError:
        pytest.skip(f"there is no Chromium; {pdf.VARIABLE} can name one")
    report["exchanges"][1] |= {"response": None, "failure": "the connection was closed"}
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        contextlib.closing(DevTools(browser, folder)) as tools,
    ):
        found = tools.imported(har.render(report))
    assert [each[:2] for each in found] == [
        [each["request"]["method"], f"http://127.0.0.1:8080{each['request']['target']}"] for each in report["exchanges"]
    ]
    answers = [each["response"] or {"status": 0, "body": ""} for each in report["exchanges"]]
    assert [each[2] for each in found] == [answer["status"] for answer in answers]
    assert [each[3] for each in found if each[2]] == [answer["body"] for answer in answers if answer["status"]]
