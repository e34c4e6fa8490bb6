"""The wire: queries, documents, odd numbers and derived values, each against something written by hand."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import string
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs_conformance import notation, spec_folder
from acs_conformance.derived import REDACTED, is_well_made, make, referred
from acs_conformance.description import get, locations, path_of, steps, values
from acs_conformance.encoding import percent_encode
from acs_conformance.message import RawRequest
from acs_conformance.wire import (
    Unparseable,
    compact,
    decode,
    decode_parameters,
    decode_query,
    depth,
    encode_query,
    to_parameters,
    with_value,
    without,
)

START = spec_folder.load("StartRtcCloudTranscode")

# --- queries --------------------------------------------------------------------------------------------------------

#: Texts as they may stand in a query: any characters, and bytes that are no UTF-8 as surrogate escapes.
BYTES = st.binary(max_size=8).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
TEXTS = st.one_of(st.text(max_size=8), BYTES, st.text("%+&=;#? aA0é", max_size=8)).filter(
    lambda text: not any("\ud800" <= char <= "\udfff" for char in text) or _is_escaped(text)
)


def _is_escaped(text: str) -> bool:
    """Whether its surrogates stand for bytes, and for ones that could not be read otherwise."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape") == text
    except UnicodeEncodeError:
        return False


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
def test_what_is_encoded_comes_back_text_for_text(pairs):
    read, is_not_utf8 = decode_query(encode_query(pairs))
    assert read == tuple(pairs)
    assert is_not_utf8 == any("\udc80" <= char <= "\udcff" for pair in pairs for text in pair for char in text)


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), min_size=1, max_size=4))
def test_a_library_reads_what_is_encoded_alike(pairs):
    assert urllib.parse.parse_qsl(encode_query(pairs), keep_blank_values=True, encoding="utf-8") == list(pairs)


@given(st.text("%+=aF09é \x00\udcff", max_size=12))
def test_any_query_is_read(query):
    read, _ = decode_query(query)
    for name, text in read:
        encode_query([(name, text)])


@given(st.text(max_size=12))
def test_only_unreserved_characters_stand_for_themselves(text):
    encoded = percent_encode(text)
    assert set(encoded) <= set(string.ascii_letters + string.digits + "-._~%")
    assert encoded == urllib.parse.quote(text, safe="-._~")


@pytest.mark.parametrize(
    ("query", "pairs", "is_not_utf8"),
    [
        ("", (), False),
        ("A", (("A", ""),), False),
        ("A=", (("A", ""),), False),
        ("=1", (("", "1"),), False),
        ("A=1=2", (("A", "1=2"),), False),
        ("A=1&A=2", (("A", "1"), ("A", "2")), False),
        ("A=1+2%2B3%203", (("A", "1 2+3 3"),), False),
        ("A%2B+B=%26%3D", (("A+ B", "&="),), False),
        ("A=%e7%94%a8%F0%9F%98%80", (("A", "\u7528\U0001f600"),), False),
        ("A=%", (("A", "%"),), True),
        ("A=%4", (("A", "%4"),), True),
        ("A=%zz%41", (("A", "%zzA"),), True),
        ("A=%%41", (("A", "%A"),), True),
        ("A=%+1", (("A", "% 1"),), True),
        ("A=%FF", (("A", "\udcff"),), True),
        ("A=a%80b", (("A", "a\udc80b"),), True),
        ("A=%ED%A0%80", (("A", "\udced\udca0\udc80"),), True),
        ("A=%C0%80", (("A", "\udcc0\udc80"),), True),
        ("A=%2541", (("A", "%41"),), False),
    ],
)
def test_a_query_is_read_byte_for_byte(query, pairs, is_not_utf8):
    assert decode_query(query) == (pairs, is_not_utf8)


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("aZ0-_.~", "aZ0-_.~"),
        (" ", "%20"),
        ("+*/", "%2B%2A%2F"),
        ("\u00e9", "%C3%A9"),
        ("\U0001f600", "%F0%9F%98%80"),
        ("\udcff", "%FF"),
        ("\ud800", "%ED%A0%80"),
        ("\ud800\udcff", "%ED%A0%80%ED%B3%BF"),
        ("", ""),
    ],
)
def test_percent_encoding_never_raises_and_keeps_bytes(text, encoded):
    assert percent_encode(text) == encoded


