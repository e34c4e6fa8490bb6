"""Targets that don't have all operations: left alone where nobody asked for the rest, held to it where somebody did."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest

import servers
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.fault import Fault
from acs_conformance.message import RawRequest, RawResponse, header
from lives import END, SHOW, START

OTHERS = (SHOW.operation, END.operation)


def action_of(request: RawRequest) -> str:
    return header(request.headers, "x-acs-action") or ""


@contextlib.contextmanager
def knows(*names: str, ignores_the_action: bool = False, fault: Fault | None = None) -> Iterator[servers.Server]:
    """A stand-in of some operations, which lets everybody in.

    It answers others 404 InvalidAction.NotFound, or takes whatever comes for the first of those that it knows.
    """
    known = {each.operation: each for each in (START, SHOW, END) if each.operation in names}
    core = Emulator(known, settings=Settings(authenticate=False), fault=fault)

    def answer(request: RawRequest, _number: int) -> RawResponse:
        if ignores_the_action:
            headers = tuple((n, names[0] if n == "x-acs-action" else value) for n, value in request.headers)
            request = RawRequest(request.method, request.target, headers, request.body)
        return core.handle(request)

    with servers.serving(answer) as server:
        yield server


def asked(server: servers.Server, operation: str) -> int:
    return sum(action_of(request) == operation for request in server.requests)


@pytest.mark.parametrize("ignores_the_action", [False, True], ids=["answers 404", "ignores the action"])
def test_a_stand_in_of_one_operation_conforms_and_the_rest_is_noted(tmp_path, ignores_the_action):
    with knows(START.operation, ignores_the_action=ignores_the_action) as server:
        ended = servers.run_against(server.url, tmp_path, chosen=()).without_traceback()
    assert ended.code == 0, ended.out + ended.err
    found = ended.report
    for name in OTHERS:
        assert f"the target answers {name} as it answers an operation that does not exist" in found["run"]["diagnosis"]
        assert f"name {name!r} to demand it" in found["run"]["diagnosis"]
        mine = [r for r in found["requirements"] if r["operation"] == name]
        assert mine
        assert {r["verdict"] for r in mine} == {"none"}
        assert all(r["conditional"] for r in mine)
        assert [reading for reading in found["readings"] if reading["operation"] == name] != []
        assert {r["observed"] for r in found["readings"] if r["operation"] == name} == {"not observed"}
        # A plain request, one under a name that does not exist, and those by which a run ends what it created.
        assert asked(server, f"{name}X") == 1
        assert asked(server, name) <= 5 + found["budget"]["created"]["job"]
    assert [r for r in found["requirements"] if r["operation"] == START.operation and r["verdict"] == "fail"] == []
    assert found["run"]["counts"]["pass"] > 50
    assert found["findings"] == []


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("ignores_the_action", [False, True], ids=["answers 404", "ignores the action"])
def test_operations_that_are_named_are_demanded(tmp_path, name, ignores_the_action):
    """An answer of the gateway decides nothing of an operation, so it stays undecided; one of the operation fails."""
    with knows(START.operation, ignores_the_action=ignores_the_action) as server:
        ended = servers.run_against(server.url, tmp_path, chosen=(START.operation, name)).without_traceback()
    assert ended.code == (1 if ignores_the_action else 3), ended.out + ended.err
    assert "as it answers an operation that does not exist" not in ended.report["run"]["diagnosis"]
    mine = {r["id"]: r["verdict"] for r in ended.report["requirements"] if r["operation"] == name}
    assert mine[f"{name}.response.status"] in ("fail", "none", "inconclusive")
    assert {n.partition(".")[0] for n in ended.failed} == ({name} if ignores_the_action else set())
    counting = [r for r in ended.report["requirements"] if r["operation"] == name and not r["conditional"]]
    assert len(counting) > 20


def test_a_target_that_has_all_is_asked_for_no_strange_operation(tmp_path):
    with knows(START.operation, *OTHERS) as server:
        ended = servers.run_against(server.url, tmp_path, chosen=()).without_traceback()
    assert ended.code == 0, ended.out + ended.err
    assert "does not exist" not in ended.report["run"]["diagnosis"]
    assert not [request for request in server.requests if action_of(request).endswith("X")]
    assert {r["verdict"] for r in ended.report["requirements"] if r["id"].endswith(".TaskId.known")} == {"pass"}
    budget = ended.report["budget"]
    assert budget["created"] == budget["ended"]
    assert budget["created"]["job"] > 5
    assert f"{budget['created']['job']} jobs created, all ended" in ended.out


def test_a_target_that_shows_and_does_not_end_is_judged_by_what_it_shows(tmp_path):
    with knows(START.operation, SHOW.operation) as server:
        ended = servers.run_against(server.url, tmp_path, chosen=()).without_traceback()
    assert ended.code == 0, ended.out + ended.err
    found = ended.report
    passed = {r["id"] for r in found["requirements"] if r["verdict"] == "pass"}
    assert f"{SHOW.operation}.response.TaskInfo.MaxIdleTime.as-created" in passed
    assert {r["verdict"] for r in found["requirements"] if r["operation"] == END.operation} == {"none"}
    assert found["budget"]["created"]["job"] > found["budget"]["ended"]["job"]
    assert "jobs created, none ended" in ended.out
    assert "could not be stopped" in ended.out + ended.err


class Fails(Fault):
    """Answers one operation by a failure of its own, which is no sign that it is not there."""

    def answer(self, call, found, response, memory):  # noqa: ARG002
        if call.description.operation != SHOW.operation:
            return response
        body = {"RequestId": "r", "Code": "NotFound", "Message": "It is not there."}
        return RawResponse(404, (("content-type", "application/json"),), json.dumps(body).encode())


def test_an_operation_that_answers_its_own_errors_is_there_and_fails(tmp_path):
    with knows(START.operation, *OTHERS, fault=Fails()) as server:
        ended = servers.run_against(server.url, tmp_path, chosen=()).without_traceback()
    assert ended.code == 1, ended.out + ended.err
    assert asked(server, f"{SHOW.operation}X") == 1
    assert f"{SHOW.operation}.response.status" in ended.failed


def test_the_embedded_emulator_has_to_have_all(tmp_path):
    ended = servers.run_against(None, tmp_path, chosen=()).without_traceback()
    assert ended.code == 0, ended.out + ended.err
    assert {r["verdict"] for r in ended.report["requirements"] if r["id"].endswith(".same")} == {"pass"}
    assert "does not exist" not in ended.report["run"]["diagnosis"]


def test_what_a_run_has_created_before_its_limit_is_ended(tmp_path):
    with knows(START.operation, *OTHERS) as server:
        ended = servers.run_against(server.url, tmp_path, "--max-requests", 25, chosen=()).without_traceback()
    assert ended.code == 3, ended.out + ended.err
    budget = ended.report["budget"]
    assert budget["created"]["job"] > 0
    assert budget["ended"] == budget["created"]
