"""The emulator's own reading of a description's schema and relations."""

from __future__ import annotations

import dataclasses

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acs_conformance.emulator import validation
from emulator_calls import DESCRIPTION, document, output, toys

INPUT = "InputParam"
SUB = (INPUT, "SingleSubUserParam")
OUT = "OutputParams"


def sub(**members):
    return document(InputParam={"SingleSubUserParam": {"UserId": "in"} | members})


def found(values, description=DESCRIPTION):
    return [(breach.location, breach.keyword, breach.kind) for breach in validation.breaches(description, values)]


def test_valid_document_breaks_nothing():
    several = [output(f"out{number}", TranscodeTemplate=name) for number, name in enumerate(("lhd", "lud", "alimcopy"))]
    values = sub(StreamType=2, SourceType=1) | {"OutputParams": several, "MaxIdleTime": 14400}
    assert found(values) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (document(AppId=...), [(("AppId",), "required", "absent")]),
        (document(AppId=""), [(("AppId",), "minLength", "vacant")]),
        (document(AppId="a\n"), [(("AppId",), "pattern", "other")]),
        (document(AppId="a" * 65), [(("AppId",), "maxLength", "other")]),
        (document(AppId="é" * 65), [(("AppId",), "pattern", "other"), (("AppId",), "maxLength", "other")]),
        (document(AppId="\u212a"), [(("AppId",), "pattern", "other")]),
        (document(InputParam="{"), [((INPUT,), "type", "other")]),
        (document(InputParam=""), [((INPUT,), "type", "vacant")]),
        (document(InputParam=[]), [((INPUT,), "type", "vacant")]),
        (document(InputParam=None), [((INPUT,), "type", "vacant")]),
        (document(InputParam={}), [(SUB, "required", "vacant")]),
        (sub(UserId=7), [((*SUB, "UserId"), "type", "other")]),
        (sub(StreamType=3), [((*SUB, "StreamType"), "enum", "other")]),
        (sub(StreamType="0"), [((*SUB, "StreamType"), "type", "other")]),
        (sub(StreamType=""), [((*SUB, "StreamType"), "type", "vacant")]),
        (sub(StreamType=True), [((*SUB, "StreamType"), "type", "other")]),
        (sub(StreamType=False), [((*SUB, "StreamType"), "type", "other")]),
        (sub(StreamType=0.5), [((*SUB, "StreamType"), "type", "other")]),
        (sub(StreamType=2**64), [((*SUB, "StreamType"), "enum", "other")]),
        (document(MaxIdleTime=9), [(("MaxIdleTime",), "minimum", "other")]),
        (document(MaxIdleTime=14401), [(("MaxIdleTime",), "maximum", "other")]),
        (document(MaxIdleTime="x"), [(("MaxIdleTime",), "type", "other")]),
        (document(OutputParams=[]), [((OUT,), "minItems", "vacant")]),
        (document(OutputParams=[None]), [((OUT, 0), "type", "vacant")]),
        (document(OutputParams=[output("a"), 7]), [((OUT, 1), "type", "other")]),
        (
            document(OutputParams=[output("a"), output("b", UserToken=...)]),
            [((OUT, 1, "UserToken"), "required", "vacant")],
        ),
        (
            document(OutputParams=[output("a", TranscodeTemplate="LLD")]),
            [((OUT, 0, "TranscodeTemplate"), "enum", "other")],
        ),
        (document(OutputParams=[output("")]), [((OUT, 0, "UserId"), "minLength", "vacant")]),
    ],
)
def test_breach_is_found_where_it_is(values, expected):
    assert sorted(found(values)) == sorted(expected)


def test_breaches_come_in_document_order():
    """Parameters as documented, a value before what is in it, items by number."""
    values = {"MaxIdleTime": 9, "OutputParams": [output("a", UserId="", ChannelId="."), 1], "AppId": "."}
    assert [location for location, _, _ in found(values)] == [
        ("AppId",),
        ("ChannelId",),
        ("InputParam",),
        ("OutputParams", 0, "ChannelId"),
        ("OutputParams", 0, "UserId"),
        ("OutputParams", 1),
        ("MaxIdleTime",),
    ]


def test_breach_names_the_rows_that_answer_its_kind():
    values = {"ChannelId": "", "InputParam": {"SingleSubUserParam": {"UserId": "in"}}, "OutputParams": 7}
    breaches = validation.breaches(DESCRIPTION, values)
    assert [breach.rows for breach in breaches] == [
        ("MissingParameter",),
        ("MissingParameter", "InvalidParameter"),
        ("InvalidParameter",),
    ]


def test_unknown_names_break_nothing():
    values = sub(Other=[1]) | {"Other": 1, "OutputParams": [output("out", Other={})]}
    assert found(values) == []