# --- documents ------------------------------------------------------------------------------------------------------


def test_parameters_are_json_text_where_that_is_documented_and_plain_text_elsewhere():
    document = {"AppId": "a", "InputParam": {"x": "\u7528", "y": [1, None, True]}, "MaxIdleTime": 10, "More": "5"}
    assert to_parameters(START, document) == (
        ("AppId", "a"),
        ("InputParam", '{"x":"\u7528","y":[1,null,true]}'),
        ("MaxIdleTime", "10"),
        ("More", "5"),
    )


def test_of_a_repeated_parameter_the_first_counts_and_it_is_noticed():
    decoded = decode(START, RawRequest("POST", "/?AppId=a&ChannelId=c&AppId=b"))
    assert decoded.document == {"AppId": "a", "ChannelId": "c"}
    assert decoded.form.repeated == ("AppId",)
    assert decoded.parameters == (("AppId", "a"), ("ChannelId", "c"), ("AppId", "b"))


def test_only_documented_integers_become_numbers():
    document = decode_parameters(START, (("MaxIdleTime", "10"), ("AppId", "10"), ("More", "10"))).document
    assert document == {"MaxIdleTime": 10, "AppId": "10", "More": "10"}


def test_a_text_that_is_no_json_is_a_value_of_its_own():
    document = decode_parameters(START, (("InputParam", "{"), ("OutputParams", "NaN"))).document
    assert document == {"InputParam": Unparseable("{"), "OutputParams": Unparseable("NaN")}


@given(st.text('[]{}"\\a', max_size=14))
def test_depth_counts_brackets_outside_of_strings(text):
    try:
        value = json.loads(text)
    except ValueError:
        assert depth(text) >= 0
        return
    assert depth(text) == _depth(value)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def test_compact_json_has_no_blanks_and_real_characters():
    assert compact({"a": [1, "\u7528\U0001f600"], "b": {}}) == '{"a":[1,"\u7528\U0001f600"],"b":{}}'
    with pytest.raises(ValueError, match="JSON"):
        compact(float("nan"))


DOCUMENT = {"A": {"B": [{"C": 1}, {"C": 2}]}, "D": "d"}


@pytest.mark.parametrize(
    ("location", "value", "changed"),
    [
        (("D",), 5, {"A": {"B": [{"C": 1}, {"C": 2}]}, "D": 5}),
        (("A", "B", 1, "C"), 9, {"A": {"B": [{"C": 1}, {"C": 9}]}, "D": "d"}),
        (("A", "B", 0), None, {"A": {"B": [None, {"C": 2}]}, "D": "d"}),
        (("A", "N"), [], {"A": {"B": [{"C": 1}, {"C": 2}], "N": []}, "D": "d"}),
        (("E", "F"), 1, {"A": {"B": [{"C": 1}, {"C": 2}]}, "D": "d", "E": {"F": 1}}),
    ],
)
def test_with_value_changes_one_place_of_a_copy(location, value, changed):
    before = copy.deepcopy(DOCUMENT)
    result = with_value(DOCUMENT, location, value)
    assert result == changed
    assert before == DOCUMENT
    assert get(result, location) == value


@pytest.mark.parametrize(
    ("location", "changed"),
    [
        (("D",), {"A": {"B": [{"C": 1}, {"C": 2}]}}),
        (("A", "B", 0), {"A": {"B": [{"C": 2}]}, "D": "d"}),
        (("A", "B", 1, "C"), {"A": {"B": [{"C": 1}, {}]}, "D": "d"}),
        (("A",), {"D": "d"}),
    ],
)
def test_without_takes_one_place_out_of_a_copy(location, changed):
    before = copy.deepcopy(DOCUMENT)
    assert without(DOCUMENT, location) == changed
    assert before == DOCUMENT


def test_what_is_not_on_the_way_is_shared_with_the_original():
    result = with_value(DOCUMENT, ("D",), 5)
    assert result["A"] is DOCUMENT["A"]


