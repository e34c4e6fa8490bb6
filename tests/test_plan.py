"""Properties of every plan, held against a second opinion on its requests (`independent`)."""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import in_process
import independent
from acs_conformance import lifecycle, requirement, spec_folder
from acs_conformance.cases import DEPTHS, Plan, covering, plan
from acs_conformance.cases.case import Case, requirement_of
from acs_conformance.cases.context import simplest
from acs_conformance.cases.explain import explain
from acs_conformance.cases.render import Context, render
from acs_conformance.description import Description
from acs_conformance.errors import UsageError
from acs_conformance.oracle import expect
from acs_conformance.standing import Standing
from acs_conformance.trait import Memory, claims
from acs_conformance.wire import decode
from in_process import CONTEXT, MADE_UP, MADE_UP_TOO, NOW, OPENS, SHOWS

START = spec_folder.load("StartRtcCloudTranscode")
DESCRIPTIONS = spec_folder.load_all() | {each.operation: each for each in (MADE_UP, MADE_UP_TOO, OPENS, SHOWS)}
#: Kinds whose requests have to be accepted, all of them or but for those that a sequence has refused on purpose.
VALID = ("opening", "accept", "sequence")
#: Ends of requirements on the thing that a request names, which the request alone does not break.
OF_THINGS = (".known", ".same")

by_operation = pytest.mark.parametrize("operation", DESCRIPTIONS)
by_plan = pytest.mark.parametrize(
    ("operation", "depth", "seed"),
    [
        (operation, depth, seed)
        for operation in DESCRIPTIONS
        for depth, seed in (("quick", 0), ("standard", 0), ("standard", 2**63), ("exhaustive", 0))
    ],
)


def planned(operation: str, depth: str = "standard", seed: int = 0) -> Plan:
    return in_process.planned(DESCRIPTIONS[operation], depth, seed)


@functools.cache
def rendered(operation: str, depth: str = "standard", seed: int = 0):
    """(case, step, request) of everything in a plan that calls the operation itself."""
    p = planned(operation, depth, seed)
    return [(case, step, render(p.description, case, step, CONTEXT)) for case, step in own_steps(p)]


def own_steps(p: Plan):
    """The steps of a plan that call its own operation, not one that creates or ends what it acts on."""
    for case in p.cases:
        for step in range(len(case.steps)):
            if case.operation_of(step) == p.description.operation:
                yield case, step


def of_kind(operation, depth, seed, *kinds):
    for case, step, request in rendered(operation, depth, seed):
        if case.kind in kinds:
            yield case, step, request


@functools.cache
def accepted(operation: str, depth: str = "standard") -> list[dict]:
    """The documents of all requests that have to be accepted."""
    description = DESCRIPTIONS[operation]
    found = [independent.read(description, request) for _, _, request in of_kind(operation, depth, 0, *VALID)]
    return [read.document for read in found if not read.breaches]


# --- each case is what it says --------------------------------------------------------------------------------------


@by_plan
def test_every_accept_case_is_valid_everywhere(operation, depth, seed):
    found = {
        case.id: independent.read(DESCRIPTIONS[operation], request).keys
        for case, _, request in of_kind(operation, depth, seed, "opening", "accept")
    }
    assert len(found) >= 2
    assert {name: keys for name, keys in found.items() if keys} == {}


@by_plan
def test_every_reject_case_breaks_exactly_the_one_requirement_it_is_named_after(operation, depth, seed):
    description = DESCRIPTIONS[operation]
    found = {
        case.id: [description.id(key) for _, key in independent.read(description, request).breaches]
        for case, _, request in of_kind(operation, depth, seed, "reject")
        if not case.requirement.endswith(OF_THINGS)
    }
    assert len(found) >= (20 if description.acts_on else 50)
    assert {name: keys for name, keys in found.items() if keys != [requirement_of(name)]} == {}


@by_plan
def test_a_sequence_is_valid_but_for_the_step_that_is_refused_on_purpose(operation, depth, seed):
    description = DESCRIPTIONS[operation]
    for case, step, request in of_kind(operation, depth, seed, "sequence"):
        found = independent.read(description, request).breaches
        is_last = step == len(case.steps) - 1
        assert len(found) <= (0 if is_last or "after-refused" not in case.id else 1), case.id


