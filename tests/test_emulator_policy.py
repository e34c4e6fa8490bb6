"""A policy settles each open point, and the variants cover all pairs of choices."""

from __future__ import annotations

import base64
import itertools
import json

import pytest

from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.policy import Policy, options, variants
from acs_conformance.errors import SelectionError
from emulator_calls import (
    ACTION,
    DESCRIPTION,
    NAMES,
    body,
    document,
    emulator,
    encoded,
    outcome,
    output,
    request,
    start,
)
from emulator_calls import target as target_of

INVALID = (400, "InvalidParameter")
MISSING = (400, "MissingParameter")

FORM = (*NAMES, ("content-type", "application/x-www-form-urlencoded"))


def sub(members):
    """A request whose input has more members, as raw text."""
    return start(InputParam='{"SingleSubUserParam":{"UserId":"in",' + members + "}}")


def idle(text):
    return request(f"{target_of()}&MaxIdleTime={encoded(text)}")


#: point -> a request that raises the question, and what each choice makes of it.
OUTCOMES = {
    "InputParam.SingleSubUserParam.StreamType.unsupported": (
        sub('"StreamType":1'),
        {"no-effect": 200, "refused": INVALID},
    ),
    "InputParam.SingleSubUserParam.SourceType.unsupported": (
        sub('"SourceType":1'),
        {"no-effect": 200, "refused": INVALID},
    ),
    "OutputParams[].ChannelId.unsupported": (
        start(OutputParams=[output("a"), output("b", ChannelId="other")]),
        {"no-effect": 200, "refused": INVALID},
    ),
    "OutputParams[].UserToken.empty": (
        start(OutputParams=[output("a", UserToken="")]),
        {"taken": 200, "refused": MISSING},
    ),
    "OutputParams[].UserToken.invalid": (start(), {"taken": 200, "refused": INVALID}),
    "InputParam.SingleSubUserParam.UserId.beyond": (
        start(InputParam={"SingleSubUserParam": {"UserId": "用户"}}),
        {"taken": 200, "refused": INVALID},
    ),
    "OutputParams[].UserId.beyond": (
        start(OutputParams=[output("x" * 65)]),
        {"taken": 200, "refused": INVALID},
    ),
    "OutputParams.many": (
        start(OutputParams=[output(f"out{number}") for number in range(6)]),
        {"taken": 200, "refused": INVALID},
    ),
    "wire.number-notation.leading-zero": (idle("010"), {"refused": INVALID, "number": 200}),
    "wire.number-notation.plus-sign": (idle("+20"), {"refused": INVALID, "number": 200}),
    "wire.number-notation.blanks": (idle(" 20"), {"refused": INVALID, "number": 200}),
    "wire.number-notation.decimal": (idle("10.0"), {"refused": INVALID, "number": 200}),
    "wire.number-notation.other": (idle("1e2"), {"refused": INVALID, "number": 200}),
    "wire.number-notation.digits": (idle("٣٠٠"), {"refused": INVALID, "number": 200}),
    "wire.float-for-integer": (sub('"StreamType":0.0'), {"refused": INVALID, "number": 200}),
    "wire.empty-optional": (idle(""), {"absent": 200, "refused": INVALID}),
    "wire.null-optional": (sub('"StreamType":null'), {"absent": 200, "refused": MISSING}),
    "wire.unknown-parameter": (request(target_of() + "&Other=1"), {"ignored": 200, "refused": INVALID}),
    "wire.unknown-member": (sub('"Other":null'), {"ignored": 200, "refused": INVALID}),
    "wire.repeated-parameter": (
        request(target_of() + "&AppId=."),
        {"last": INVALID, "first": 200, "refused": INVALID},
    ),
    "wire.duplicate-member": (
        sub('"StreamType":0,"StreamType":3'),
        {"last": INVALID, "first": 200, "refused": INVALID},
    ),
    "wire.lone-surrogate": (
        start(InputParam='{"SingleSubUserParam":{"UserId":"\\ud800"}}'),
        {"replaced": 200, "refused": INVALID},
    ),
    "wire.invalid-utf-8": (
        request(target_of(InputParam='{"SingleSubUserParam":{"UserId":"in"}}').replace("%22in%22", "%22%FF%22")),
        {"replaced": 200, "refused": INVALID},
    ),
    "wire.deep-nesting": (sub('"Other":' + "[" * 40 + "]" * 40), {"read": 200, "refused": INVALID}),
    "wire.big-number": (sub('"Other":9223372036854775808'), {"read": 200, "refused": INVALID}),
    "wire.letter-case": (
        request(target_of(AppId=...) + "&appid=app"),
        {"counts-not": MISSING, "counts": 200},
    ),
    "wire.form-body": (
        request(body=target_of()[2:].encode(), headers=FORM),
        {"counts": 200, "counts-not": MISSING},
    ),
    "wire.method": (request(target_of(), method="GET"), {"taken": 200, "refused": (400, "UnsupportedHTTPMethod")}),
}


