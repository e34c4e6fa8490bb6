"""Answers in XML say the same as in JSON, are well-formed whatever is in them, and go to those who ask for them."""

from __future__ import annotations

import json

import pytest
from darabonba.utils.xml import XML
from hypothesis import given
from hypothesis import strategies as st

from acs_conformance.emulator.xml_answer import as_xml
from acs_conformance.message import RawResponse, header
from emulator_calls import ACTION, TOYS_ACTION, body, emulator, encoded, start, toys
from gateway_calls import WRONG, Watching, gateway, v3_signed, with_header, xml_of

JSON = ("content-type", "application/json;charset=utf-8")


def written(value, status=200):
    """A JSON object as the root of an answer in XML."""
    return xml_of(as_xml(RawResponse(status, (JSON,), json.dumps(value).encode()), "ListToys"))


def test_success_and_error_have_their_roots():
    assert written({"A": "x"}).tag == "ListToysResponse"
    assert written({"A": "x"}, 400).tag == "Error"
    assert written({}, 503).tag == "Error"


def test_declaration_and_headers_are_as_documented():
    answer = as_xml(RawResponse(200, (JSON, ("x-acs-request-id", "r")), b'{"A":"\\u7528"}'), "ListToys")
    assert (
        answer.body == "<?xml version='1.0' encoding='UTF-8'?><ListToysResponse><A>用</A></ListToysResponse>".encode()
    )
    assert answer.headers == (("content-type", "text/xml;charset=utf-8"), ("x-acs-request-id", "r"))


def test_members_objects_and_scalars_are_elements():
    root = written({"A": {"B": 1, "C": {"D": 0.5}}, "E": True, "F": None, "G": "", "H": {}})
    assert {element.tag: element.text for element in root.iter()} == {
        "ListToysResponse": None,
        "A": None,
        "B": "1",
        "C": None,
        "D": "0.5",
        "E": "true",
        "F": None,
        "G": None,
        "H": None,
    }


def test_list_is_its_element_again_and_again():
    root = written(
        {"Toys": [{"Name": "ball"}, {"Name": "car"}], "Tags": ["a", "b", "c"], "None": [], "In": [[1], [2, 3]]}
    )
    assert [toy.findtext("Name") for toy in root.findall("Toys")] == ["ball", "car"]
    assert [tag.text for tag in root.findall("Tags")] == ["a", "b", "c"]
    assert root.findall("None") == []
    assert [number.text for number in root.findall("In")] == ["1", "2", "3"]


def test_official_sdk_reads_it_as_meant():
    value = {"RequestId": "R", "Toys": [{"Name": "ball"}, {"Name": "<car>"}], "Page": {"Number": 1}}
    text = as_xml(RawResponse(200, (JSON,), json.dumps(value).encode()), "ListToys").body.decode()
    assert XML.parse_xml(text) == {
        "ListToysResponse": {"RequestId": "R", "Toys": [{"Name": "ball"}, {"Name": "<car>"}], "Page": {"Number": "1"}}
    }


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_arrives_but_for_what_xml_cannot_hold(text):
    read = written({"A": text}).findtext("A") or ""
    assert len(read) == len(text)
    for is_read, is_sent in zip(read, text, strict=True):
        assert is_read == is_sent or (is_read == "\ufffd" and _is_impossible(is_sent))


def _is_impossible(character):
    number = ord(character)
    return (number < 0x20 and character not in "\t\n\r") or 0xD800 <= number <= 0xDFFF or number in (0xFFFE, 0xFFFF)


@pytest.mark.parametrize("name", ["", "1a", "a b", "<b>", "-a", "é", "a:b", "xml\n", "a" * 300])
def test_any_name_makes_an_element(name):
    assert written({name: "x", "Z": "y"}).findtext("Z") == "y"