@pytest.mark.parametrize(
    ("path", "found", "read"),
    [
        ("D", [("D",)], ["d"]),
        ("A.B[].C", [("A", "B", 0, "C"), ("A", "B", 1, "C")], [1, 2]),
        ("A.B[]", [("A", "B", 0), ("A", "B", 1)], [{"C": 1}, {"C": 2}]),
        ("A.X.C", [], []),
        ("D.C", [], []),
        ("D[]", [], []),
    ],
)
def test_a_path_leads_to_every_place_that_fits_it(path, found, read):
    assert list(locations(DOCUMENT, path)) == found
    assert values(DOCUMENT, path) == read
    assert all(path_of(location) == path for location in found)


def test_a_path_has_steps():
    assert steps("A.B[].C") == ("A", "B", "[]", "C")
    assert steps("A[]") == ("A", "[]")


@pytest.mark.parametrize("location", [("X",), ("A", 0), ("A", "B", 2), ("A", "B", "C"), ("D", "x"), ("D", 0)])
def test_a_place_that_is_not_there_is_a_lookup_error(location):
    with pytest.raises(LookupError):
        get(DOCUMENT, location)


# --- numbers written otherwise --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "numbers"),
    [
        ("010", "leading-zero", (10, 8)),
        ("0019", "leading-zero", (19,)),
        ("-010", "leading-zero", (-10, -8)),
        ("00", "leading-zero", (0,)),
        ("+20", "plus-sign", (20,)),
        ("+010", "plus-sign", (10, 8)),
        (" 20", "blanks", (20,)),
        ("20 ", "blanks", (20,)),
        ("20\n", "blanks", (20,)),
        ("\t20\r\n", "blanks", (20,)),
        ("\u00a020", "blanks", (20,)),
        ("\u300020", "blanks", (20,)),
        ("20\x00", "blanks", (20,)),
        ("10.0", "decimal", (10,)),
        ("10.", "decimal", (10,)),
        ("10.000", "decimal", (10,)),
        ("-10.0", "decimal", (-10,)),
        ("\u0661\u0660", "digits", (10,)),
        ("\uff11\uff10", "digits", (10,)),
        ("1\u0660", "digits", (10,)),
        ("1e2", "other", (100,)),
        ("1E+2", "other", (100,)),
        ("1.5e1", "other", (15,)),
        ("10e-1", "other", (1,)),
        ("0x20", "other", (32,)),
        ("0o17", "other", (15,)),
        ("0b11", "other", (3,)),
        ("1_000", "other", (1000,)),
        ("1,000", "other", (1000,)),
        ("20L", "other", (20,)),
        ("", "", ()),
        (" ", "", ()),
        ("abc", "", ()),
        ("60s", "", ()),
        ("10.5", "", ()),
        ("1e-1", "", ()),
        ("--1", "", ()),
        ("+", "", ()),
        ("-", "", ()),
        (".", "", ()),
        ("e5", "", ()),
        ("0x", "", ()),
        ("0xg", "", ()),
        ("1 0", "", ()),
        ("NaN", "", ()),
        ("Infinity", "", ()),
        ("1e999", "", ()),
        ("2\u00b2", "", ()),
        ("\u2160", "", ()),
        ("true", "", ()),
        ('"10"', "", ()),
        ("[10]", "", ()),
        ("1" * 401, "", ()),
    ],
    ids=ascii,
)
def test_the_numbers_that_a_lenient_reader_may_take_a_text_for(text, kind, numbers):
    assert notation.candidates(text) == (kind, numbers)


@given(st.text(max_size=8) | st.text("0123456789+-._,eExXoObBlL \t\u0661\uff11", max_size=10))
def test_whatever_the_text_notation_does_not_raise(text):
    kind, found = notation.candidates(text)
    assert bool(kind) == bool(found)
    assert all(type(number) is int for number in found)


@given(st.integers(-(10**6), 10**6), st.sampled_from(["{}.0", " {}", "{}\n", "{}e0", "{}."]))
def test_the_number_that_is_meant_is_among_the_candidates(number, form):
    assert number in notation.candidates(form.format(number))[1]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0.0, 0),
        (-0.0, 0),
        (2.0, 2),
        (-3.0, -3),
        (0.5, None),
        (float("inf"), None),
        (float("nan"), None),
        (1, None),
        (True, None),
        ("1.0", None),
        (None, None),
    ],
)
def test_only_a_fraction_of_zero_is_a_whole_number_in_json(value, number):
    assert notation.whole(value) == number