@by_plan
def test_cases_that_decide_something_raise_no_open_question(operation, depth, seed):
    description = DESCRIPTIONS[operation]
    found = {
        (case.id, step): expect(description, request, Memory())
        for case, step, request in of_kind(operation, depth, seed, *VALID, "reject")
    }
    assert {name: expectation.questions for name, expectation in found.items() if expectation.questions} == {}
    assert all(expectation.is_accept or expectation.is_reject for expectation in found.values())


@by_plan
def test_a_probe_raises_its_own_question_and_no_other(operation, depth, seed):
    description = DESCRIPTIONS[operation]
    wrong = {}
    for case in planned(operation, depth, seed).cases:
        if case.kind != "open":
            continue
        memory = Memory()
        for step in range(len(case.steps)):
            request = render(description, case, step, CONTEXT)
            expectation = expect(description, request, memory)
            if step < len(case.steps) - 1:
                assert expectation.is_accept, case.id
            elif [description.id(key) for key in expectation.questions] != [case.requirement]:
                wrong[case.id] = expectation.questions
            elif not (expectation.success and expectation.refusals):
                wrong[case.id] = expectation.violations
            document = decode(description, request).document
            ends = description.acts_on is not None and description.acts_on.ends_within_s is not None
            memory = Memory(
                taken=memory.taken | {claim for claim, _ in claims(description, document)},
                standing=Standing("ended", cause="ended") if ends else None,
            )
    assert wrong == {}


@by_operation
def test_every_question_that_a_request_can_raise_is_probed_at_standard_depth(operation):
    description = DESCRIPTIONS[operation]
    cases = planned(operation).cases
    probed = {case.requirement for case in cases if case.kind in ("open", "robust")}
    has_json = any(node.location == "json" for node in description.parameters)
    has = {
        "float-for-integer": any(n.location == "json" and n.type == "integer" for n in description.nodes.values()),
        "number-notation": bool(description.integer_parameters),
        "big-number": bool(description.integer_parameters),
        "empty-optional": any(not node.required for node in description.parameters),
        "null-optional": any(n.location == "json" and not n.required for n in description.nodes.values()),
        "unknown-member": any(node.type == "object" for node in description.nodes.values()),
        "duplicate-member": any(node.type == "object" for node in description.nodes.values()),
        "lone-surrogate": has_json,
        "deep-nesting": has_json,
        "in-use": any(relation.within for relation in description.relations),
        # Whoever follows a thing to its end looks at it afterwards.
        "ended": not any(case.kind == "lifecycle" and case.id.endswith("#ended") for case in cases),
    }
    for question in description.questions:
        if has.get(question.trait, True):
            assert description.id(question.key) in probed, question.key


@by_plan
def test_case_ids_are_unique_and_name_a_requirement_or_a_question(operation, depth, seed):
    description = DESCRIPTIONS[operation]
    p = planned(operation, depth, seed)
    ids = [case.id for case in p.cases]
    assert len(set(ids)) == len(ids)
    known = {r.id for r in requirement.derive(description)} | {description.id(q.key) for q in description.questions}
    for case in p.cases:
        assert {requirement_of(aspect) for aspect in (case.id, *case.aspects)} <= known, case.id
        assert case.id.isprintable()
        assert case.id.isascii(), case.id


@by_plan
def test_every_requirement_of_the_request_has_a_case(operation, depth, seed):
    p = planned(operation, depth, seed)
    missing = [r.key for r in requirement.derive(p.description) if r.kind == "request" and not p.aspects.get(r.id)]
    assert missing == []


@by_plan
def test_every_broken_keyword_has_a_reject_case(operation, depth, seed):
    """All but `default`, which no request can break, and the type of what is plain text, for everything is a text."""
    p = planned(operation, depth, seed)
    rejected = {case.requirement for case in p.cases if case.kind == "reject"}
    missing = []
    for r in requirement.derive(p.description):
        node = p.description.nodes.get(r.path)
        is_text = node is not None and (node.location, node.type, r.keyword) == ("query", "string", "type")
        if r.kind == "request" and r.keyword != "default" and not is_text and r.id not in rejected:
            missing.append(r.key)
    assert missing == []