@pytest.mark.parametrize(
    "raw",
    [
        RawResponse(200, (JSON,), b"[]"),
        RawResponse(200, (JSON,), b'{"A":'),
        RawResponse(200, (JSON,), b""),
        RawResponse(200, (JSON,), b"\xff"),
        RawResponse(200, (("content-type", "text/html"),), b'{"A":"x"}'),
        RawResponse(200, (), b'{"A":"x"}'),
    ],
)
def test_answer_that_is_no_json_object_stays_as_it_is(raw):
    """A fault may have made it so, and is to be seen."""
    assert as_xml(raw, "ListToys") is raw


# --- who gets it, in V3 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "is_xml"),
    [
        ("application/json", False),
        ("*/*", False),
        ("", False),
        (None, False),
        ("text/html", False),
        ("application/xml", True),
        ("text/xml", True),
        ("Text/XML; charset=utf-8", True),
        ("application/json, application/xml", False),
        ("application/xml, application/json", True),
        ("application/json;q=0.5, text/xml", True),
        ("application/xml;q=0.9, */*;q=0.8", True),
        ("application/xml;q=0", False),
        ("application/xml;q=nonsense", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", True),
        (",;,=;q", False),
    ],
)
def test_accept_decides(accept, is_xml):
    play = gateway()
    for sent in ({}, {"AppId": "."}):
        headers = () if accept is None else (("accept", accept),)
        answer = play.handle(v3_signed(headers=headers, **sent))
        assert (header(answer.headers, "content-type") == "text/xml;charset=utf-8") == is_xml
        if not is_xml:
            assert body(answer)["RequestId"]


def test_success_and_errors_say_the_same_in_xml():
    plain, play = emulator(id_seed="0" * 18), emulator(id_seed="0" * 18)
    for raw in (
        start(),
        start(AppId="."),
        start(InputParam='{"\\u0001<&>":1}'),
        with_header(start(), "x-acs-action", None),
    ):
        told = body(plain.handle(raw))
        root = xml_of(play.handle(with_header(raw, "accept", "text/xml")))
        assert root.tag == ("Error" if "Code" in told else f"{ACTION}Response")
        assert {element.tag: element.text for element in root} == told


def test_gateways_refusal_in_xml_has_its_members():
    root = xml_of(gateway().handle(v3_signed(WRONG, headers=(("accept", "text/xml"),))))
    assert {element.tag for element in root} == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert root.findtext("Message").count("\n") > 5  # the canonical request, line for line


def test_operation_with_structured_answers(tmp_path):
    play = emulator(descriptions={TOYS_ACTION: toys(tmp_path)})
    names = (("host", "h"), ("x-acs-action", TOYS_ACTION), ("x-acs-version", "2020-01-01"), ("accept", "text/xml"))
    raw = start()
    answer = play.handle(type(raw)("GET", f"/?Owner={encoded('1')}", names))
    root = xml_of(answer)
    assert root.tag == "ListToysResponse"
    assert (root.findtext("Toys/Name"), root.findtext("Toys/New"), root.findtext("Total")) == ("ball", "false", "0")
    assert root.findtext("RequestId") == header(answer.headers, "x-acs-request-id")


def test_fault_sees_json_whatever_the_client_asked_for():
    class Renaming(Watching):
        def answer(self, _call, _found, response, _memory):
            return RawResponse(response.status, response.headers, response.body.replace(b"TaskId", b"JobId"))

    root = xml_of(emulator(fault=Renaming()).handle(with_header(start(), "accept", "text/xml")))
    assert root.findtext("JobId")


def test_every_answer_tells_its_ids_in_headers():
    play = gateway()
    for raw in (v3_signed(), v3_signed(AppId="."), v3_signed(WRONG), with_header(v3_signed(), "x-acs-action", None)):
        answer = play.handle(raw)
        assert header(answer.headers, "x-acs-request-id") == body(answer)["RequestId"]
        trace = header(answer.headers, "x-acs-trace-id")
        assert len(trace) == 32
        assert set(trace) <= set("0123456789abcdef")
