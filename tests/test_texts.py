"""Texts that have to be taken, from patterns of every form."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from acs_conformance.cases import alphabet, texts
from acs_conformance.description import Description
from in_process import MADE_UP, MADE_UP_TOO

#: Pattern, an example, further keywords.
PATTERNS = [
    (r"^[a-z]{2}-[0-9]+$", "de-1", {}),
    (r"^[A-Z]{3}$", "EUR", {}),
    (r"^[a-z][a-z0-9-]*$", "mail-2", {"minLength": 2, "maxLength": 16}),
    (r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$", "2025-03-01", {}),
    (r"^#[0-9a-f]{6}$", "#00ff7f", {"minLength": 7, "maxLength": 7}),
    (r"^[A-Za-z0-9_-]{1,64}$", "name", {}),
    (r"^(auto|[1-9][0-9]*%)$", "50%", {"maxLength": 4}),
    (r"^x+$", "x", {"maxLength": 5}),
    (r"^[a-z/]*$", "a/b", {"minLength": 1, "maxLength": 9}),
    (None, "anything", {"maxLength": 30}),
]


def described(pattern: str | None, example: str, keywords: dict) -> Description:
    """The made-up operation with another parameter `Depot`."""
    schema = {"type": "string", **({"pattern": pattern} if pattern else {}), **keywords}
    node = replace(MADE_UP.nodes["Depot"], schema=schema, examples=(example,))
    return replace(MADE_UP, nodes={**MADE_UP.nodes, "Depot": node})


by_pattern = pytest.mark.parametrize(("pattern", "example", "keywords"), PATTERNS)


@by_pattern
def test_every_text_fits_and_is_as_long_as_it_has_to_be(pattern, example, keywords):
    description = described(pattern, example, keywords)
    lengths = texts.lengths(description, "Depot")
    assert lengths
    for length in lengths:
        assert keywords.get("minLength", 1) <= length <= keywords.get("maxLength", 64)
        for turn in range(70):
            text = texts.text(description, "Depot", length, turn)
            assert len(text) == length
            assert pattern is None or re.fullmatch(pattern[1:-1], text, re.ASCII), text


@by_pattern
def test_what_is_said_of_characters_is_so(pattern, example, keywords):
    description = described(pattern, example, keywords)
    made = [
        texts.text(description, "Depot", length, turn)
        for length in texts.lengths(description, "Depot")
        for turn in range(texts.turns(description, "Depot"))
    ]
    assert set("".join(made)) == set(texts.characters(description, "Depot"))
    assert {text[0] for text in made} == set(texts.firsts(description, "Depot"))
    assert {text[-1] for text in made} == set(texts.lasts(description, "Depot"))


def test_a_text_shows_as_many_of_the_wanted_characters_as_go_into_it():
    description = described(r"^[a-z]{2}-[0-9]+$", "de-1", {"maxLength": 6})
    assert texts.showing(description, "Depot", "xyz789") == "xy-789"
    assert texts.showing(described(None, "anything", {"maxLength": 4}), "Depot", "xyz789") == "xyz7"


@pytest.mark.parametrize(
    ("pattern", "letters"),
    [
        ("^[a-c]*$", "abc"),
        ("^[a-c_-]+$", "abc_-"),
        ("^[a-c]{2}$", None),
        ("^[a-c][a-c0-9]*$", None),
        ("^[a-c]*[0-9]?$", None),
        ("^x*$", None),
    ],
)
def test_a_set_of_characters_is_a_pattern_in_which_each_may_stand_anywhere(pattern, letters):
    assert alphabet.charset(pattern) == letters


def test_a_text_can_be_longer_than_it_may_be_and_fit_its_pattern():
    assert re.fullmatch("[a-z][a-z0-9-]{16}", texts.fitting(MADE_UP_TOO, "Carrier", 17) or "")
    assert texts.fitting(MADE_UP_TOO, "Currency", 4) is None


def test_characters_that_raise_a_question_are_no_part_of_a_text():
    question = replace(
        MADE_UP.questions[0], key="Note.shouted", trait="schema", at="Note", matches={"pattern": "[A-Z]"}
    )
    description = replace(MADE_UP, questions=(question, *MADE_UP.questions))
    assert not any(char.isupper() for char in texts.characters(description, "Note"))
    assert any(char.isupper() for char in texts.characters(MADE_UP, "Note"))
