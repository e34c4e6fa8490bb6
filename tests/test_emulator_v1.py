"""Requests signed by the older scheme, HMAC-SHA1, in all the places where clients of the ecosystem put parameters."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest

from acs_conformance.emulator.access_keys import AccessKeys
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.policy import Policy
from acs_conformance.message import RawRequest, header
from emulator_calls import ACTION, DESCRIPTION, NOW_S, TOYS_ACTION, body, code, emulator, outcome, toys
from gateway_calls import (
    FORM,
    KEY,
    TEMPORARY,
    WRONG,
    Watching,
    gateway,
    parameters,
    v1_common,
    v1_request,
    v1_signature,
    v1_signed,
    v1_string_to_sign,
    v3_signed,
    with_header,
    xml_of,
)

DATA = Path(__file__).parent / "data"
CAPTURED = json.loads((DATA / "captured-requests.json").read_text(encoding="utf-8"))
VECTORS = json.loads((DATA / "v1-vectors.json").read_text(encoding="utf-8"))["vectors"]
MISMATCH = (400, "SignatureDoesNotMatch")
#: The strictest about names that an operation doesn't know.
STRICT = {
    "wire.unknown-parameter": "refused",
    "wire.repeated-parameter": "refused",
    "wire.form-body": "counts-not",
}


def document_of(play):
    """What the last successful call left behind."""
    return list(play.jobs)[-1].document


# --- what real clients send -------------------------------------------------------------------------------------------


def is_replayed(item):
    """Requests for this operation that should succeed; how a client takes an error is another matter."""
    return item["scheme"] == "v1" and not item["name"].startswith(("describe", "err", "core_err"))


@pytest.mark.parametrize(
    "item", [item for item in CAPTURED["requests"] if is_replayed(item)], ids=lambda item: item["name"]
)
def test_request_of_an_official_client_is_admitted(item):
    """Byte for byte as a server received them, at the time that they tell."""
    raw = RawRequest(item["method"], item["target"], tuple(map(tuple, item["headers"])), item["body"].encode())
    sent = dict(part.split("=", 1) for part in raw.query.split("&"))
    now = datetime.fromisoformat(sent["Timestamp"].replace("%3A", ":")).timestamp()
    keys = AccessKeys(
        secrets={CAPTURED["access_key_id"]: CAPTURED["access_key_secret"]},
        tokens={CAPTURED["access_key_id"]: "STS+tok/="} if "SecurityToken" in sent else {},
    )
    play = gateway(lambda: now, keys=keys, choices=STRICT)
    answer = play.handle(raw)
    assert answer.status == 200, answer.body
    assert document_of(play)["AppId"] == "app-1"
    assert document_of(play)["MaxIdleTime"] == 600
    wants_json = sent.get("Format", "").upper() == "JSON"
    assert header(answer.headers, "content-type").startswith("application/json") == wants_json
    assert outcome(play.handle(raw)) == (400, "SignatureNonceUsed") if wants_json else True
    altered = replace(raw, target=raw.target + "&Other=1")
    assert gateway(lambda: now, keys=keys).handle(altered).status == 400


@pytest.mark.parametrize(
    "vector",
    [item for item in VECTORS if item["name"].startswith(("start_", "popcore"))],
    ids=lambda vector: vector["name"],
)
def test_published_vector_is_admitted(vector):
    if "wire_target" not in vector:
        pytest.skip("no request on the wire")
    form = vector.get("wire_body") or urlencode(vector["body_params"])
    headers = (("host", "live.example"), *((("content-type", FORM),) if form else ()))
    raw = RawRequest(vector["method"], vector["wire_target"], headers, form.encode())
    keys = AccessKeys(secrets={vector["access_key_id"]: vector["access_key_secret"]})
    watching = Watching()
    gateway(keys=keys, fault=watching).handle(raw)
    assert watching.check == ""


# --- places -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["query", "body", "both"])
@pytest.mark.parametrize("key", [KEY, TEMPORARY], ids=["lasting", "temporary"])
def test_parameters_may_travel_anywhere(place, key):
    """pop-core puts all into the body, the official Python client the operation's own, others nothing."""
    play = gateway(choices=STRICT)
    assert outcome(play.handle(v1_signed(key, place=place, business=parameters(MaxIdleTime=20)))) == 200
    assert document_of(play)["MaxIdleTime"] == 20