def test_each_question_of_the_description_is_settled():
    """A question that the emulator doesn't know would be one whose readings nobody ever sees."""
    assert {question.key for question in DESCRIPTION.questions} <= set(options(DESCRIPTION))
    assert {question.key for question in DESCRIPTION.questions} == OUTCOMES.keys() | {"wire.in-use"}


@pytest.mark.parametrize(
    ("point", "choice"), [(point, choice) for point, (_, outcomes) in OUTCOMES.items() for choice in outcomes]
)
def test_choice_decides(point, choice):
    raw, outcomes = OUTCOMES[point]
    assert set(outcomes) == set(options(DESCRIPTION)[point])
    assert outcome(emulator(choices={point: choice}).handle(raw)) == outcomes[choice]


@pytest.mark.parametrize("point", OUTCOMES)
def test_question_alone_is_decided(point):
    """With all other questions at their strictest, the one at hand is still decided by its own choice alone."""
    raw, outcomes = OUTCOMES[point]
    strict = {
        other: "refused" for other, names in options(DESCRIPTION).items() if "refused" in names and other != point
    }
    related = {  # requests that raise a second question
        "wire.deep-nesting": {"wire.unknown-member": "ignored"},
        "wire.big-number": {"wire.unknown-member": "ignored"},
        "wire.lone-surrogate": {"InputParam.SingleSubUserParam.UserId.beyond": "taken"},
        "wire.invalid-utf-8": {"InputParam.SingleSubUserParam.UserId.beyond": "taken"},
        "wire.repeated-parameter": {},
    }
    strict |= {"OutputParams[].UserToken.invalid": "taken"} if point != "OutputParams[].UserToken.invalid" else {}
    for choice, expected in outcomes.items():
        if expected == 200:
            choices = strict | related.get(point, {}) | {point: choice}
            assert outcome(emulator(choices=choices).handle(raw)) == 200, choice


def test_number_has_all_its_notations():
    """Two oddities in one number need two lenient choices."""
    taken = {f"wire.number-notation.{way}": "number" for way in ("plus-sign", "leading-zero")}
    assert outcome(emulator(choices=taken).handle(idle("+020"))) == 200
    for point in taken:
        assert outcome(emulator(choices=taken | {point: "refused"}).handle(idle("+020"))) == INVALID
    assert outcome(emulator(choices=taken).handle(idle("+009"))) == INVALID


def test_fraction_that_is_refused_is_so_whatever_its_value():
    for choice in ("number", "refused"):
        assert outcome(emulator(choices={"wire.float-for-integer": choice}).handle(sub('"StreamType":3.0'))) == INVALID


def test_letter_case_of_members_can_count():
    raw = start(InputParam='{"singlesubuserparam":{"userid":"in","STREAMTYPE":3}}')
    assert outcome(emulator(choices={"wire.letter-case": "counts-not"}).handle(raw)) == MISSING
    assert outcome(emulator(choices={"wire.letter-case": "counts"}).handle(raw)) == INVALID
    raw = start(InputParam='{"singlesubuserparam":{"userid":"in","STREAMTYPE":0}}')
    assert outcome(emulator(choices={"wire.letter-case": "counts"}).handle(raw)) == 200


def test_name_in_use_can_be_refused():
    """Two equal calls make two jobs, or the second is refused; another channel is another place."""
    lenient, strict = emulator(), emulator(choices={"wire.in-use": "refused"})
    assert [outcome(lenient.handle(start())) for _ in range(2)] == [200, 200]
    assert [outcome(strict.handle(start())) for _ in range(2)] == [200, INVALID]
    elsewhere = document(ChannelId="other", OutputParams=[output("out", ChannelId="other")])
    assert outcome(strict.handle(start(**elsewhere))) == 200
    assert outcome(strict.handle(start(OutputParams=[output("new"), output("out")]))) == INVALID
    assert outcome(strict.handle(start(OutputParams=[output("new")]))) == 200
    assert len(strict.jobs) == 3
    for job in list(strict.jobs):
        strict.jobs.remove(job.id)
    assert outcome(strict.handle(start())) == 200


