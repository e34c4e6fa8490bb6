"""What an answer shows of a thing: as it was created, in every item, and in a state that it can be in."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from acs_conformance import lifecycle, spec_folder
from acs_conformance.judge import judge_exchange
from acs_conformance.lifecycle_judge import forgotten_claims, shown_claims
from acs_conformance.message import RawResponse
from acs_conformance.observation import Judgement
from acs_conformance.standing import Standing, Thing
from acs_conformance.trait import Memory
from in_process import MADE_UP_ROOT
from lives import CHANNEL, END, JSON, NAME, NOT_FOUND, SHOW, START, History, given

#: A family with lists inside items, optional members of items, objects inside items.
OPEN, SHOW_PARCEL = (spec_folder.load(name, MADE_UP_ROOT) for name in ("OpenParcel", "ShowParcel"))
PACKED = {
    "Depot": "north-1",
    "Boxes": [
        {"Label": "shoes", "Tags": ["heavy", "wet"]},
        {"Label": "hats", "Weight": 3, "Lid": {"Color": "red", "IsTight": True}},
        {"Label": "eggs", "Weight": 1, "Tags": ["frail"], "Lid": {"Color": "blue"}},
    ],
    "Owner": {"Name": "Kim"},
    "IsInsured": True,
    "KeepFor": 20,
}


def parcel(document: dict[str, Any] = PACKED, **how: Any) -> Thing:
    return Thing(kind="parcel", id="p-1", document=document, created=(0.0, 1.0), idle_limit_s=20.0, **how)


def shown(**changes: Any) -> dict[str, Any]:
    """The parcel as it was opened; a change to None leaves a member out."""
    members = {**copy.deepcopy(PACKED), "Id": "p-1", "State": "OPEN", **changes}
    return {name: value for name, value in members.items() if value is not None}


def boxes(number: int, **changes: Any) -> list[dict[str, Any]]:
    """The boxes with something of one of them changed."""
    found = copy.deepcopy(PACKED["Boxes"])
    found[number].update(changes)
    found[number] = {name: value for name, value in found[number].items() if value is not None}
    return found


def broken(members: dict[str, Any], thing: Thing | None = None, word: str = "alive", cause: str = "") -> set[str]:
    """The members that are not as they have to be."""
    standing = Standing(word, thing or parcel(), cause)
    claims = list(shown_claims(SHOW_PARCEL, {"RequestId": "r", "Parcel": members}, standing))
    return {claim.key.removeprefix("response.Parcel.") for claim in claims if not claim.is_kept}


# --- as it was created ------------------------------------------------------------------------------------------------


def test_every_member_that_can_be_given_is_looked_at():
    assert [member.shown for member in lifecycle.repeated(SHOW_PARCEL)] == [
        "Parcel.Depot",
        "Parcel.Boxes",
        "Parcel.Boxes[].Label",
        "Parcel.Boxes[].Weight",
        "Parcel.Boxes[].Tags",
        "Parcel.Boxes[].Tags[]",
        "Parcel.Boxes[].Lid.Color",
        "Parcel.Boxes[].Lid.IsTight",
        "Parcel.Owner.Name",
        "Parcel.IsInsured",
        "Parcel.KeepFor",
    ]


def test_credentials_are_not_compared():
    assert any(node.is_secret for node in START.nodes.values())
    assert not [member.shown for member in lifecycle.repeated(SHOW) if "Token" in member.shown]
    assert len(lifecycle.repeated(SHOW)) == 10


def test_what_acts_on_nothing_or_shows_nothing_repeats_nothing():
    assert lifecycle.repeated(START) == lifecycle.repeated(END) == ()


def test_a_thing_shown_as_it_was_created_breaks_nothing():
    assert broken(shown()) == set()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Depot": "north-2"}, {"Depot.as-created"}),
        ({"Depot": "NORTH-1"}, {"Depot.as-created"}),
        ({"Id": "p-2"}, {"Id.as-created"}),
        ({"Owner": {"Name": "kim"}}, {"Owner.Name.as-created"}),
        ({"Owner": None}, {"Owner.Name.as-created"}),
        ({"IsInsured": False}, {"IsInsured.as-created"}),
        ({"IsInsured": 1}, {"IsInsured.as-created"}),
        ({"IsInsured": "true"}, {"IsInsured.as-created"}),
        ({"KeepFor": 21}, {"KeepFor.as-created"}),
        ({"KeepFor": 20.0}, {"KeepFor.as-created"}),
        ({"KeepFor": "20"}, {"KeepFor.as-created"}),
        ({"KeepFor": None}, {"KeepFor.as-created"}),
        ({"KeepFor": 120}, {"KeepFor.as-created"}),
    ],
    ids=str,
)
def test_a_member_that_differs_is_found(changes, expected):
    assert broken(shown(**changes)) == expected


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_member_that_differs_in_any_item_is_found(number):
    assert broken(shown(Boxes=boxes(number, Label="other"))) == {"Boxes[].Label.as-created"}


@pytest.mark.parametrize(
    ("number", "change", "expected"),
    [
        (0, {"Weight": 11}, "Boxes[].Weight.as-created"),
        (1, {"Weight": None}, "Boxes[].Weight.as-created"),
        (1, {"Weight": True}, "Boxes[].Weight.as-created"),
        (2, {"Weight": True}, "Boxes[].Weight.as-created"),  # Python's True is its 1
        (2, {"Weight": 1.0}, "Boxes[].Weight.as-created"),
        (0, {"Tags": ["wet", "heavy"]}, "Boxes[].Tags[].as-created"),
        (0, {"Tags": ["heavy", "frail"]}, "Boxes[].Tags[].as-created"),
        (1, {"Lid": {"Color": "red", "IsTight": False}}, "Boxes[].Lid.IsTight.as-created"),
        (1, {"Lid": {"Color": "blue", "IsTight": True}}, "Boxes[].Lid.Color.as-created"),
        (2, {"Lid": {"Color": "blue", "IsTight": True}}, "Boxes[].Lid.IsTight.as-created"),  # was given none
        (0, {"Lid": {"Color": "red"}}, "Boxes[].Lid.Color.as-created"),
    ],
    ids=str,
)
def test_an_optional_member_of_an_item_is_compared_in_its_own_item(number, change, expected):
    assert broken(shown(Boxes=boxes(number, **change))) == {expected}


def test_what_moves_from_one_item_to_another_is_found():
    moved = copy.deepcopy(PACKED["Boxes"])
    moved[1]["Tags"] = moved[0].pop("Tags")
    assert broken(shown(Boxes=moved)) == {"Boxes[].Tags.as-created", "Boxes[].Tags[].as-created"}


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (0, 2, 1)])
def test_items_in_another_order_are_found(order):
    found = broken(shown(Boxes=[PACKED["Boxes"][number] for number in order]))
    assert "Boxes[].Label.as-created" in found
    assert "Boxes.as-created" not in found


@pytest.mark.parametrize("count", [0, 1, 2])
def test_items_that_are_missing_are_found_by_their_number(count):
    assert "Boxes.as-created" in broken(shown(Boxes=PACKED["Boxes"][:count]))


def test_an_item_too_many_is_found_by_their_number():
    assert "Boxes.as-created" in broken(shown(Boxes=[*PACKED["Boxes"], {"Label": "more"}]))
    fewer = broken(shown(Boxes=boxes(0, Tags=["heavy"])))
    assert fewer == {"Boxes[].Tags.as-created", "Boxes[].Tags[].as-created"}


# --- what was not given -----------------------------------------------------------------------------------------------

BARE = {"Depot": "north-1", "Boxes": [{"Label": "shoes"}, {"Label": "hats", "Weight": 3}]}


def bare(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(BARE), "Id": "p-1", "State": "OPEN", **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"KeepFor": 120},
        {"KeepFor": None},
        {"IsInsured": None},
        {"Owner": None},
        {"Boxes": [{"Label": "shoes", "Weight": 10}, {"Label": "hats", "Weight": 3}]},
        {"Boxes": [{"Label": "shoes", "Tags": []}, {"Label": "hats", "Weight": 3, "Tags": None, "Lid": None}]},
    ],
    ids=str,
)
def test_what_was_not_given_is_shown_by_its_default_or_not_at_all(changes):
    assert broken(bare(**changes), parcel(BARE)) == set()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"KeepFor": 20}, "KeepFor.as-created"),
        ({"IsInsured": False}, "IsInsured.as-created"),  # nothing says what it is then
        ({"Owner": {"Name": "Kim"}}, "Owner.Name.as-created"),
        ({"Boxes": [{"Label": "shoes", "Weight": 3}, {"Label": "hats", "Weight": 3}]}, "Boxes[].Weight.as-created"),
        ({"Boxes": [{"Label": "shoes", "Weight": 10}, {"Label": "hats", "Weight": 10}]}, "Boxes[].Weight.as-created"),
    ],
    ids=str,
)
def test_what_was_not_given_is_shown_as_nothing_else(changes, expected):
    assert broken(bare(**changes), parcel(BARE)) == {expected}


def test_what_is_wrong_is_told_with_what_came_and_what_was_given():
    body = {"Parcel": shown(Boxes=boxes(1, Label="caps"))}
    (claim,) = [c for c in shown_claims(SHOW_PARCEL, body, Standing("alive", parcel())) if not c.is_kept]
    assert claim.received == "'shoes', 'caps', 'eggs'"
    assert claim.allowed == "'shoes', 'hats', 'eggs'"
    body = {"Parcel": bare(KeepFor=7)}
    (claim,) = [c for c in shown_claims(SHOW_PARCEL, body, Standing("alive", parcel(BARE))) if not c.is_kept]
    assert (claim.received, claim.allowed) == ("7", "120 or nothing")


# --- what may differ --------------------------------------------------------------------------------------------------


def test_a_value_in_question_may_be_shown_otherwise_and_the_rest_may_not():
    thing = parcel(may_differ=frozenset({"KeepFor"}))
    assert broken(shown(KeepFor=55), thing) == set()
    assert broken(shown(KeepFor=55, Depot="north-2"), thing) == {"Depot.as-created"}


def test_of_what_can_be_read_in_several_ways_only_the_id_is_compared():
    thing = parcel(is_plain=False)
    assert broken(shown(KeepFor=55, Depot="north-2"), thing) == set()
    assert broken(shown(Id="p-2"), thing) == {"Id.as-created"}


@pytest.mark.parametrize(
    ("changes", "may_differ"),
    [
        ({}, False),
        ({"InputParam": {"SingleSubUserParam": {"UserId": "in", "StreamType": 1}}}, True),
        ({"InputParam": {"SingleSubUserParam": {"UserId": "in", "StreamType": 0}}}, False),
    ],
)
def test_an_unsupported_value_that_was_taken_may_be_shown_without_effect(changes, may_differ):
    history = History()
    history.create(document=given(**changes))
    thing = history.things.latest("job")
    assert thing.may_differ == ({"InputParam.SingleSubUserParam.StreamType"} if may_differ else set())
    members = {**given(**changes), "TaskId": NAME, "Status": "RUNNING"}
    members["InputParam"] = {"SingleSubUserParam": {"UserId": "in", "StreamType": 2}}
    claims = shown_claims(SHOW, {"TaskInfo": members}, Standing("alive", thing))
    failed = [claim.key for claim in claims if not claim.is_kept]
    same = "response.TaskInfo.InputParam.SingleSubUserParam.StreamType.as-created"
    assert failed == ([] if may_differ else [same])


def test_an_output_on_another_channel_may_be_shown_on_the_only_one_that_counts():
    document = given(outputs=2)
    document["OutputParams"][1]["ChannelId"] = "another"
    history = History()
    history.create(document=document)
    members = {**given(outputs=2), "TaskId": NAME, "Status": "RUNNING"}
    assert members["OutputParams"][1]["ChannelId"] == CHANNEL
    claims = list(shown_claims(SHOW, {"TaskInfo": members}, Standing("alive", history.things.latest("job"))))
    assert [claim.key for claim in claims if not claim.is_kept] == []
    assert "response.TaskInfo.OutputParams[].UserId.as-created" in {claim.key for claim in claims}


# --- states -----------------------------------------------------------------------------------------------------------

STATES = {"OPENING": False, "OPEN": False, "WAITING": False, "CLOSED": True, "GONE": True}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("word", "cause", "key", "kept_by"),
    [
        ("alive", "", "State.alive", {"OPENING", "OPEN", "WAITING"}),
        ("ended", "ended", "State.ended", {"CLOSED", "GONE"}),
        ("ended", "idle", "State.idle", {"CLOSED", "GONE"}),
        ("open", "", None, set(STATES)),
        ("open", "ended", "State.ended", set(STATES)),  # may come in time
        ("open", "idle", "State.idle", set(STATES)),
    ],
)
def test_a_state_is_judged_where_it_is_known_what_it_has_to_be(word, cause, key, kept_by, state):
    claims = list(
        shown_claims(SHOW_PARCEL, {"Parcel": shown(State=state)}, Standing(word, parcel(), cause)),
    )
    about = {c.key.removeprefix("response.Parcel."): c.is_kept for c in claims if ".State." in c.key}
    if word == "open":
        assert about == ({key: True} if key and STATES[state] else {})
    else:
        assert about == {key: state in kept_by}


def test_a_state_that_is_no_text_is_left_to_the_schema():
    claims = shown_claims(SHOW_PARCEL, {"Parcel": shown(State=5)}, Standing("alive", parcel()))
    assert not [claim.key for claim in claims if ".State." in claim.key]


@pytest.mark.parametrize("word", ["unknown", "foreign"])
def test_of_a_thing_that_is_not_the_callers_nothing_is_claimed(word):
    assert list(shown_claims(SHOW_PARCEL, {"Parcel": shown(Depot="x")}, Standing(word, parcel()))) == []


@pytest.mark.parametrize("body", [None, [], {}, {"Parcel": None}, {"Parcel": []}, {"Parcel": "p-1"}], ids=repr)
def test_a_body_that_shows_no_thing_claims_nothing(body):
    assert list(shown_claims(SHOW_PARCEL, body, Standing("alive", parcel()))) == []


@pytest.mark.parametrize(("cause", "keys"), [("ended", ["ended"]), ("idle", ["idle"]), ("", [])])
def test_a_thing_that_is_forgotten_has_ended(cause, keys):
    claims = list(forgotten_claims(SHOW_PARCEL, Standing("ended", parcel(), cause)))
    assert [(claim.key, claim.is_kept) for claim in claims] == [(f"response.Parcel.State.{k}", True) for k in keys]


# --- through the judge of exchanges -----------------------------------------------------------------------------------


def judged(history: History, at: float, answer: RawResponse, description=SHOW, app: str = "our-app") -> Judgement:
    exchange = history.exchange(description, {"AppId": app, "TaskId": NAME}, answer, at, 0.1)
    return judge_exchange(description, exchange, Memory(standing=history.things.standing(description, exchange)))


def failed(judgement: Judgement) -> set[str]:
    return {o.requirement.partition(".")[2] for o in judgement.observations if o.outcome == "fail"}


def passed(judgement: Judgement) -> set[str]:
    return {o.requirement.partition(".")[2] for o in judgement.observations if o.outcome == "pass"}


def info(state: str, **members: Any) -> RawResponse:
    body = {"RequestId": f"r-{state}", "TaskInfo": {**given(), "TaskId": NAME, "Status": state, **members}}
    return RawResponse(200, JSON, json.dumps(body).encode())


def test_a_wrong_member_fails_its_own_requirement_and_the_rest_pass():
    history = History()
    history.create()
    judgement = judged(history, 1.0, info("RUNNING", MaxIdleTime=11))
    assert failed(judgement) == {"response.TaskInfo.MaxIdleTime.as-created"}
    assert "response.TaskInfo.AppId.as-created" in passed(judgement)
    assert "response.TaskInfo.Status.alive" in passed(judgement)


def test_a_thing_that_lives_has_to_be_shown():
    history = History()
    history.create()
    judgement = judged(history, 1.0, NOT_FOUND)
    assert judgement.is_right is False
    assert failed(judgement) == {"response.status"}


def test_an_ended_thing_may_be_shown_or_forgotten_and_each_is_a_reading():
    for answer, reading in ((info("STOPPED"), "shown"), (NOT_FOUND, "forgotten")):
        history = History()
        history.create(limit=1000)
        history.end(1.0)
        judgement = judged(history, 50.0, answer)
        assert judgement.is_right is True
        assert judgement.reading == ("TaskId.ended", reading)
        assert "response.TaskInfo.Status.ended" in passed(judgement)


def test_an_ended_thing_that_is_shown_alive_fails_what_ended_it():
    history = History()
    history.create(limit=1000)
    history.end(1.0)
    assert failed(judged(history, 50.0, info("RUNNING", MaxIdleTime=1000))) == {"response.TaskInfo.Status.ended"}
    idle = History()
    idle.create(limit=10)
    assert failed(judged(idle, 100.0, info("RUNNING"))) == {"response.TaskInfo.Status.idle"}


@pytest.mark.parametrize("description", [SHOW, END], ids=["show", "end"])
def test_what_does_not_exist_or_is_somebody_elses_has_to_be_refused(description):
    history = History()
    accepted = info("RUNNING") if description is SHOW else history.answer()
    unknown = judged(history, 1.0, accepted, description)
    assert failed(unknown) >= {"TaskId.known"}
    assert "TaskId.known" in passed(judged(history, 1.0, NOT_FOUND, description))
    history.create()
    foreign = judged(history, 1.0, accepted, description, app="other-app")
    assert "AppId.same" in failed(foreign)
    assert "AppId.same" in passed(judged(history, 1.0, NOT_FOUND, description, app="other-app"))


def test_a_second_end_may_be_taken_or_refused_and_each_is_a_reading():
    for answer, reading in ((None, "taken"), (NOT_FOUND, "refused")):
        history = History()
        history.create(limit=1000)
        history.end(1.0)
        judgement = judged(history, 50.0, answer or history.answer(), END)
        assert judgement.is_right is True
        assert judgement.reading == ("TaskId.ended", reading)