@pytest.mark.parametrize(
    ("users", "expected"),
    [
        (["a", "b", "a"], [((OUT, 2, "UserId"), "unique", "other")]),
        (["a", "a", "a"], [((OUT, 1, "UserId"), "unique", "other"), ((OUT, 2, "UserId"), "unique", "other")]),
        (["a", "in"], [((OUT, 1, "UserId"), "distinct", "other")]),
        (
            ["in", "in"],
            [
                ((OUT, 0, "UserId"), "distinct", "other"),
                ((OUT, 1, "UserId"), "unique", "other"),
                ((OUT, 1, "UserId"), "distinct", "other"),
            ],
        ),
        (["a", "A", "a ", "IN"], []),
    ],
)
def test_relations_between_users(users, expected):
    assert found(document(OutputParams=[output(user) for user in users])) == expected


def test_equal_relation():
    values = document(OutputParams=[output("a"), output("b", ChannelId="other")])
    assert found(values) == [((OUT, 1, "ChannelId"), "equal", "other")]


def test_relations_are_looked_at_only_where_the_schema_holds():
    assert found(document(AppId=".", OutputParams=[output("in")])) == [(("AppId",), "pattern", "other")]


def test_schema_is_compiled_once():
    assert validation.compiled(DESCRIPTION) is validation.compiled(DESCRIPTION)


def test_patterns_are_ascii(tmp_path):
    description = toys(tmp_path)
    assert found({"Owner": "0123456789"}, description) == []
    for text in ("\u0663", "1\n", "\n1", "1 ", "\uff11"):
        assert found({"Owner": text}, description) == [(("Owner",), "pattern", "other")], ascii(text)


def test_pattern_holds_for_the_whole_text():
    """Whatever the pattern's own anchors say: an alternative of it needs no circumflex of its own."""
    schema = {"type": "object", "properties": {"AppId": {"type": "string", "pattern": "^a|b$"}}}
    description = dataclasses.replace(DESCRIPTION, request_schema=schema, relations=())
    for text, expected in (("a", []), ("b", []), ("ax", ["pattern"]), ("xb", ["pattern"])):
        assert [keyword for _, keyword, _ in found({"AppId": text}, description)] == expected


def test_true_is_not_one_in_relations(tmp_path):
    description = toys(tmp_path)
    assert found({"Owner": "1", "Filter": {"Min": 1, "Max": 2, "Flags": [True, False]}}, description) == []
    assert found({"Owner": "1", "Filter": {"Min": 1, "Max": 1, "Flags": [True, True]}}, description) == [
        (("Filter", "Max"), "distinct", "other"),
        (("Filter", "Flags", 1), "unique", "other"),
    ]
    assert not validation._same(True, 1)
    assert validation._same(1, 1.0)


# --- held against the judges' library --------------------------------------------------------------------------------

JUDGES = jsonschema.Draft202012Validator(dict(DESCRIPTION.request_schema))

# No text ends in a newline: that library alone, without what the judges add to it, lets one pass a `$`.
values = st.recursive(
    st.sampled_from(
        [None, True, False, 0, 1, 2, 3, 9, 10, 14400, 14401, -1, 0.5, "", "a", "a\r", "in", "lld", "x" * 65]
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["UserId", "X"]), inner, max_size=2),
    max_leaves=4,
)


def members(names, inner):
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, inner)) | inner


some_documents = st.fixed_dictionaries(
    {},
    optional={
        "AppId": values,
        "ChannelId": values,
        "MaxIdleTime": values,
        "InputParam": values
        | members(["SingleSubUserParam", "X"], members(["UserId", "StreamType", "SourceType"], values)),
        "OutputParams": values
        | st.lists(members(["ChannelId", "UserId", "UserToken", "TranscodeTemplate", "X"], values), max_size=3),
    },
)


@settings(max_examples=300, deadline=None)
@given(some_documents)
def test_two_libraries_find_the_same_breaches(values):
    """Location and keyword agree with the other library's, but for what hides behind a wrong type."""
    expected = set()
    for error in JUDGES.iter_errors(values):
        location = tuple(error.absolute_path)
        if error.validator == "required":
            expected |= {
                ((*location, name), "required") for name in error.validator_value if name not in error.instance
            }
        else:
            expected.add((location, error.validator))
    mistyped = {location for location, keyword in expected if keyword == "type"}
    expected = {(at, keyword) for at, keyword in expected if keyword == "type" or at not in mistyped}
    mine = {(at, keyword) for at, keyword, _ in found(values)}
    if expected:
        assert mine == expected
    else:
        assert {keyword for _, keyword in mine} <= {"unique", "distinct", "equal"}


def test_another_schema_is_another_compilation():
    schema = {"type": "object", "required": [], "properties": {"AppId": {"type": "string", "maxLength": 1}}}
    other = dataclasses.replace(DESCRIPTION, request_schema=schema, relations=())
    assert found({"AppId": "ab"}, other) == [(("AppId",), "maxLength", "other")]