@by_operation
def test_every_part_of_an_accept_case_that_explains_its_refusal_is_valid_too(operation):
    """Whatever is refused: the parts have as many items as they need, and no fewer than there have to be."""
    description = DESCRIPTIONS[operation]
    cases = [case for case in planned(operation).cases if case.kind == "accept"]
    wrong: dict[str, set[str]] = {}
    count = 0

    def is_refused(part: Case) -> bool:
        nonlocal count
        count += 1
        keys = independent.read(description, render(description, part, 0, CONTEXT)).keys
        # Texts that tell what is wrong with a refused one need not be documented themselves.
        if keys and "~text-" not in part.id:
            wrong[part.id] = keys
        return hashlib.sha256(part.id.encode()).digest()[0] % 3 > 0

    for case in cases:
        explain([case], [case], is_refused, lambda: True)  # nothing is suspected, so parts are tried
    assert count > (1 if description.acts_on else 3 if description is OPENS else 4) * len(cases)
    assert wrong == {}


# --- names ----------------------------------------------------------------------------------------------------------


@by_plan
def test_no_two_requests_that_have_to_be_accepted_use_one_name_in_one_scope(operation, depth, seed):
    description = DESCRIPTIONS[operation]
    for relation in description.relations:
        if relation.within is None:
            continue
        seen: dict[tuple, str] = {}
        for case, step, request in of_kind(operation, depth, seed, *VALID):
            read = independent.read(description, request)
            if read.breaches:
                continue
            (scope,) = independent.values(read.document, relation.within)
            for name in independent.values(read.document, relation.of):
                earlier = seen.setdefault((scope, name), f"{case.id} {step}")
                assert earlier == f"{case.id} {step}", (case.id, earlier, name)


@by_operation
def test_another_run_changes_identifiers_and_what_follows_from_them_alone(operation):
    description = DESCRIPTIONS[operation]
    other = replace(CONTEXT, run_id="zz9")
    free = {
        path
        for path, node in description.nodes.items()
        if node.identifier in ("run", "fresh", "created") or node.derived
    }
    changed = 0
    for case, step, request in of_kind(operation, "standard", 0, *VALID, "reject"):
        left = independent.read(description, request).document
        right = independent.read(description, render(description, case, step, other)).document
        assert left.keys() == right.keys()
        for path in description.nodes:
            here, there = dict(independent.at(left, path)), dict(independent.at(right, path))
            assert here.keys() == there.keys(), case.id
            for place, value in here.items():
                if path in free:
                    changed += value != there[place]
                elif description.nodes[path].type not in ("object", "array"):
                    assert value == there[place], (case.id, place)
    assert changed > 0 or not free


def test_another_run_changes_every_name_that_is_made_for_a_run():
    (opening,) = [case for case in planned(START.operation).cases if case.kind == "opening"]
    left, right = (
        independent.read(START, render(START, opening, 0, replace(CONTEXT, run_id=run_id))).document
        for run_id in ("one", "two")
    )
    for path, node in START.nodes.items():
        if node.identifier in ("run", "fresh") or node.derived:
            assert independent.values(left, path) != independent.values(right, path), path
            assert independent.values(left, path), path


@by_operation
def test_a_further_attempt_has_fresh_names_throughout(operation):
    description = DESCRIPTIONS[operation]
    fresh = [path for path, node in description.nodes.items() if node.identifier == "fresh"]
    made = re.compile(r"-r1-[0-9a-f]{10}-\d+$")
    count = 0
    for case, step, request in of_kind(operation, "standard", 0, *VALID, "reject"):
        left = independent.read(description, request).document
        right = independent.read(description, render(description, case, step, CONTEXT, 1)).document
        for path in fresh:
            before = {v for v in independent.values(left, path) if isinstance(v, str) and made.search(v)}
            after = {v for v in independent.values(right, path) if isinstance(v, str) and made.search(v)}
            assert not before & after, case.id
            assert len(before) == len(after), case.id
            count += len(before)
    assert count > 0 or not fresh


