"""Strings and JSON texts that careless readers get wrong: both engines are held to one table, written by hand.

The judges read with `wire` and validate with `violation`; the emulator reads with its own `decoding` and validates with
its own `validation`, and another library. So one bug can't hide in both; here they have to say the same.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from acs_conformance import spec_folder
from acs_conformance.derived import REDACTED
from acs_conformance.description import Description
from acs_conformance.emulator import decoding, validation
from acs_conformance.emulator.policy import Policy
from acs_conformance.emulator.readings import Reader
from acs_conformance.message import RawRequest
from acs_conformance.oracle import expect
from acs_conformance.trait import Memory
from acs_conformance.violation import violations
from acs_conformance.wire import Unparseable, decode, decode_parameters, encode_query
from page_table import TOKEN, plain
from spec_copies import copy_to

START = spec_folder.load("StartRtcCloudTranscode")
TABLE = json.loads((Path(__file__).parent / "data" / "treacherous.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Row:
    """One line of a section of the table."""

    id: str
    text: Any
    says: Any


def rows(section: str) -> Any:
    found = [Row(row["id"], row["text"], row["says"]) for row in TABLE[section]]
    assert len({row.id for row in found}) == len(found)
    return pytest.mark.parametrize("row", found, ids=lambda row: row.id)


def judged(document: dict[str, Any]) -> set[str]:
    return {violation.key for violation in violations(START, document)}


def emulated(document: dict[str, Any]) -> set[str]:
    return {f"{breach.path}.{breach.keyword}" for breach in validation.breaches(START, document)}


VALID = decode_parameters(START, plain()).document


# --- values that are already read -----------------------------------------------------------------------------------


@rows("ids")
def test_both_engines_say_the_same_of_an_id(row):
    """`says`: the keywords that the text breaks as an AppId; as a ChannelId of an item it breaks the same."""
    document = {**VALID, "AppId": row.text}
    assert judged(document) == {f"AppId.{keyword}" for keyword in row.says}
    assert emulated(document) == {f"AppId.{keyword}" for keyword in row.says}
    (output,) = VALID["OutputParams"]
    document = {**VALID, "OutputParams": [{**output, "ChannelId": row.text}]}
    assert judged(document) == {f"OutputParams[].ChannelId.{keyword}" for keyword in row.says}
    # Whether an output may be on another channel is open, so the emulator's relation is left out of it here.
    found = {key for key in emulated(document) if not key.endswith(".equal")}
    assert found == {f"OutputParams[].ChannelId.{keyword}" for keyword in row.says}


@rows("templates")
def test_both_engines_say_the_same_of_a_template(row):
    (output,) = VALID["OutputParams"]
    document = {**VALID, "OutputParams": [{**output, "TranscodeTemplate": row.text}]}
    expected = {f"OutputParams[].TranscodeTemplate.{keyword}" for keyword in row.says}
    assert judged(document) == expected
    assert emulated(document) == expected


@rows("numbers")
def test_both_engines_say_the_same_of_a_json_number(row):
    """`text`: JSON in the place of StreamType; `says`: the keywords it breaks, where it is read as it stands."""
    text = f'{{"SingleSubUserParam":{{"UserId":"userA","StreamType":{row.text}}}}}'
    expected = {f"InputParam.SingleSubUserParam.StreamType.{keyword}" for keyword in row.says}
    assert judged({**VALID, **decode_parameters(START, (("InputParam", text),)).document}) == expected
    assert emulated({**VALID, "InputParam": decoding.json_value(text).value}) == expected


@pytest.mark.parametrize(
    ("values", "broken"),
    [
        (["a", "a"], True),
        (["a", "A"], False),
        (["a", "a "], False),
        (["\u00e9", "e\u0301"], False),
        (["\u00e9", "\u00e9"], True),
        (["\uff41", "a"], False),
        (["\u212a", "K"], False),
        (["\u00df", "ss"], False),
        (["a", "b", "a"], True),
        (["a\x00", "a"], False),
        (["1", "01"], False),
    ],
    ids=ascii,
)
def test_both_engines_compare_names_character_by_character(values, broken):
    (output,) = VALID["OutputParams"]
    document = {**VALID, "OutputParams": [{**output, "UserId": value} for value in values]}
    expected = {"OutputParams[].UserId.unique"} if broken else set()
    assert judged(document) == expected
    assert emulated(document) == expected


PATTERNS = [
    (r"^\d*$", "0159", True),
    (r"^\d*$", "\u0661", False),
    (r"^\d*$", "1\u0967", False),
    (r"^\d*$", "1\n", False),
    (r"^\w*$", "aZ_9", True),
    (r"^\w*$", "\u00e9", False),
    (r"^\w*$", "a\u0301", False),
    (r"^\w*$", "\u212a", False),
    (r"^[a-z]{2}-[0-9]+$", "de-1", True),
    (r"^[a-z]{2}-[0-9]+$", "xde-1", False),
    (r"^[a-z]{2}-[0-9]+$", "de-1x", False),
    (r"^[a-z]{2}-[0-9]+$", "de-1\n", False),
    (r"^[a-z]{2}-[0-9]+$", "a\nde-1", False),
    (r"^ab|cd$", "ab", True),
    (r"^ab|cd$", "abx", False),
    (r"^ab|cd$", "xcd", False),
    (r"^(ab|cd)?$", "", True),
    (r"^a.b$", "a\u00e9b", True),
    (r"^a.b$", "a\U0001f600b", True),
    (r"^a.b$", "a\nb", False),
    (r"^[^a]$", "\n", True),
    (r"^\S+$", "ab", True),
    (r"^\S+$", "a\tb", False),
    (r"^\S+$", "ab\n", False),
]


@functools.cache
def with_pattern(root: Path, pattern: str) -> Description:
    copy = copy_to(root)
    copy.replace("openapi.yaml", "pattern: ^[A-Za-z0-9_-]*$\n            minLength: 1\n", f"pattern: '{pattern}'\n")
    copy.replace(
        "openapi.yaml", "            examples: [acs-conformance-app]\n", f"            examples: {EXAMPLES[pattern]}\n"
    )
    return spec_folder.load("StartRtcCloudTranscode", copy.root)


EXAMPLES = {pattern: json.dumps([text]) for pattern, text, fits in reversed(PATTERNS) if fits}


@pytest.fixture(scope="session")
def pattern_roots(tmp_path_factory):
    return {pattern: tmp_path_factory.mktemp("spec") for pattern in dict.fromkeys(p for p, _, _ in PATTERNS)}


@pytest.mark.parametrize(("pattern", "text", "fits"), PATTERNS, ids=ascii)
def test_both_engines_hold_the_whole_text_to_a_pattern_and_in_ascii(pattern_roots, pattern, text, fits):
    description = with_pattern(pattern_roots[pattern], pattern)
    document = {**VALID, "AppId": text}
    expected = set() if fits else {"AppId.pattern"}
    assert {violation.key for violation in violations(description, document)} == expected
    assert {f"{b.path}.{b.keyword}" for b in validation.breaches(description, document)} == expected


# --- texts of parameters --------------------------------------------------------------------------------------------


@rows("integers")
def test_both_engines_read_a_plain_integer_alike(row):
    """`says`: the integer that the text plainly spells, or null."""
    read = decode_parameters(START, (("MaxIdleTime", row.text),)).document["MaxIdleTime"]
    assert (read if isinstance(read, int) else None) == row.says
    assert type(read) in (int, str)
    assert decoding.integer(row.text) == row.says


UNREADABLE = {"unreadable": True}


@rows("json")
def test_both_engines_read_a_json_text_alike(row):
    """`says`: the value, or that the text is no JSON."""
    read = decode_parameters(START, (("InputParam", row.text),)).document["InputParam"]
    ours = UNREADABLE if isinstance(read, Unparseable) else read
    value = decoding.json_value(row.text)
    theirs = UNREADABLE if isinstance(value.value, str) and value.value == row.text else value.value
    assert _typed(ours) == _typed(row.says)
    assert _typed(theirs) == _typed(row.says)


def _typed(value: Any) -> Any:
    """A value that differs from another one where JSON does: true is not 1, 0 is not 0.0."""
    if isinstance(value, dict):
        return {name: _typed(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_typed(inner) for inner in value]
    return type(value).__name__, value


@rows("oddities")
def test_both_engines_notice_what_is_open_about_a_json_text(row):
    """`says`: words of the traits that the text has."""
    decoded = decode(START, _request(InputParam=row.text))
    form = decoded.form
    ours = {
        word
        for word, names in (
            ("duplicate-member", form.duplicate_members),
            ("lone-surrogate", form.lone_surrogates),
            ("deep-nesting", form.deep),
        )
        if names
    }
    if "wire.big-number" in expect(START, _request(InputParam=row.text), Memory()).questions:
        ours.add("big-number")
    assert ours == set(row.says)
    assert decoding.json_value(row.text).traits == set(row.says)


# --- whole requests -------------------------------------------------------------------------------------------------


def _request(**changes: str) -> RawRequest:
    # The table's token is a constant; what the page says of tokens is open, so a mark stands for a well-made one.
    texts = {name: text.replace(TOKEN, REDACTED) for name, text in plain()} | changes
    return RawRequest("POST", "/?" + encode_query(texts.items()))


STRICT = Policy.default()


def _emulator_refuses(request: RawRequest) -> bool:
    reader = Reader(START, STRICT, now_s=lambda: 1_800_000_000.0, secrets={})
    return bool(reader.read(request).breaches)


@rows("requests")
def test_what_is_allowed_and_what_the_emulator_does_fit_the_table(row):
    """`text`: parameter -> text in a plain request; `says`: accept, refuse, open, or anything."""
    request = _request(**row.text)
    expectation = expect(START, request, Memory())
    if row.says == "anything":
        assert expectation.anything
        return
    assert not expectation.anything
    assert (expectation.success, bool(expectation.refusals)) == {
        "accept": (True, False),
        "refuse": (False, True),
        "open": (True, True),
    }[row.says]
    if row.says != "open":
        assert _emulator_refuses(request) == (row.says == "refuse")


@rows("queries")
def test_both_engines_read_a_raw_query_alike(row):
    """`says`: the text of AppId, or null where its bytes are not UTF-8."""
    request = RawRequest("POST", f"/?AppId={row.text}")
    decoded = decode(START, request)
    (sent,) = decoding.parameters(request.query)
    if row.says is None:
        assert decoded.form.is_not_utf8
        assert not sent.is_utf8
    else:
        assert decoded.document["AppId"] == row.says
        assert sent.text == row.says
        assert sent.is_utf8