def test_order_of_breaches():
    raw = start(ChannelId=..., AppId=".", MaxIdleTime=9)
    seen = {}
    for choice in options(DESCRIPTION)["answer.order"]:
        seen[choice] = body(emulator(choices={"answer.order": choice}).handle(raw))["Message"].split()[2]
    assert seen == {"document": "AppId", "missing-first": "ChannelId", "reverse": "MaxIdleTime"}


def test_unknown_names_come_last():
    raw = request(f"/?Other=1&{target_of(MaxIdleTime=9)[2:]}")
    choices = {"wire.unknown-parameter": "refused", "answer.order": "document"}
    assert "MaxIdleTime" in body(emulator(choices=choices).handle(raw))["Message"]
    assert "Other" in body(emulator(choices=choices | {"answer.order": "reverse"}).handle(raw))["Message"]


def test_missing_members_come_first_like_missing_parameters():
    raw = start(AppId=".", InputParam={"SingleSubUserParam": {}})
    assert outcome(emulator(choices={"answer.order": "missing-first"}).handle(raw)) == MISSING


def test_relations_are_looked_at_only_where_the_schema_holds():
    raw = start(AppId=..., OutputParams=[output("in")])
    assert outcome(emulator(choices={"answer.order": "reverse"}).handle(raw)) == MISSING


def test_big_number_in_plain_text_can_be_refused_as_such():
    messages = [
        body(emulator(choices={"wire.big-number": choice}).handle(idle("9" * 30)))["Message"]
        for choice in ("read", "refused")
    ]
    assert messages == ["The parameter MaxIdleTime is too large.", "The parameter MaxIdleTime is not accepted."]


def test_row_that_answers_a_vacant_value():
    answers = [
        outcome(emulator(choices={"answer.vacant": choice}).handle(start(AppId=""))) for choice in ("first", "last")
    ]
    assert answers == [MISSING, INVALID]
    assert outcome(emulator(choices={"answer.vacant": "last"}).handle(start(AppId=...))) == MISSING


def test_row_that_answers_an_open_refusal():
    point = "OutputParams[].UserToken.empty"
    raw = start(OutputParams=[output("a", UserToken="")])
    answers = [
        outcome(emulator(choices={point: "refused", "answer.refusal": choice}).handle(raw))
        for choice in options(DESCRIPTION)["answer.refusal"]
    ]
    assert answers == [MISSING, INVALID, (403, "Forbidden")]


def test_suffix_of_a_code():
    raw = start(OutputParams=[output("a"), output("b", TranscodeTemplate="x")])
    codes = {
        choice: body(emulator(choices={"answer.suffix": choice}).handle(raw))["Code"]
        for choice in options(DESCRIPTION)["answer.suffix"]
    }
    assert codes == {
        "none": "InvalidParameter",
        "Name": "InvalidParameterTranscodeTemplate",
        ".Name": "InvalidParameter.TranscodeTemplate",
        ".path": "InvalidParameter.OutputParams.2.TranscodeTemplate",
    }


def test_suffix_is_not_put_where_the_code_admits_none():
    choices = {"answer.suffix": ".Name", "answer.refusal": "last", "OutputParams[].UserToken.empty": "refused"}
    refused = emulator(choices=choices).handle(start(OutputParams=[output("a", UserToken="")]))
    assert outcome(refused) == (403, "Forbidden")


def test_suffix_of_a_name_that_the_client_made_up_is_harmless():
    choices = {"answer.suffix": ".path", "answer.message": "long", "wire.unknown-member": "refused"}
    answer = body(emulator(choices=choices).handle(sub('"\\n\\u0000é\\"":1')))
    assert answer["Code"] == "InvalidParameter.InputParam.SingleSubUserParam._"