def test_identifiers_that_exist_at_the_target_are_taken_from_the_bindings():
    context = replace(CONTEXT, bindings={"AppId": "real-app", "ChannelId": "real-channel"})
    (opening,) = [case for case in planned(START.operation).cases if case.kind == "opening"]
    document = independent.read(START, render(START, opening, 0, context)).document
    assert document["AppId"] == "real-app"
    assert document["ChannelId"] == "real-channel"
    assert independent.values(document, "OutputParams[].ChannelId") == ["real-channel"]


def test_the_simplest_request_is_what_is_required_and_what_ends_an_orphan_soon():
    (opening,) = [case for case in planned(START.operation).cases if case.kind == "opening"]
    document = independent.read(START, render(START, opening, 0, CONTEXT)).document
    assert list(document) == ["AppId", "ChannelId", "InputParam", "OutputParams", "MaxIdleTime"]
    assert document["MaxIdleTime"] == 10
    assert document["InputParam"].keys() == {"SingleSubUserParam"}
    assert document["InputParam"]["SingleSubUserParam"].keys() == {"UserId"}
    assert [sorted(item) for item in document["OutputParams"]] == [
        ["ChannelId", "TranscodeTemplate", "UserId", "UserToken"]
    ]


# --- what is tried --------------------------------------------------------------------------------------------------


def alphabet(pattern: str) -> set[str] | None:
    """The printable characters of a pattern of the form `^[...]*$`; None for another form."""
    if not re.fullmatch(r"\^\[[^]]+\]\*\$", pattern):
        return None
    return {chr(code) for code in range(0x20, 0x7F) if re.fullmatch(pattern[1:-1], chr(code))}


def with_alphabet(description: Description):
    for path, node in description.nodes.items():
        if node.type == "string" and "pattern" in node.schema and alphabet(node.schema["pattern"]):
            yield path, alphabet(node.schema["pattern"])


WITH_ALPHABET = [name for name, description in DESCRIPTIONS.items() if any(with_alphabet(description))]


def test_every_shipped_operation_has_texts_of_documented_characters():
    """Of texts of a fixed form the tests of `texts` tell which characters are shown."""
    assert {description.operation for description in spec_folder.load_all().values()} <= set(WITH_ALPHABET)


@pytest.mark.parametrize("operation", WITH_ALPHABET)
def test_each_documented_character_is_in_a_request_that_has_to_be_accepted(operation):
    description = DESCRIPTIONS[operation]
    for path, inside in with_alphabet(description):
        used = set("".join(value for document in accepted(operation) for value in independent.values(document, path)))
        assert inside <= used, (path, sorted(inside - used))


@pytest.mark.parametrize("operation", WITH_ALPHABET)
def test_each_other_printable_character_is_in_a_request_that_has_to_be_refused(operation):
    description = DESCRIPTIONS[operation]
    for path, inside in with_alphabet(description):
        used: set[str] = set()
        for case, _, request in of_kind(operation, "standard", 0, "reject"):
            if case.requirement == description.id(f"{path}.pattern"):
                texts = independent.values(independent.read(description, request).document, path)
                (outside,) = {frozenset(text) - inside for text in texts if set(text) - inside}
                used |= outside
        wanted = {chr(code) for code in range(0x20, 0x7F)} - inside
        assert wanted <= used, (path, sorted(wanted - used))
        assert {"\n", "\x00", "\u00e9", "\u0661", "\uff21", "\U0001f600"} <= used, path


@by_operation
def test_both_limits_of_a_length_are_accepted_and_one_beyond_is_refused(operation):
    description = DESCRIPTIONS[operation]
    wrong = []
    for path, node in description.nodes.items():
        if node.type != "string" or "enum" in node.schema or node.derived:
            continue
        taken = {len(value) for document in accepted(operation) for value in independent.values(document, path)}
        refused: dict[str, set[int]] = {"minLength": set(), "maxLength": set()}
        for case, _, request in of_kind(operation, "standard", 0, "reject"):
            keyword = case.requirement.rpartition(".")[2]
            if keyword in refused and case.requirement == description.id(f"{path}.{keyword}"):
                values = independent.values(independent.read(description, request).document, path)
                refused[keyword] |= {len(value) for value in values}
        for keyword, beyond in (("minLength", -1), ("maxLength", 1)):
            limit = node.schema.get(keyword)
            if limit is not None and (limit not in taken or limit + beyond not in refused[keyword]):
                wrong.append((path, keyword, limit in taken, limit + beyond in refused[keyword]))
    assert wrong == []


