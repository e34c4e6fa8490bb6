"""What is checked of every official client, whatever its language; docs/clients.md says what is expected."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx

from acs_conformance.description import Description
from acs_conformance.emulator.access_keys import AccessKeys
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.fault import Fault, Refusal
from acs_conformance.emulator.limits import Quota
from acs_conformance.message import RawRequest, header
from acs_conformance.signing import Acs3HmacSha256, AcsHmacSha1, Credentials
from acs_conformance.signing.v3 import parse_authorization
from acs_conformance.target import EMULATOR_CREDENTIALS
from client_calls import (
    ACCOUNT,
    DESCRIPTIONS,
    RECORDED,
    STS,
    Call,
    Client,
    Keys,
    Outcome,
    Stage,
    bound,
    creating,
    form_parameters,
    query_parameters,
    recorded_request,
    sent_parameters,
    simplest,
)

DOCUMENT = Path(__file__).parent.parent / "docs" / "clients.md"


def table(head: str) -> dict[str, dict[str, str]]:
    """A table of docs/clients.md: first cell of a row -> head of a column -> cell."""
    text = DOCUMENT.read_text(encoding="utf-8")
    lines = re.search(rf"^(\| {head} \|.*)\n\|[ -|]+\n((?:\|.*\n)+)", text, flags=re.MULTILINE)
    assert lines, head
    columns, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in (lines[1], *lines[2].splitlines())
    ]
    return {row[0]: dict(zip(columns[1:], row[1:], strict=True)) for row in rows}


def example(name: str, url: str) -> str:
    """The code of docs/clients.md below `<!-- example: NAME -->`, its endpoint replaced."""
    text = DOCUMENT.read_text(encoding="utf-8")
    found = re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)```", text, flags=re.DOTALL)
    assert found, name
    assert "127.0.0.1:8080" in found[1]
    return found[1].replace("127.0.0.1:8080", url.removeprefix("http://"))


def emulator_with_the_printed_key() -> Emulator:
    """The emulator as the command starts it."""
    keys = AccessKeys(secrets={EMULATOR_CREDENTIALS.access_key_id: EMULATOR_CREDENTIALS.access_key_secret})
    return Emulator(DESCRIPTIONS, settings=Settings(access_keys=keys))


class Refusing(Fault):
    """A gateway that refuses everything with one answer."""

    def __init__(self, refusal: Refusal) -> None:
        self._refusal = refusal

    def refusal(self, request, refused, memory):  # noqa: ARG002
        return self._refusal


def answered(stage: Stage, client: Client, refusal: Refusal) -> Outcome:
    """What a client reports of an answer that the emulator gives to nobody."""
    with stage.playing(Emulator(DESCRIPTIONS, fault=Refusing(refusal))) as url:
        (outcome,) = client.send(url, ACCOUNT, [simplest(creating())])
    return outcome


# --- what a client reports ------------------------------------------------------------------------------------------

#: Situation -> status and Code that the emulator answers, where the description doesn't say.
_GATEWAY = {
    "wrong secret": (400, "SignatureDoesNotMatch"),
    "unknown key": (404, "InvalidAccessKeyId.NotFound"),
    "throttled": (400, "Throttling.User"),
    "STS, wrong token": (400, "InvalidSecurityToken.MismatchWithAccessKey"),
}
_KEYS = {
    "wrong secret": Keys(id=ACCOUNT.id, secret="another"),
    "unknown key": Keys(id="nobody", secret=ACCOUNT.secret),
    "STS": STS,
    "STS, wrong token": Keys(id=STS.id, secret=STS.secret, token="another"),
}
SITUATIONS = ("success", "parameter missing", *_KEYS, "throttled")

#: One request at once, and the next in a quarter of an hour.
ONE_REQUEST = Quota(rate=1 / 900, burst=1)


def expected(description: Description, situation: str) -> tuple[int, str | None]:
    """Status and Code that go over the wire."""
    if situation in _GATEWAY:
        return _GATEWAY[situation]
    if situation == "parameter missing":
        row = description.errors[description.refusals.absent[0]]
        return row.status, row.name
    return description.success_status, None


def check_situation(stage: Stage, client: Client, description: Description, situation: str) -> None:
    """The client reports the answer that the situation has, in the way that docs/clients.md says."""
    keys = _KEYS.get(situation, ACCOUNT)
    quota = {"quota": ONE_REQUEST} if situation == "throttled" else {}
    with stage.listening(client.choices, **quota) as (listener, url):
        call = simplest(description)
        if expected(description, situation)[1] is None and description is not creating():
            (created,) = client.send(url, keys, [simplest(creating())])
            call = bound(call, created.body)
        if situation == "throttled":
            client.send(url, keys, [call])
        before = len(listener.exchanges)
        if situation == "parameter missing":
            names = [node.path for node in description.parameters if node.required]
            outcomes = client.send(url, keys, [call.without(name) for name in names])
            assert [name for name, told in zip(names, outcomes, strict=True) if f" {name} " not in told.message] == []
        else:
            outcomes = client.send(url, keys, [call])
    exchanges = listener.exchanges[before:]
    assert len(exchanges) == len(outcomes), "the client sent something again by itself"
    for outcome, (_, response) in zip(outcomes, exchanges, strict=True):
        answer = json.loads(response.body)
        assert (response.status, answer.get("Code")) == expected(description, situation), answer
        assert _in_words(response.status, answer.get("Code")) == _reported()["emulator"][situation]
        _check_faithful(outcome, response.status, answer)
        _check_wait(outcome, header(response.headers, "x-acs-retry-after"), is_throttled=situation == "throttled")
        assert str(outcome) == _reported()[client.name][situation]


def _reported() -> dict[str, dict[str, str]]:
    return table("client")


def _in_words(status: int, code: str | None) -> str:
    return str(status) if code is None else f"{status} `{code}`"


def _check_faithful(outcome: Outcome, status: int, answer: Mapping[str, Any]) -> None:
    """What a client shows of an answer is what stands in it."""
    assert outcome.request_id == answer["RequestId"]
    if outcome.error is None:
        assert outcome.status in (None, status)
        assert outcome.body == answer
    else:
        assert (outcome.status, outcome.code) == (status, answer["Code"])
        assert answer["Message"] in outcome.message


def _check_wait(outcome: Outcome, sent: str | None, *, is_throttled: bool) -> None:
    """A wait is told where there is one, in milliseconds, and what the client shows of it is that."""
    assert (sent is not None) == is_throttled
    if sent is not None:
        assert 800 * 1000 < int(sent) <= 900 * 1000  # the test itself takes no 100 s
    assert outcome.retry_after_ms in (None, sent and int(sent))


def check_get_is_refused_by_default(stage: Stage, client: Client) -> None:
    """A client that uses GET is refused unless the emulator is told to take it."""
    with stage.listening() as (_, url):
        (outcome,) = client.send(url, ACCOUNT, [simplest(creating())])
    assert (outcome.status, outcome.code) == (400, "UnsupportedHTTPMethod")


def check_document(clients: Iterable[Client], prefixes: tuple[str, ...]) -> None:
    """docs/clients.md has a row for each client and no other, for the packages with these names."""
    for head in ("client", "sends"):
        assert [name for name in table(head) if name.startswith(prefixes)] == [client.name for client in clients]


# --- texts that are easily broken -----------------------------------------------------------------------------------

#: A text for each way in which encoding goes wrong between a client, the wire and the signature.
TEXTS = {
    "empty": "",
    "blank": " ",
    "blanks around": "  a b  ",
    "plus": "a+b",
    "asterisk": "a*b",
    "tilde": "~a~",
    "percent": "100%",
    "looks encoded": "%41%2B%zz",
    "slash": "a/b//c",
    "separators": "a&b=c?d#e;f",
    "quotes": "'\"\\`",
    "brackets": "!()[]{}<>$,:@^|",
    "unreserved": "-_.~",
    "newline": "a\nb\r\nc",
    "tab": "\ta\t",
    "control": "a\x01\x7fb",
    "no ASCII": "用户é",
    "emoji": "👩‍👩‍👧🎬",
    "combining": "e\u0301 and \u00e9",
    "looks like JSON": '{"a": [1]}',
    "looks like a number": "007",
    "null": "null",
    "long": "a+ é" * 500,
}


def check_texts_arrive(stage: Stage, client: Client, description: Description) -> None:
    """Whatever text stands in a call, the signature holds and the operation reads the same text."""
    calls = [simplest(description).with_every_text(text) for text in TEXTS.values()]
    with stage.listening(client.choices) as (listener, url):
        outcomes = client.send(url, ACCOUNT, calls)
    refused = [name for name, outcome in zip(TEXTS, outcomes, strict=True) if outcome.code == "SignatureDoesNotMatch"]
    assert refused == []
    read = dict(zip(TEXTS, listener.read, strict=True))
    assert {name: dict(document) for name, document in read.items()} == {
        name: call.document for name, call in zip(TEXTS, calls, strict=True)
    }


# --- what a client sends --------------------------------------------------------------------------------------------


def check_sent_as_we_do(stage: Stage, client: Client, description: Description) -> None:
    """The client and our own signing send the same request, but for what docs/clients.md names."""
    documented = table("sends")[client.name]
    call = simplest(description)
    with stage.listening(client.choices) as (listener, url):
        client.send(url, ACCOUNT, [call])
        _send_ours(url, call, documented)
    (theirs, answer), (ours, our_answer) = listener.exchanges
    assert _transport(theirs, call) == {name: documented[name] for name in ("method", "parameters", "signature")}
    assert _transport(ours, call) == _transport(theirs, call)
    assert ours.path == theirs.path
    assert _business(ours, call) == _business(theirs, call)
    their_part, our_part = signed_part(theirs), signed_part(ours)
    besides = set(re.findall(r"`([^`]+)`", documented["signed besides"]))
    assert their_part.keys() - call.document.keys() == {*our_part.keys() - call.document.keys(), *besides}
    for name in our_part.keys() - call.document.keys() - _NEW_EACH_TIME:
        assert their_part[name] == our_part[name], name
    assert (answer.status, json.loads(answer.body).get("Code")) == (
        our_answer.status,
        json.loads(our_answer.body).get("Code"),
    )


def check_sends_what_was_recorded(stage: Stage, client: Client) -> None:
    """The installed client sends for the same call what it sent when it was recorded."""
    entries = [entry for entry in RECORDED if entry["client"] == client.name]
    assert entries or client.name.endswith("async")
    for entry in entries:
        keys = Keys(id="testAk", secret="testSk", token="STS+tok/=" if entry["is_temporary"] else None)
        call = Call(description=creating(), document=entry["document"])
        with stage.listening(client.choices) as (listener, url):
            client.send(url, keys, [call])
        then, now = recorded_request(entry), listener.requests[0]
        assert _transport(now, call) == _transport(then, call)
        assert _business(now, call) == _business(then, call)
        assert signed_part(now).keys() == signed_part(then).keys()


#: What differs between any two requests.
_NEW_EACH_TIME = {"x-acs-date", "x-acs-signature-nonce", "Timestamp", "SignatureNonce"}


def _send_ours(url: str, call: Call, like: Mapping[str, str]) -> None:
    """The same call by httpx and our own signing, with everything where the client puts it."""
    credentials = Credentials(access_key_id=ACCOUNT.id, access_key_secret=ACCOUNT.secret)
    named = {"action": call.description.operation, "version": call.description.version}
    if like["signature"] == "header":
        auth = Acs3HmacSha256(credentials, **named)
    else:
        auth = AcsHmacSha1(credentials, **named, place=like["signature"])
    # What is to be signed in the body is moved there by the signing itself.
    place = "data" if like["parameters"] == "body" and like["signature"] == "query" else "params"
    httpx.request(like["method"], url, **{place: call.parameters}, auth=auth, trust_env=False)


def _transport(request: RawRequest, call: Call) -> dict[str, str]:
    """Method; where the operation's parameters are; where the signature is."""
    in_query, in_body = query_parameters(request), form_parameters(request)
    where = {"query": in_query.keys(), "body": in_body.keys()}
    (parameters,) = [place for place, names in where.items() if call.document.keys() <= names]
    (signature,) = (
        ["header"]
        if header(request.headers, "authorization")
        else [place for place, names in where.items() if "Signature" in names]
    )
    assert bool(request.body) == bool(in_body)
    return {"method": request.method, "parameters": parameters, "signature": signature}


def _business(request: RawRequest, call: Call) -> dict[str, Any]:
    """The operation's own parameters in a request, those in JSON taken apart; these must be compact."""
    found = {name: text for name, text in sent_parameters(request).items() if name in call.document}
    for name in call.description.json_parameters & found.keys():
        value = json.loads(found[name])
        assert found[name] == json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        found[name] = value
    return found


def signed_part(request: RawRequest) -> dict[str, str | None]:
    """What the signature is over, besides the method and the path: headers (V3) or parameters (V1)."""
    if value := header(request.headers, "authorization"):
        authorization = parse_authorization(value)
        assert authorization
        return {name: header(request.headers, name) for name in authorization.signed_headers}
    found = sent_parameters(request)
    del found["Signature"]
    return {**found, "Format": found["Format"].upper()}  # its letter case counts for nothing