@pytest.mark.parametrize("place", ["query", "body"])
def test_get_is_admitted_where_the_operation_takes_it(place):
    assert outcome(gateway(choices={"wire.method": "taken"}).handle(v1_signed(method="GET", place=place))) == 200
    refused = gateway(choices={"wire.method": "refused"}).handle(v1_signed(method="GET", place=place))
    assert outcome(refused) == (400, "UnsupportedHTTPMethod")


def test_content_type_of_a_form_has_options_and_any_letter_case():
    play = gateway()
    raw = with_header(v1_signed(place="body"), "content-type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8")
    assert outcome(play.handle(raw)) == 200
    other = with_header(v1_signed(place="both"), "content-type", "text/plain")
    assert outcome(play.handle(other)) == MISMATCH


def test_form_of_a_v3_request_goes_on_being_a_question():
    form = urlencode(parameters()).encode()
    for choice, expected in {"counts": 200, "counts-not": (400, "MissingParameter")}.items():
        play = emulator(choices={"wire.form-body": choice})
        headers = (("host", "h"), ("x-acs-action", ACTION), ("x-acs-version", "2016-11-01"), ("content-type", FORM))
        assert outcome(play.handle(RawRequest("POST", "/", headers, form))) == expected


def test_parameter_that_comes_twice_is_signed_with_both_values():
    """And then it is a question about the operation, as in any request."""
    pairs = [*parameters().items(), *v1_common().items(), ("AppId", "app")]
    query = urlencode([*pairs, ("Signature", v1_signature(KEY.access_key_secret, "POST", pairs))])
    for choice, expected in {"refused": (400, "InvalidParameter"), "last": 200}.items():
        raw = RawRequest("POST", f"/?{query}", (("host", "h"),))
        assert outcome(gateway(choices={"wire.repeated-parameter": choice}).handle(raw)) == expected


# --- common parameters ------------------------------------------------------------------------------------------------


def test_common_parameters_are_none_of_the_operation():
    """Neither unknown nor repeated, in the strictest server; nor are those that one client adds on its own account."""
    play = gateway(choices=STRICT)
    assert outcome(play.handle(v1_signed(SignatureType="", RegionId="ap-southeast-1"))) == 200
    assert outcome(play.handle(v1_signed(TEMPORARY, place="both"))) == 200
    assert document_of(play).keys() == {"AppId", "ChannelId", "InputParam", "OutputParams"}
    business = parameters() | {"Other": "1"}
    assert outcome(play.handle(v1_signed(business=business))) == (400, "InvalidParameter")


def test_names_of_common_parameters_mean_nothing_in_v3():
    watching = Watching()
    play = gateway(choices={"wire.unknown-parameter": "refused"}, fault=watching)
    raw = v3_signed(Action="x", Signature="y", Format="XML")
    answer = play.handle(raw)
    assert watching.check == ""
    assert outcome(answer) == (400, "InvalidParameter")


def test_operation_may_document_the_name_of_a_common_parameter(tmp_path):
    description = toys(
        tmp_path,
        parameters="        - {name: RegionId, in: query, required: true, schema: {type: string, examples: [x]}}\n",
    )
    play = emulator(descriptions={TOYS_ACTION: description}, choices={"wire.unknown-parameter": "refused"})

    def ask(**sent):
        common = {"Action": TOYS_ACTION, "Version": "2020-01-01", "Format": "JSON"}
        return outcome(play.handle(v1_request({"Owner": "1"} | sent, common, method="GET")))

    assert ask(RegionId="here") == 200
    assert ask() == (409, "Odd")