@pytest.mark.parametrize("path", ["AppId", "ChannelId", "OutputParams[].ChannelId"])
def test_ids_of_1_and_64_characters_are_accepted_and_of_65_refused(path):
    taken = {len(value) for document in accepted(START.operation) for value in independent.values(document, path)}
    assert {1, 2, 63, 64} <= taken
    assert max(taken) == 64
    lengths = set()
    for case, _, request in of_kind(START.operation, "standard", 0, "reject"):
        if case.requirement == START.id(f"{path}.maxLength"):
            document = independent.read(START, request).document
            lengths |= {len(value) for value in independent.values(document, path)}
    assert {65, 66, 128} <= lengths


@by_operation
def test_every_enumeration_value_and_both_limits_of_a_number_are_accepted(operation):
    description = DESCRIPTIONS[operation]
    wrong = []
    for path, node in description.nodes.items():
        taken = [value for document in accepted(operation) for value in independent.values(document, path)]
        wanted = list(node.schema.get("enum", ()))
        wanted += [node.schema[keyword] for keyword in ("minimum", "maximum") if keyword in node.schema]
        if node.type == "boolean":
            wanted = [True, False]
        probed = [
            value
            for _, _, request in of_kind(operation, "standard", 0, "open")
            for value in independent.values(independent.read(description, request).document, path)
        ]
        for value in wanted:
            # What a question is about has to be neither taken nor refused; then it is probed.
            is_open = any(q.at == path and value in q.probes for q in description.questions)
            if value not in (probed if is_open else taken):
                wrong.append((path, value))
        if not node.required and not path.endswith("[]"):
            parents = [document for document in accepted(operation) for _ in _parents(document, path)]
            if not 0 < len(taken) < len(parents):
                wrong.append((path, f"sent in {len(taken)} of {len(parents)}"))
    assert wrong == []


def _parents(document, path):
    parent = path.rpartition(".")[0]
    return independent.values(document, parent) if parent else [document]


def test_every_template_and_every_idle_time_at_the_limits_is_accepted():
    documents = accepted(START.operation)
    templates = {v for d in documents for v in independent.values(d, "OutputParams[].TranscodeTemplate")}
    assert templates == {"alimcopy", "lld", "lsd", "lhd", "lud"}
    idle_times = {d.get("MaxIdleTime") for d in documents}
    assert {None, 10, 11, 14399, 14400, 300} <= idle_times


def test_one_to_five_outputs_are_accepted():
    counts = {len(document["OutputParams"]) for document in accepted(START.operation)}
    assert {1, 2, 5} <= counts
    assert max(counts) == 5


def test_item_counts_are_tried_at_both_limits_and_beyond():
    counts = {len(document["Stops"]) for document in accepted(MADE_UP.operation)}
    assert {2, 3, 4} <= counts
    refused = {"Stops.minItems": set(), "Stops.maxItems": set(), "Labels.maxItems": set()}
    for case, _, request in of_kind(MADE_UP.operation, "standard", 0, "reject"):
        key = case.requirement.removeprefix(f"{MADE_UP.operation}.")
        if key in refused:
            refused[key].add(len(independent.read(MADE_UP, request).document[key.partition(".")[0]]))
    assert {0, 1} <= refused["Stops.minItems"]
    assert {5, 6} <= refused["Stops.maxItems"]
    assert {3, 4} <= refused["Labels.maxItems"]


def test_whatever_may_be_broken_in_an_item_is_broken_in_the_first_second_and_third():
    places: dict[str, set[int]] = {}
    for _case, _, request in of_kind(START.operation, "standard", 0, "reject"):
        for place, key in independent.read(START, request).breaches:
            places.setdefault(key, set()).update(step for step in place if isinstance(step, int))
    for r in requirement.derive(START):
        if "[]" in r.path and r.kind == "request" and r.keyword not in ("default", "unique"):
            assert {0, 1, 2} <= places[r.key], r.key
            assert 4 in places[r.key], f"{r.key}: not in the last of as many as are tried"
    assert {1, 2, 4} <= places["OutputParams[].UserId.unique"]