@pytest.mark.parametrize("choice", options(DESCRIPTION)["answer.message"])
def test_message_ends_with_a_period_and_names_the_place(choice):
    message = body(emulator(choices={"answer.message": choice}).handle(start(MaxIdleTime=9)))["Message"]
    assert message.endswith(".")
    assert "MaxIdleTime" in message


def test_further_members_of_error_bodies():
    bodies = {
        choice: body(emulator(choices={"answer.members": choice}).handle(start(AppId=...))).keys()
        for choice in options(DESCRIPTION)["answer.members"]
    }
    assert bodies["documented"] == {"RequestId", "Code", "Message"}
    assert bodies["gateway"] == {"RequestId", "Code", "Message", "HostId", "Recommend"}


def token(**changes):
    """The published example of a token, then changed."""
    claims = {
        "appid": "abc",
        "channelid": "abcChannel",
        "userid": "abcUser",
        "nonce": "",
        "timestamp": 1699423634,
        "token": "3c9ee8d9f8734f0b7560ed8022a0590659113955819724fc9345ab8eedf84f31",
    }
    return base64.b64encode(json.dumps(claims | changes).encode()).decode()


def joins(text, *, user="abcUser", now_s=1699423633, **secrets):
    """What a server that looks at tokens says to this one."""
    values = document(
        AppId="abc",
        ChannelId="abcChannel",
        OutputParams=[
            output("first", ChannelId="abcChannel", UserToken=token(userid="first", token="0" * 64)),
            output(user, ChannelId="abcChannel", UserToken=text),
        ],
    )
    if secrets:
        values["OutputParams"].pop(0)
    strict = emulator(choices={"OutputParams[].UserToken.invalid": "refused"}, clock=lambda: now_s, secrets=secrets)
    return outcome(strict.handle(start(**values)))


def test_token_that_follows_from_its_channel_and_user_is_never_in_question():
    assert joins(token()) == 200
    assert joins(token(), **{"app-key": "abckey"}) == 200
    assert joins(token(extra=1)) == 200


def test_digest_is_checked_where_the_key_is_known():
    other = "f" * 64
    assert joins(token(token=other)) == 200
    assert joins(token(token=other), **{"app-key": "abckey"}) == INVALID
    assert joins(token(), **{"app-key": "other"}) == INVALID


@pytest.mark.parametrize(
    "text",
    [
        "not-a-token",
        "e30=",
        "WzFd",
        "4pyT",
        token() + "!",
        token(appid="abd"),
        token(channelid="abc"),
        token(userid="first"),
        token(userid=1),
        token(nonce="1"),
        token(timestamp="1699423634"),
        token(timestamp=True),
        token(timestamp=1699423633),
        token(token="0f"),
        token(token=None),
        base64.b64encode(b"[" * 100_000).decode()[:4096],
    ],
)
def test_token_that_cannot_be_right_is_in_question(text):
    assert joins(text) == INVALID


def test_token_is_looked_at_only_where_the_rest_is_in_order():
    strict = emulator(choices={"OutputParams[].UserToken.invalid": "refused", "answer.order": "reverse"})
    assert outcome(strict.handle(start(AppId=...))) == MISSING


def test_unknown_choice_is_refused():
    for choices in ({"wire.method": "maybe"}, {"wire.nothing": "refused"}):
        with pytest.raises(SelectionError, match=r"Did you mean|Known"):
            Emulator({ACTION: DESCRIPTION}, settings=Settings(authenticate=False), policy=Policy(choices=choices))


def test_variants_are_the_same_each_time():
    assert variants(DESCRIPTION) == variants(DESCRIPTION)
    names = [name for name, _ in variants(DESCRIPTION)]
    assert len(names) == len(set(names))
    assert dict(variants(DESCRIPTION))["default"] == Policy.default()


def test_each_choice_is_made_alone():
    points = options(DESCRIPTION)
    alone = [dict(policy.choices) for _, policy in variants(DESCRIPTION) if len(policy.choices) == 1]
    assert alone == [{point: name} for point, names in points.items() for name in names[1:]]


def test_variants_cover_all_pairs_of_choices():
    points = options(DESCRIPTION)
    policies = [policy for name, policy in variants(DESCRIPTION) if name.startswith("pairwise-")]
    for one, other in itertools.combinations(points, 2):
        covered = {(policy.choices[one], policy.choices[other]) for policy in policies}
        assert covered == set(itertools.product(points[one], points[other]))
    assert len(policies) < 30