def test_empty_and_odd_texts_are_signed_as_they_are():
    business = parameters() | {"Empty": "", "Odd ~*+&=%/": "a b+c~*é用😀\n"}
    assert outcome(gateway().handle(v1_signed(business=business))) == 200
    assert outcome(gateway().handle(v1_signed(business=business, place="body"))) == 200


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"SignatureMethod": ...}, (400, "MissingSignatureMethod")),
        ({"SignatureMethod": ""}, (400, "MissingSignatureMethod")),
        ({"SignatureMethod": "hmac-sha1"}, (400, "InvalidSignatureMethod")),
        ({"SignatureVersion": ...}, (400, "MissingSignatureVersion")),
        ({"SignatureVersion": "2.0"}, (400, "InvalidSignatureVersion")),
        ({"SignatureType": "BEARERTOKEN"}, (400, "InvalidSignatureType")),
        ({"SignatureType": ""}, 200),
        ({"SignatureNonce": "x" * 5000}, 200),
        ({"Timestamp": "2026-01-27T08:00:00.000Z"}, (400, "InvalidTimeStamp.Format")),
        ({"Timestamp": "2026-01-27 08:00:00"}, (400, "InvalidTimeStamp.Format")),
        ({"TimeStamp": "2026-01-27T08:00:00Z", "Timestamp": ...}, (400, "MissingTimestamp")),
        ({"action": ACTION, "Action": ...}, (400, "MissingAction")),
        ({"SecurityToken": "other"}, (400, "InvalidSecurityToken.MismatchWithAccessKey")),
    ],
)
def test_each_common_parameter_is_looked_at(changes, expected):
    answer = gateway().handle(v1_signed(**changes))
    assert outcome(answer) == expected
    if expected != 200:
        assert body(answer)["Message"].endswith(".")


def test_missing_parameter_is_named_with_its_place():
    answer = gateway().handle(v1_signed(Timestamp=...))
    assert body(answer)["Message"] == ("Timestamp is mandatory for this action. It is sent as the parameter Timestamp.")


# --- the signature ----------------------------------------------------------------------------------------------------


def test_mismatch_ends_with_what_the_server_signed():
    """An official client takes what is after the only colon, and compares it with what it signed itself."""
    sent = v1_common(WRONG)
    signature = v1_signature(WRONG.access_key_secret, "POST", (parameters() | sent).items())
    answer = gateway().handle(v1_request(parameters(), sent | {"Signature": signature}))
    assert outcome(answer) == MISMATCH
    before, after = body(answer)["Message"].split(":")
    assert before == "Specified signature is not matched with our calculation. server string to sign is"
    assert after == v1_string_to_sign("POST", (parameters() | sent).items())
    assert KEY.access_key_secret not in answer.body.decode()


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: replace(raw, target=raw.target + "&Other=1"),
        lambda raw: replace(raw, target=raw.target.replace("AppId=app", "AppId=apq")),
        lambda raw: replace(raw, target=raw.target.replace("Format=JSON", "Format=json")),
        lambda raw: replace(raw, target=raw.target.replace("SignatureNonce=", "SignatureNonce=1")),
        lambda raw: replace(raw, target=raw.target.replace("%3A00Z", "%3A01Z")),
        lambda raw: replace(raw, body=b"Other=1", headers=(*raw.headers, ("content-type", FORM))),
        lambda raw: replace(raw, target=raw.target.replace("Signature=", "Signature=A")),
        lambda raw: replace(raw, target=raw.target.replace("Signature=", "Signature=%C3%A9")),
    ],
    ids=range(8),
)
def test_any_change_of_what_is_signed_is_noticed(change):
    raw = v1_signed()
    assert change(raw) != raw
    assert outcome(gateway().handle(change(raw))) == MISMATCH


def test_method_is_signed_and_the_rest_of_the_request_is_not():
    play = gateway()
    assert outcome(play.handle(replace(v1_signed(), method="GET"))) == MISMATCH
    assert outcome(play.handle(v1_signed(headers=(("user-agent", "x"), ("x-acs-action", "Other"))))) == 200
    assert outcome(play.handle(replace(v1_signed(), body=b"no form"))) == 200


