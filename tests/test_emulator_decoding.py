"""The emulator reads queries and JSON texts byte for byte, and takes note of what is odd about them."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs_conformance.emulator import decoding


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", []),
        ("&&", []),
        ("A=1", [("A", "1", True)]),
        ("A", [("A", "", True)]),
        ("A=", [("A", "", True)]),
        ("=1", [("", "1", True)]),
        ("A=1=2", [("A", "1=2", True)]),
        ("A=1&A=2", [("A", "1", True), ("A", "2", True)]),
        ("A=1+2%2B3%203", [("A", "1 2+3 3", True)]),
        ("A%2B+B=%26%3D", [("A+ B", "&=", True)]),
        ("A=%E7%94%A8%f0%9f%98%80", [("A", "用😀", True)]),
        ("A=1;B=2", [("A", "1;B=2", True)]),
        ("A=%", [("A", "%", True)]),
        ("A=%zz%4", [("A", "%zz%4", True)]),
        ("A=%%41", [("A", "%A", True)]),
        ("A=a=%3D==", [("A", "a====", True)]),
        ("A=%0A%0d%00", [("A", "\n\r\0", True)]),
        ("A=%\nB", [("A", "%\nB", True)]),
        ("A=%FF", [("A", "\ufffd", False)]),
        ("%FF=1", [("\ufffd", "1", False)]),
        ("A=%ED%A0%80", [("A", "\ufffd\ufffd\ufffd", False)]),
        ("A=\xe9", [("A", "\ufffd", False)]),
        ("A=\xc3\xa9", [("A", "é", True)]),
    ],
)
def test_query_is_decoded_as_a_form(query, expected):
    assert [tuple(parameter) for parameter in decoding.parameters(query)] == expected


@given(st.text(st.sampled_from("%=+&aF3 \n\xe9\u1234"), max_size=12))
def test_any_query_is_decoded(query):
    for name, text, _ in decoding.parameters(query):
        (name + text).encode("utf-8")


@pytest.mark.parametrize(
    "text", ['{"a":[1,-2,"x"],"b":{"c":null,"d":true}}', " [ ] \n", '"\\u00e9\\ud83d\\ude00"', "7"]
)
def test_plain_json_has_no_traits(text):
    assert decoding.json_value(text) == decoding.Value(json.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "[1,]",
        "NaN",
        "[Infinity]",
        '{"a":-Infinity}',
        "01",
        "+1",
        "1.",
        ".5",
        "'a'",
        '"\n"',
        '"\\x"',
        "nul",
        "[1]x",
        "\ufeff[1]",
        "\u00a0[1]",
        "٣",
        '{"a":1}{',
        "{1:2}",
        "\0",
    ],
)
def test_unparseable_json_is_its_own_text(text):
    """RFC 8259 and nothing beyond it: no NaN, no trailing comma, no byte order mark."""
    assert decoding.json_value(text) == decoding.Value(text)


@pytest.mark.parametrize(
    ("text", "value", "traits"),
    [
        ('{"a":1,"a":2}', {"a": 2}, {"duplicate-member"}),
        ('[{"b":{"a":1,"a":1}}]', [{"b": {"a": 1}}], {"duplicate-member"}),
        ('"\\ud800"', "\ufffd", {"lone-surrogate"}),
        ('{"\\uDFFFx":["a\\ud83d"]}', {"\ufffdx": ["a\ufffd"]}, {"lone-surrogate"}),
        ("[9223372036854775807,-9223372036854775808]", [2**63 - 1, -(2**63)], set()),
        ("[9223372036854775808]", [2**63], {"big-number"}),
        ("-9223372036854775809", -(2**63) - 1, {"big-number"}),
        ("[" * 32 + "]" * 32, json.loads("[" * 32 + "]" * 32), set()),
        ("[" * 33 + "]" * 33, json.loads("[" * 33 + "]" * 33), {"deep-nesting"}),
        ('["' + "[" * 99 + '","\\"{{"]', ["[" * 99, '"{{'], set()),
        ("[" * 33, "[" * 33, {"deep-nesting"}),
    ],
)
def test_odd_json_is_noted(text, value, traits):
    assert decoding.json_value(text) == decoding.Value(value, frozenset(traits))


@pytest.mark.parametrize("depth", [129, 2_000, 100_000])
@pytest.mark.parametrize("brackets", ["[]", ('{"a":', "}")])
def test_json_too_deep_to_walk_is_unparseable(depth, brackets):
    text = brackets[0] * depth + ("1" if brackets[0] != "[" else "") + brackets[1] * depth
    assert decoding.json_value(text) == decoding.Value(text, frozenset({"deep-nesting"}))


def test_longest_integer_is_read_as_a_big_one():
    """Python refuses integers of more than 4,300 digits; a server must not."""
    value = decoding.json_value("9" * 20_000)
    assert value.traits == {"big-number"}
    assert value.value > 2**63
    assert decoding.is_big(decoding.integer("-" + "9" * 20_000))


def test_fraction_is_noted_and_exact():
    assert decoding.json_value("[0.0]") == decoding.Value([0.0], has_fraction=True)
    assert decoding.json_value("1e400") == decoding.Value(float("inf"), frozenset({"big-number"}), has_fraction=True)
    almost_two = decoding.json_value("2.00000000000000000001").value
    assert almost_two == Decimal("2.00000000000000000001")
    assert almost_two != 2


def test_first_member_can_win():
    assert decoding.json_value('{"a":1,"b":2,"a":3}', first_member_wins=True).value == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("-0", 0), ("7", 7), ("-12", -12), ("10", 10)]
    + [(text, None) for text in ("", "-", "+1", "01", "00", "-01", " 1", "1 ", "1\n", "1.0", "1e1", "٣", "0x1", "1_0")],
)
def test_plain_integer(text, expected):
    assert decoding.integer(text) == expected


@pytest.mark.parametrize(
    ("text", "value", "ways"),
    [
        ("010", 10, {"leading-zero"}),
        ("00", 0, {"leading-zero"}),
        ("-010", -10, {"leading-zero"}),
        ("+20", 20, {"plus-sign"}),
        (" 20", 20, {"blanks"}),
        ("20\n", 20, {"blanks"}),
        ("10.0", 10, {"decimal"}),
        ("-10.00", -10, {"decimal"}),
        ("1e1", 10, {"other"}),
        ("1.5E+1", 15, {"other"}),
        ("100e-1", 10, {"other"}),
        ("0x1F", 31, {"other"}),
        ("0b11", 3, {"other"}),
        ("0o17", 15, {"other"}),
        ("1_000", 1000, {"other"}),
        ("14,400", 14400, {"other"}),
        ("٣٠", 30, {"digits"}),
        ("\uff12\uff10", 20, {"digits"}),
        (" +010.0", 10, {"blanks", "plus-sign", "leading-zero", "decimal"}),
        ("0٣", 3, {"digits", "leading-zero"}),
    ],
)
def test_odd_integer(text, value, ways):
    assert decoding.odd_integer(text) == (value, ways)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-",
        "+",
        "--1",
        "+-1",
        "- 1",
        "1 0",
        "1.5",
        "1.",
        ".0",
        "abc",
        "10s",
        "1e-1",
        "1e999",
        "0x",
        "0xg",
        "1__0",
        "1,00",
        "3OO",
        "²",
        "½",
        "一",
        "\u22125",
        "NaN",
        "true",
        "\u00a05",
        '"1"',
        "[1]",
        "1" * 401,
    ],
)
def test_text_that_is_no_number_in_any_notation(text):
    assert decoding.odd_integer(text) is None