def test_each_enumeration_value_is_tried_without_its_first_and_its_last_letter():
    tried = {
        value
        for case, _, request in of_kind(START.operation, "standard", 0, "reject")
        if case.requirement == START.id("OutputParams[].TranscodeTemplate.enum")
        for value in independent.values(independent.read(START, request).document, "OutputParams[].TranscodeTemplate")
    }
    for option in START.nodes["OutputParams[].TranscodeTemplate"].schema["enum"]:
        assert {option[1:], option[:-1]} <= tried


@pytest.mark.parametrize("fault", [1, 2])
def test_what_the_plain_request_is_refused_for_is_found_before_its_parts_are(fault):
    """A target that refuses the short life of things, or that wants something optional, refuses the plain request."""
    cases = [case for case in planned(START.operation).cases if case.kind in ("opening", "accept")]

    def is_refused(case: Case) -> bool:
        (inner,) = independent.values(read := independent.read(START, render(START, case, 0, CONTEXT)).document, INNER)
        return read.get("MaxIdleTime") == 10 if fault == 1 else "StreamType" not in inner

    sent: list[tuple[Case, bool]] = []

    def send(case: Case) -> bool:
        sent.append((case, is_refused(case)))
        return sent[-1][1]

    failed = [case for case in cases if is_refused(case)]
    explain(failed, [case for case in cases if case not in failed], send, lambda: True, START)
    wanted = "MaxIdleTime.minimum" if fault == 1 else f"{INNER}.StreamType.default"
    blamed = {requirement_of(case.aspects[0]) for case, refused in sent if refused and case.aspects}
    assert blamed == {START.id(wanted)}
    assert len(sent) < 30


INNER = "InputParam.SingleSubUserParam"

# --- covering arrays ------------------------------------------------------------------------------------------------

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=5)


@settings(max_examples=60)
@given(shape=SHAPES, strength=st.integers(1, 3))
def test_any_so_many_levels_of_different_factors_meet_in_some_row(shape, strength):
    factors = {f"f{number}": [f"{number}.{level}" for level in range(size)] for number, size in enumerate(shape)}
    rows = covering.rows(factors, strength)
    for row in rows:
        assert list(row) == list(factors)
        assert all(row[name] in levels for name, levels in factors.items())
    for names in itertools.combinations(factors, min(strength, len(factors))):
        met = {tuple(row[name] for name in names) for row in rows}
        assert met == set(itertools.product(*(factors[name] for name in names)))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), shape=st.lists(st.integers(1, 3), min_size=2, max_size=5), strength=st.integers(1, 3))
def test_what_is_part_of_something_has_a_level_exactly_where_that_is_there(data, shape, strength):
    """All that can meet meets, and in no row is there a part of what is gone: held against all rows there could be."""
    factors = {f"f.{number}": [f"{number}.{level}" for level in range(size)] for number, size in enumerate(shape)}
    names = list(factors)
    wholes = {
        name: data.draw(st.sampled_from([None, *names[:number]]), label=f"whole of {name}")
        for number, name in enumerate(names)
    }
    within = {name: (whole, factors[whole][0]) for name, whole in wholes.items() if whole}

    def cut(row):
        kept: dict = {}
        for name, level in row.items():
            if name not in within or kept.get(within[name][0], within[name][1]) != within[name][1]:
                kept[name] = level
        return kept

    possible = [cut(dict(zip(names, levels, strict=True))) for levels in itertools.product(*factors.values())]
    rows = covering.rows(factors, strength, within)
    assert all(row in possible for row in rows)
    for some in itertools.combinations(names, min(strength, len(names))):
        met = {tuple(row[name] for name in some) for row in rows if row.keys() >= set(some)}
        assert met == {tuple(row[name] for name in some) for row in possible if row.keys() >= set(some)}, some