# --- derived values -------------------------------------------------------------------------------------------------

VECTORS = json.loads((Path(__file__).parent / "data" / "rtc-token-vectors.json").read_text(encoding="utf-8"))
NODE = START.nodes["OutputParams[].UserToken"]
HERE = ("OutputParams", 0, "UserToken")
#: Seconds for which a token is good, as the description says.
LIFETIME = 43200


def made_for(vector: dict[str, Any]) -> str:
    document = {
        "AppId": vector["appid"],
        "OutputParams": [{"ChannelId": vector["channelid"], "UserId": vector["userid"]}],
    }
    secrets = {"app-key": vector["appkey"]}
    return make(NODE, document, HERE, now=vector["timestamp"] - LIFETIME, secrets=secrets)


def opened(token: str) -> dict[str, Any]:
    return json.loads(base64.b64decode(token, validate=True))


def test_the_published_example_comes_out():
    (published,) = [vector for vector in VECTORS if vector["source"] == "published"]
    members = opened(made_for(published))
    assert members == {
        "appid": "abc",
        "channelid": "abcChannel",
        "userid": "abcUser",
        "nonce": "",
        "timestamp": 1699423634,
        "token": "3c9ee8d9f8734f0b7560ed8022a0590659113955819724fc9345ab8eedf84f31",
    }


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["nonce"] == ""], ids=lambda v: v["source"])
def test_tokens_are_those_of_the_vectors(vector):
    assert opened(made_for(vector))["token"] == vector["token"]
    if "base64" in vector:
        assert made_for(vector) == vector["base64"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['source']}-{v['nonce']}")
def test_the_vectors_are_the_digest_of_plain_concatenation(vector):
    parts = [str(vector[name]) for name in ("appid", "appkey", "channelid", "userid", "nonce", "timestamp")]
    assert hashlib.sha256("".join(parts).encode()).hexdigest() == vector["token"]


def test_each_item_has_a_token_of_its_own():
    document = {"AppId": "a", "OutputParams": [{"ChannelId": "c", "UserId": f"u{n}"} for n in range(3)]}
    tokens = [make(NODE, document, ("OutputParams", n, "UserToken"), now=0, secrets={}) for n in range(3)]
    assert [opened(token)["userid"] for token in tokens] == ["u0", "u1", "u2"]
    for n, token in enumerate(tokens):
        judged = [is_well_made(NODE, document, ("OutputParams", m, "UserToken"), token) for m in range(3)]
        assert judged == [m == n for m in range(3)]


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "eyJhcHBpZCI6ImEifQ==",
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b"{}").decode(),
        base64.b64encode(b"[" * 5000).decode(),
        base64.b64encode(b"\xff").decode(),
        "\u00e9",
        "\ud800",
    ],
    ids=ascii,
)
def test_what_is_no_token_is_not_well_made(token):
    assert not is_well_made(NODE, {"AppId": "a"}, HERE, token)


def test_a_token_for_another_application_is_not_well_made_but_digest_and_expiry_are_not_looked_at():
    document = {"AppId": "a", "OutputParams": [{"ChannelId": "c", "UserId": "u"}]}
    token = make(NODE, document, HERE, now=0, secrets={"app-key": "k"})
    assert is_well_made(NODE, document, HERE, token)
    assert not is_well_made(NODE, {**document, "AppId": "b"}, HERE, token)
    assert is_well_made(NODE, document, HERE, make(NODE, document, HERE, now=99, secrets={}))


def test_the_mark_of_what_was_taken_out_counts_as_well_made():
    assert is_well_made(NODE, {}, HERE, REDACTED)


def test_what_a_term_copies_and_is_not_there_counts_as_empty():
    assert opened(make(NODE, {}, HERE, now=0, secrets={}))["appid"] == ""
    assert opened(make(NODE, {"AppId": 5}, HERE, now=0, secrets={}))["appid"] == ""
    assert referred({"OutputParams": []}, "OutputParams[].UserId", HERE) is None
