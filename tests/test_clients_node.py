"""The official Node.js clients work against the emulator, unchanged but for the endpoint, as docs/clients.md says."""

from __future__ import annotations

import json
import os

import pytest

from acs_conformance.emulator.fault import Refusal
from client_calls import ACCOUNT, DESCRIPTIONS, Call, creating, listening, sent_parameters, simplest
from client_checks import (
    SITUATIONS,
    answered,
    check_document,
    check_get_is_refused_by_default,
    check_sends_what_was_recorded,
    check_sent_as_we_do,
    check_situation,
    check_texts_arrive,
    example,
    listening_with_the_printed_key,
    table,
)
from client_node import CLIENTS, SCRIPTS, SKIP_VARIABLE, installed_modules, run_node

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


@pytest.mark.parametrize("situation", SITUATIONS)
@by_operation
@by_client
def test_client_reports_what_happened(client, description, situation):
    check_situation(client, description, situation)


@by_operation
@by_client
def test_any_text_arrives_as_it_was_given(client, description):
    check_texts_arrive(client, description)


@by_operation
@by_client
def test_client_sends_what_our_own_signing_sends(client, description):
    check_sent_as_we_do(client, description)


@by_client
def test_client_sends_what_it_sent_when_it_was_recorded(client):
    check_sends_what_was_recorded(client)


@pytest.mark.parametrize("client", [client for client in CLIENTS if client.choices], ids=lambda client: client.name)
def test_get_is_refused_by_default(client):
    check_get_is_refused_by_default(client)


def test_document_has_a_row_for_each_client():
    check_document(CLIENTS, ("openapi-", "pop-"))


# --- peculiarities --------------------------------------------------------------------------------------------------


def test_openapi_core_knows_throttling_by_the_code():
    client = NAMED["openapi-core"]
    told = answered(client, Refusal(status=400, code="Throttling.Api", message="Later."))
    assert (told.error, told.retry_after_ms) == ("ThrottlingError", None)
    waiting = Refusal(status=503, code="Busy", message="Later.", headers=(("x-acs-retry-after", "250"),))
    assert answered(client, waiting).error == "ServerError"


@pytest.mark.parametrize("name", ["pop-core GET", "pop-core POST"])
def test_pop_core_needs_structured_parameters_as_text(name):
    """An object is sent as its JavaScript text, a list is taken apart; both are refused."""
    client = NAMED[name]
    call = simplest(creating())
    objects = [name for name in call.description.json_parameters if isinstance(call.document[name], dict)]
    lists = [name for name in call.description.json_parameters if isinstance(call.document[name], list)]
    assert objects
    assert lists
    with listening(client.choices) as (listener, url):
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
def test_the_example_runs(name, modules):
    with listening_with_the_printed_key() as (emulator, url):
        printed = run_node(["-e", example(name, url)], modules).split()
    assert printed == [job.id for job in emulator.jobs]
    assert len(printed) == 1


def test_document_tells_the_pinned_versions():
    pinned = json.loads((SCRIPTS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    told = {name.strip("`"): row["tested version"].partition(";")[0] for name, row in table("package").items()}
    packages = {name: version for name, version in told.items() if name.startswith("@")}
    assert packages
    assert packages.items() <= pinned.items()