# --- which scheme -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "check"),
    [
        (v1_signed(headers=(("x-acs-action", ACTION), ("x-acs-version", "2016-11-01"))), ""),
        (v1_signed(place="body", headers=(("x-acs-action", ACTION),)), ""),
        (v1_signed(headers=(("authorization", "Basic eDp5"),)), ""),
        (v1_signed(headers=(("authorization", "ACS3-HMAC-SHA256 x"),)), "v3.action.required"),
        (v3_signed(SignatureType="BEARERTOKEN"), ""),
        (with_header(v3_signed(SignatureType="BEARERTOKEN"), "authorization", None), "v3.authorization.required"),
        (with_header(v3_signed(Action="x", AccessKeyId="y"), "authorization", None), "v3.authorization.required"),
        (with_header(v3_signed(Action="Signature"), "authorization", None), "v3.authorization.required"),
        (with_header(v3_signed(), "authorization", "Bearer x"), "v3.authorization.form"),
        (with_header(v3_signed(), "x-acs-action", None), "v3.action.required"),
        (RawRequest("GET", "/"), "v3.action.required"),
        (RawRequest("GET", f"/?Action={ACTION}"), "v1.version.required"),
        (RawRequest("GET", "/?AccessKeyId=x"), "v1.action.required"),
        (RawRequest("POST", "/", (("content-type", FORM),), b"Signature=x"), "v1.action.required"),
        (RawRequest("POST", "/", (("content-type", "text/plain"),), b"Signature=x"), "v3.action.required"),
    ],
)
def test_scheme_is_told_by_what_signs(raw, check):
    watching = Watching()
    play = gateway(fault=watching)
    play.handle(raw)
    assert watching.check == check


def test_v1_names_its_operation_also_where_nobody_has_to_sign():
    play = emulator()
    raw = v1_request(parameters(), {"Action": ACTION, "Version": "2016-11-01", "Format": "JSON"}, place="body")
    assert outcome(play.handle(raw)) == 200
    raw = v1_request(parameters(), {"Action": "Nonesuch", "Version": "2016-11-01", "Format": "JSON"})
    assert outcome(play.handle(raw)) == (404, "InvalidAction.NotFound")


# --- the format of the answer -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "is_xml"),
    [
        ({}, False),
        ({"Format": "json"}, False),
        ({"Format": "XML"}, True),
        ({"Format": "xml"}, True),
        ({"Format": ...}, True),
        ({"Format": ""}, True),
    ],
)
@pytest.mark.parametrize("place", ["query", "body"])
def test_format_decides_and_xml_is_the_default(changes, is_xml, place):
    for business, root in ((parameters(), f"{ACTION}Response"), (parameters(AppId="."), "Error")):
        raw = v1_signed(place=place, business=business, headers=(("accept", "application/json"),), **changes)
        answer = gateway().handle(raw)
        if is_xml:
            assert xml_of(answer).tag == root
        else:
            assert header(answer.headers, "content-type") == "application/json;charset=utf-8"
            assert ("TaskId" in body(answer)) == (root != "Error")


def test_request_that_asks_for_nothing_known_is_answered_in_xml():
    answer = gateway().handle(v1_signed(Format="YAML"))
    error = xml_of(answer)
    assert (answer.status, error.findtext("Code")) == (400, "InvalidParameter.Format")
    assert error.findtext("Message").startswith("Specified parameter format is not valid.")
    assert error.findtext("RequestId") == header(answer.headers, "x-acs-request-id")


def test_mismatch_in_xml_says_the_same():
    answer = gateway().handle(v1_signed(WRONG, Format=...))
    message = xml_of(answer).findtext("Message")
    assert "server string to sign is:POST&%2F&AccessKeyId%3DtestAk" in message


def test_bugs_and_odd_bytes_in_v1_are_below_500():
    for target in ("/?Signature=%FF&Action=%00", "/?Signature&SignatureMethod&Action=" + ACTION, "/?Action=%ED%A0%80"):
        raw = RawRequest("POST", target, (("content-type", FORM),), b"\xff%&=&==&%zz=%")
        assert gateway().handle(raw).status < 500
    raw = v1_signed()
    answer = gateway().handle(replace(raw, target=raw.target + "&%FF=%FE&Format=%FF"))
    assert outcome(answer) == MISMATCH
    assert code(answer)
    assert "%25FF%3D%25FE" in body(answer)["Message"]


def test_same_emulator_takes_both_schemes():
    play = Emulator(
        {ACTION: DESCRIPTION},
        settings=Settings(access_keys=AccessKeys(secrets={"testAk": "testSecret"})),
        policy=Policy.default(),
        clock=lambda: NOW_S,
    )
    answers = [play.handle(make(nonce=str(number))) for number, make in enumerate([v1_signed, v3_signed] * 3)]
    assert [answer.status for answer in answers] == [200] * 6
    assert len(play.jobs) == 6