@settings(max_examples=20)
@given(shape=SHAPES, strength=st.integers(1, 3))
def test_rows_depend_on_the_shape_alone(shape, strength):
    one = {f"f{number}": [f"{number}.{level}" for level in range(size)] for number, size in enumerate(shape)}
    other = {name: [level.replace(".", "-") for level in levels] for name, levels in one.items()}
    again = covering.rows(one, strength)
    assert covering.rows(one, strength) == again
    assert [[level.replace(".", "-") for level in row.values()] for row in again] == [
        list(row.values()) for row in covering.rows(other, strength)
    ]


def test_no_factors_make_no_rows():
    assert covering.rows({}, 2) == []
    assert covering.rows({"empty": []}, 2) == []


def test_optional_parts_counts_and_limits_of_the_shipped_operation_meet_in_pairs():
    def levels(document):
        (inner,) = independent.values(document, "InputParam.SingleSubUserParam")
        yield "idle", document.get("MaxIdleTime")
        yield "stream", inner.get("StreamType")
        yield "source", inner.get("SourceType")
        yield "outputs", len(document["OutputParams"])
        yield "app", len(document["AppId"])

    wanted = {
        "idle": [None, 10, 14400],
        "stream": [None, 0],
        "source": [None, 0],
        "outputs": [1, 2, 5],
        "app": [1, 64],
    }
    met = {
        frozenset(pair)
        for document in accepted(START.operation)
        for pair in itertools.combinations(levels(document), 2)
    }
    for (left, here), (right, there) in itertools.combinations(wanted.items(), 2):
        for pair in itertools.product(here, there):
            assert frozenset({(left, pair[0]), (right, pair[1])}) in met, (left, right, pair)


# --- the same everywhere --------------------------------------------------------------------------------------------


def fingerprint(p: Plan, context: Context = CONTEXT) -> str:
    called = lifecycle.called([p.description])
    digest = hashlib.sha256()
    for case in p.cases:
        for step in range(len(case.steps)):
            request = render(called[case.operation_of(step)], case, step, context)
            digest.update(repr((case.id, step, case.aspects, request)).encode() + request.body)
    return digest.hexdigest()


@by_operation
def test_the_same_seed_gives_the_same_bytes_again(operation):
    description = DESCRIPTIONS[operation]
    assert fingerprint(plan(description, "standard", 7)) == fingerprint(plan(description, "standard", 7))


@by_operation
def test_another_seed_changes_what_is_drawn_and_nothing_else(operation):
    one, other = planned(operation, "standard", 0), planned(operation, "standard", 2**63)
    assert [case for case in one.cases if case.is_enumerated] == [case for case in other.cases if case.is_enumerated]
    assert one.cases != other.cases


_SCRIPT = """
import importlib, sys
sys.path[:0] = {path!r}
for name in {modules!r}:
    importlib.import_module(name)
from test_plan import DESCRIPTIONS, fingerprint
from acs_conformance.cases import plan
for seed in range(3):
    print(fingerprint(plan(DESCRIPTIONS[{operation!r}], "standard", seed)))
"""


@functools.cache
def elsewhere(operation: str, hash_seed: int, *modules: str, path: tuple[str, ...] = ()) -> list[str]:
    """The fingerprints of some plans as another interpreter makes them, after importing some modules."""
    script = _SCRIPT.format(operation=operation, path=[str(Path(__file__).parent), *path], modules=modules)
    environ = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@by_operation
def test_another_interpreter_with_other_hashes_gives_the_same_bytes(operation):
    assert elsewhere(operation, 1) == elsewhere(operation, 2)
    assert len(set(elsewhere(operation, 1))) == 3


def test_whatever_else_is_loaded_gives_the_same_bytes(tmp_path):
    """Hypothesis puts constants of the code around it among what it draws, unless it is kept from it."""
    words = [f"{chr(65 + i % 26)}{i}-constant-{chr(97 + i % 26)}" for i in range(300)]
    numbers = list(range(1_000_000, 1_000_300))
    (tmp_path / "somebodys_code.py").write_text(f"WORDS = {words!r}\nNUMBERS = {numbers!r}\n", encoding="utf-8")
    crowded = elsewhere(START.operation, 1, "acs_conformance.cli", "somebodys_code", path=(str(tmp_path),))
    assert crowded == elsewhere(START.operation, 1)


