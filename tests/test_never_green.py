"""Servers that know nothing of the contract: none is ever green, and one line says what is going on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

import servers
from acs_conformance.emulator.fault import Fault
from acs_conformance.emulator.server import running
from acs_conformance.message import RawResponse

#: Lines at the end of a run that a terminal shows at once.
SCREEN = 25


@dataclass(frozen=True)
class Vice:
    """A server, and what a run against it has to say."""

    server: Callable
    code: int
    #: Words that stand together in one line of the terminal's end.
    gist: tuple[str, ...]
    #: Requests that are enough to see it.
    most: int


VICES = {
    # What it says to have created is ended, too.
    "accepts everything": Vice(servers.accepts_everything, 1, ("accepts invalid requests",), 130),
    "200 {}": Vice(servers.accepts_with_an_empty_object, 1, ("accepts invalid requests",), 100),
    "200 with an error code": Vice(servers.accepts_with_an_error_code, 1, ("valid requests", "200 Inv"), 20),
    "400 always": Vice(servers.refuses_everything, 1, ("valid requests were answered", "400 InvalidParameter"), 20),
    "403 always": Vice(servers.forbids_everything, 3, ("the plain valid request was answered", "403 Forbidden"), 5),
    "404 always": Vice(servers.finds_nothing, 3, ("the plain valid request was answered", "404 NotFound"), 5),
    "500 always": Vice(servers.fails_always, 1, ("requests were answered", "500 InternalError"), 30),
    "a page": Vice(servers.shows_a_page, 3, ("the plain valid request was answered", "title 'Sign in'"), 5),
    "hangs up": Vice(servers.hangs_up, 3, ("none of the", "requests was answered: the connection was closed"), 15),
    "throttles": Vice(servers.throttles_for_ever, 3, ("the plain valid request was answered", "Throttling"), 10),
    "redirects": Vice(lambda: servers.sends_elsewhere("/elsewhere"), 3, ("the plain valid request", "302"), 5),
    "another API": Vice(lambda: servers.always(404, {"error": "no route"}), 3, ("404", "no endpoint"), 5),
}


@pytest.mark.parametrize("name", VICES)
def test_never_green(tmp_path, name):
    vice = VICES[name]
    with vice.server() as server:
        result = servers.run_against(server.url, tmp_path).without_traceback()
    assert result.code == vice.code, result.out + result.err
    found = result.report
    assert found["run"]["exit_code"] == vice.code
    assert found["run"]["verdict"] == {1: "fails", 3: "inconclusive"}[vice.code]
    assert bool(result.failed) == (vice.code == 1)
    assert 0 < len(server.requests) <= vice.most
    assert len(found["exchanges"]) == found["budget"]["requests"] == len(server.requests)
    assert (tmp_path / "journal.jsonl").read_bytes().count(b'{"exchange"') == len(server.requests)
    assert (tmp_path / "junit.xml").read_text(encoding="utf-8").startswith("<?xml")
    assert "</html>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    lines = result.out.splitlines()
    assert [line for line in lines if all(words in line for words in vice.gist)] == [found["run"]["diagnosis"]]
    assert f"exit code {vice.code}" in result.out
    assert len(lines) <= SCREEN, result.out


def test_one_cause_is_one_finding_with_every_requirement_that_fails_for_it(tmp_path):
    with servers.accepts_everything() as server:
        found = servers.run_against(server.url, tmp_path).report
    (finding,) = [f for f in found["findings"] if f["cause"] == "accepted"]
    accepted = {r["id"] for r in found["requirements"] if r["verdict"] == "fail" and ".response." not in r["id"]}
    assert set(finding["requirements"]) == accepted
    assert len(accepted) >= 8


def test_pytest_is_not_green_either(tmp_path):
    with servers.accepts_everything() as server:
        result = servers.pytest_suites(tmp_path, "--acs-target", server.url, "--acs-depth", "quick")
    assert result.code == 1, result.out
    assert result.failed
    assert len(server.requests) <= VICES["accepts everything"].most


def test_pytest_that_decides_nothing_is_not_green(tmp_path):
    with servers.forbids_everything() as server:
        result = servers.pytest_suites(tmp_path, "--acs-target", server.url, "--acs-depth", "quick")
    assert result.code == 3, result.out
    assert not result.failed
    assert " skipped" in result.out


def test_a_page_instead_of_a_success_is_a_failure_where_errors_are_as_documented(tmp_path):
    """A proxy's page comes whatever is asked; one that comes to valid requests alone is the target's own."""

    class Page(Fault):
        def answer(self, call, found, response, memory):  # noqa: ARG002
            page = RawResponse(200, (("content-type", "text/html"),), b"<html><title>Done</title></html>")
            return response if found else page

    with running(servers.core_of(Page())) as url:
        result = servers.run_against(url, tmp_path).without_traceback()
    assert result.code == 1, result.out + result.err
    assert "StartRtcCloudTranscode.response.contentType" in result.failed


def test_pytest_is_not_green_where_nothing_that_was_asked_for_arose(tmp_path):
    ended = servers.pytest_suites(tmp_path, "--acs-depth", "quick", "-k", "error.InternalError")
    assert " skipped" in ended.out
    assert "passed" not in ended.out
    assert ended.code == 3
