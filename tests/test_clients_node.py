"""The official Node.js clients work against the emulator, unchanged but for the endpoint, as docs/clients.md says."""

from __future__ import annotations

import json
import os

import pytest

from acs_conformance.emulator.fault import Refusal
from client_calls import ACCOUNT, DESCRIPTIONS, Call, creating, sent_parameters, served, simplest
from client_checks import (
    SITUATIONS,
    answered,
    check_document,
    check_get_is_refused_by_default,
    check_sends_what_was_recorded,
    check_sent_as_we_do,
    check_situation,
    check_texts_arrive,
    emulator_with_the_printed_key,
    example,
    table,
)
from client_node import CLIENTS, MODULES_VARIABLE, SCRIPTS, SKIP_VARIABLE, installed_modules, run_node

NAMED = {client.name: client for client in CLIENTS}
by_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
by_operation = pytest.mark.parametrize("description", DESCRIPTIONS.values(), ids=lambda found: found.operation)


@pytest.fixture(scope="session", autouse=True)
def modules():
    """The clients, installed by npm the first time."""
    if os.environ.get(SKIP_VARIABLE) == "1":
        pytest.skip(f"{SKIP_VARIABLE}=1 leaves the Node.js clients out")
    try:
        return installed_modules()
    except RuntimeError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def stage():
    """A server for all of these tests."""
    with served() as stage:
        yield stage


@pytest.mark.parametrize("situation", SITUATIONS)
@by_operation
@by_client
def test_client_reports_what_happened(stage, client, description, situation):
    check_situation(stage, client, description, situation)


@by_operation
@by_client
def test_any_text_arrives_as_it_was_given(stage, client, description):
    check_texts_arrive(stage, client, description)


@by_operation
@by_client
def test_client_sends_what_our_own_signing_sends(stage, client, description):
    check_sent_as_we_do(stage, client, description)


@by_client
def test_client_sends_what_it_sent_when_it_was_recorded(stage, client):
    check_sends_what_was_recorded(stage, client)


@pytest.mark.parametrize("client", [client for client in CLIENTS if client.choices], ids=lambda client: client.name)
def test_get_is_refused_by_default(stage, client):
    check_get_is_refused_by_default(stage, client)


def test_document_has_a_row_for_each_client():
    check_document(CLIENTS, ("openapi-", "pop-"))


def test_a_missing_node_is_told_with_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=rf"there is no node\. .*{SKIP_VARIABLE}=1"):
        installed_modules()


def test_a_folder_without_the_clients_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv(MODULES_VARIABLE, str(tmp_path))
    with pytest.raises(RuntimeError, match=rf"{MODULES_VARIABLE} names {tmp_path}, where no @alicloud is"):
        installed_modules()


# --- peculiarities --------------------------------------------------------------------------------------------------


def test_openapi_core_knows_throttling_by_the_code(stage):
    client = NAMED["openapi-core"]
    told = answered(stage, client, Refusal(status=400, code="Throttling.Api", message="Later."))
    assert (told.error, told.retry_after_ms) == ("ThrottlingError", None)
    waiting = Refusal(status=503, code="Busy", message="Later.", headers=(("x-acs-retry-after", "250"),))
    assert answered(stage, client, waiting).error == "ServerError"


@pytest.mark.parametrize("name", ["pop-core GET", "pop-core POST"])
def test_pop_core_needs_structured_parameters_as_text(stage, name):
    """An object is sent as its JavaScript text, a list is taken apart; both are refused."""
    client = NAMED[name]
    call = simplest(creating())
    objects = [name for name in call.description.json_parameters if isinstance(call.document[name], dict)]
    lists = [name for name in call.description.json_parameters if isinstance(call.document[name], list)]
    assert objects
    assert lists
    with stage.listening(client.choices) as (listener, url):
        outcomes = client.send(url, ACCOUNT, [WithStructure(call, parameter) for parameter in (*objects, *lists)])
    expected = ["InvalidParameter"] * len(objects) + ["MissingParameter"] * len(lists)
    assert [outcome.code for outcome in outcomes] == expected
    assert sent_parameters(listener.requests[0])[objects[0]] == "[object Object]"
    assert any(sent.startswith(f"{lists[0]}.1.") for sent in sent_parameters(listener.requests[-1]))


class WithStructure(Call):
    """A call whose parameter of this name is not made a text of JSON."""

    def __init__(self, call: Call, name: str) -> None:
        super().__init__(description=call.description, document=call.document)
        object.__setattr__(self, "_name", name)

    @property
    def parameters(self):
        return {**super().parameters, self._name: self.document[self._name]}


# --- docs/clients.md ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["openapi-core", "pop-core"])
def test_the_example_runs(stage, name, modules):
    emulator = emulator_with_the_printed_key()
    with stage.playing(emulator) as url:
        printed = run_node(["-e", example(name, url)], modules).split()
    assert printed == [job.id for job in emulator.jobs]
    assert len(printed) == 1


def test_document_tells_the_pinned_versions():
    pinned = json.loads((SCRIPTS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    told = {name.strip("`"): row["tested version"].partition(";")[0] for name, row in table("package").items()}
    packages = {name: version for name, version in told.items() if name.startswith("@")}
    assert packages
    assert packages.items() <= pinned.items()