def test_time_changes_tokens_alone():
    later = replace(CONTEXT, now=NOW + 1)
    for case, step, request in of_kind(START.operation, "quick", 0, *VALID):
        left = independent.read(START, request).document
        right = independent.read(START, render(START, case, step, later)).document
        for item in (*left["OutputParams"], *right["OutputParams"]):
            assert item.pop("UserToken")
        assert left == right


# --- cost -----------------------------------------------------------------------------------------------------------


@by_plan
def test_no_request_target_reaches_60_kib(operation, depth, seed):
    sizes = {case.id: len(request.target) for case, _, request in rendered(operation, depth, seed)}
    assert max(sizes.values()) < 60 * 1024, max(sizes, key=sizes.__getitem__)


@by_plan
def test_requests_that_decide_something_stay_below_8_kib(operation, depth, seed):
    description = DESCRIPTIONS[operation]
    for case, _, request in of_kind(operation, depth, seed, *VALID, "reject", "open"):
        assert len(request.target) <= description.gateway.judged_up_to, case.id


@by_operation
def test_standard_depth_costs_at_most_700_requests_and_depths_grow(operation):
    counts = [len(rendered(operation, depth)) for depth in DEPTHS]
    assert counts[1] <= (700 if operation == START.operation else 750)
    assert counts == sorted(counts)
    assert len(set(counts)) == len(counts)


@by_operation
def test_the_plan_opens_with_a_plain_valid_request_and_valid_ones_come_first(operation):
    kinds = [case.kind for case in planned(operation).cases]
    assert kinds[0] == "opening"
    assert kinds.count("opening") == 1
    firsts = [kinds.index(kind) for kind in ("opening", "accept", "reject")]
    assert firsts == sorted(firsts)
    assert kinds.index("reject") > max(index for index, kind in enumerate(kinds) if kind in VALID)


# --- parts of a plan ------------------------------------------------------------------------------------------------


def test_a_restricted_plan_keeps_the_opening_and_the_cases_of_the_wanted_requirement():
    p = planned(START.operation).restricted([START.id("AppId.pattern")])
    assert p.cases[0].kind == "opening"
    wanted = START.id("AppId.pattern")
    assert all(wanted in {requirement_of(aspect) for aspect in case.aspects} for case in p.cases[1:])
    assert p.aspects[wanted] == planned(START.operation).aspects[wanted]


def test_an_aspect_restricts_further():
    wanted = START.id("AppId.pattern")
    p = planned(START.operation).restricted([wanted], f"{wanted}#U+0020*")
    assert {case.kind for case in p.cases} == {"opening", "reject"}
    assert all(case.id.startswith(f"{wanted}#U+0020") for case in p.cases if case.kind == "reject")
    assert len(p.cases) > 1


def test_an_unknown_depth_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="Known: quick, standard, exhaustive"):
        plan(START, "deep")


def test_a_case_says_what_it_changes():
    case: Case = planned(START.operation).by_id[START.id("AppId.required#absent")]
    assert [str(edit) for edit in case.edits] == ["remove AppId"]


@by_operation
def test_what_has_to_be_refused_would_not_live_long_if_it_was_accepted(operation):
    """Where the time for which something lives is not under test, it is the shortest one, or left out."""
    description = DESCRIPTIONS[operation]
    if description.creates is None:
        return
    found = {
        case.id: [decode(description, request).document.get(name) for name in description.creates.short_lived]
        for case, _, request in of_kind(operation, "standard", 0, "reject", "sequence")
        if not any(f".{name}." in case.id for name in description.creates.short_lived) and "#several" not in case.id
    }
    short = [*description.creates.short_lived.values()]
    costly = {name: values for name, values in found.items() if values not in (short, [None] * len(short))}
    assert found
    assert costly == {}


@by_operation
def test_every_case_in_surroundings_can_be_sent_without_them(operation):
    """A failure in surroundings is tried once more at its simplest."""
    description = DESCRIPTIONS[operation]
    smaller = [simplest(case) for case in planned(operation).cases]
    assert sum(case is not None for case in smaller) > 20
    for case in smaller:
        if case is not None:
            render(description, case, 0, CONTEXT)
