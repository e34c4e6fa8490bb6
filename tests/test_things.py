"""How things stand at every moment: never claimed to live or to have ended where the other might be true."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from acs_conformance.standing import Standing
from acs_conformance.things import IDLE_GRACE_S
from lives import APP, END, FAILS, NAME, NOT_FOUND, SHOW, START, TOOK, History, given

#: Seconds within which an end has taken effect, as the page of the operation says.
WITHIN = END.acts_on.ends_within_s
LIMIT = 10


@pytest.fixture
def history() -> History:
    """A thing that was created at 0 and ends by itself after 10 seconds without use."""
    found = History()
    found.create(limit=LIMIT)
    return found


# --- which thing ------------------------------------------------------------------------------------------------------


def test_an_id_that_no_answer_gave_is_unknown(history):
    assert history.word(1.0, name="job-2") == ("unknown", "")
    assert History().word(1.0) == ("unknown", "")


def test_a_request_without_an_id_names_nothing(history):
    assert history.standing(1.0, name=None) is None


def test_an_operation_that_acts_on_nothing_names_nothing(history):
    exchange = history.create(1.0, name="job-2")
    assert history.things.standing(START, exchange) is None


@pytest.mark.parametrize("description", [SHOW, END], ids=["show", "end"])
def test_a_thing_asked_for_under_another_owner_is_foreign_whatever_became_of_it(history, description):
    for at in (1.0, 1000.0):
        assert history.word(at, description=description, app="other-app") == ("foreign", "")
    history.end(2000.0)
    assert history.word(2100.0, description=description, app="other-app") == ("foreign", "")
    assert history.word(1.0, description=description)[0] == "alive"


def test_an_id_that_two_things_have_tells_nothing_of_either(history):
    history.create(100.0)
    assert history.standing(100.5) == Standing("open")
    assert history.standing(1000.0) == Standing("open")


def test_the_same_creation_looked_at_twice_is_one_thing(history):
    """A campaign is judged again at its end."""
    twice = History()
    exchange = twice.create(limit=LIMIT)
    twice.things.learn(START, exchange, twice.judged(START, exchange))
    assert twice.word(1.0) == ("alive", "")


def test_what_was_refused_or_unanswered_created_nothing():
    history = History()
    for at, answer in enumerate((NOT_FOUND, FAILS, None)):
        history.exchange(START, given(), answer, float(at), TOOK)
    assert history.things.latest("job") is None
    assert history.word(5.0) == ("unknown", "")


def test_the_latest_thing_of_a_kind_and_that_of_an_exchange_are_found(history):
    exchange = history.create(1.0, name="job-2", limit=20)
    assert history.things.latest("job").id == "job-2"
    assert history.things.latest("parcel") is None
    thing = history.things.created_by(exchange, START, {"TaskId": "job-2"})
    assert (thing.id, thing.idle_limit_s, thing.created) == ("job-2", 20.0, (1.0, 1.0 + TOOK))
    assert history.things.created_by(exchange, START, {"TaskId": NAME}) is None
    assert history.things.created_by(exchange, START, {}) is None


# --- idle -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (TOOK, ("alive", "")),
        (LIMIT - 2 * TOOK, ("alive", "")),
        (LIMIT - TOOK / 2, ("open", "")),  # answered after its time
        (LIMIT + TOOK / 2, ("open", "")),  # it may have been created a moment later
        (LIMIT + TOOK + 0.5, ("open", "idle")),  # its time is over, and it may be on its way
        (LIMIT + TOOK + IDLE_GRACE_S - 0.5, ("open", "idle")),
        (LIMIT + TOOK + IDLE_GRACE_S + 0.5, ("ended", "idle")),
        (1e6, ("ended", "idle")),
    ],
)
def test_a_thing_ends_after_its_idle_limit_and_some_grace(history, at, expected):
    assert history.word(at) == expected


def test_the_default_limit_counts_where_none_was_given():
    history = History()
    history.create(limit=None)
    default = START.nodes["MaxIdleTime"].schema["default"]
    assert history.word(default - 1.0) == ("alive", "")
    assert history.word(default + IDLE_GRACE_S + 1.0) == ("ended", "idle")


def test_of_a_thing_without_a_limit_only_an_end_tells():
    history = History()
    history.create(description=replace(START, creates=replace(START.creates, idle_limit=None)))
    assert history.word(1.0) == history.word(1e6) == ("open", "")
    history.end(10.0)
    assert history.word(11.0) == ("open", "ended")
    assert history.word(11.0 + WITHIN) == ("ended", "ended")


def test_time_that_was_moved_counts_as_time_that_went_by(history):
    assert history.word(1.0, moved_s=LIMIT + IDLE_GRACE_S) == ("ended", "idle")
    moved = History()
    document = given(LIMIT)
    moved.exchange(START, document, moved.answer(TaskId=NAME), 1.0, TOOK, moved_s=1000.0)
    assert moved.word(2.0, moved_s=1000.0) == ("alive", "")
    assert moved.word(2.0, moved_s=1000.0 + LIMIT + IDLE_GRACE_S) == ("ended", "idle")


# --- ended ------------------------------------------------------------------------------------------------------------


def test_an_end_takes_effect_some_time_after_its_request(history):
    history.end(5.0)
    assert history.word(4.0) == ("alive", "")
    assert history.word(4.9) == ("open", "")  # on the way when the end was
    assert history.word(5.1) == ("open", "")
    assert history.word(5.0 + TOOK) == ("open", "ended")
    assert history.word(4.9 + TOOK + WITHIN) == ("open", "ended")
    assert history.word(5.0 + TOOK + WITHIN) == ("ended", "ended")
    assert history.word(5.0 + TOOK + WITHIN, description=END) == ("ended", "ended")


@pytest.mark.parametrize("answer", [FAILS, None], ids=["500", "nothing"])
def test_an_end_without_a_clear_answer_may_have_ended_it(history, answer):
    history.end(5.0, answer=answer)
    assert history.word(4.0) == ("alive", "")
    for at in (5.1, 6.0, 6.0 + WITHIN):
        assert history.word(at) == ("open", "")
    history.end(6.0)
    assert history.word(7.0) == ("open", "ended")
    assert history.word(7.0 + WITHIN) == ("ended", "ended")


def test_an_end_that_was_refused_or_named_another_thing_ends_nothing(history):
    history.end(2.0, answer=NOT_FOUND)
    history.end(3.0, name="job-2")
    document = {"AppId": "other-app", "TaskId": "job-3"}
    history.exchange(END, document, history.answer(), 4.0, TOOK)
    assert history.word(5.0) == ("alive", "")


def test_an_answer_to_another_action_teaches_nothing(history):
    document = {"AppId": "our-app", "TaskId": NAME}
    history.exchange(END, document, history.answer(), 2.0, TOOK, action="StopRtcCloudTranscodeX")
    assert history.word(3.0) == ("alive", "")


# --- seen -------------------------------------------------------------------------------------------------------------


def test_what_was_seen_ended_after_an_end_stays_so(history):
    history.end(5.0)
    assert history.word(8.0) == ("open", "ended")
    history.show(6.0, "STOPPED")
    assert history.word(8.0) == ("ended", "ended")
    assert history.word(6.0) == ("open", "ended")  # sent before it was seen


def test_what_was_seen_ended_in_the_grace_of_its_idle_time_stays_so(history):
    history.show(LIMIT + 1.0, "STOPPED")
    assert history.word(LIMIT + 2.0) == ("ended", "idle")


def test_what_is_shown_ended_while_it_has_to_live_is_not_believed(history):
    history.show(3.0, "STOPPED")
    assert history.word(4.0) == ("alive", "")


def test_what_is_rightly_said_not_to_be_there_has_ended(history):
    history.end(5.0, answer=None)
    history.end(6.0, answer=NOT_FOUND)
    assert history.word(7.0) == ("ended", "ended")
    looked = History()
    looked.create(limit=LIMIT)
    looked.exchange(SHOW, {"AppId": APP, "TaskId": NAME}, NOT_FOUND, LIMIT + 1.0, TOOK)
    assert looked.word(LIMIT + 2.0) == ("ended", "idle")


def test_what_is_said_not_to_be_there_for_another_reason_may_live(history):
    history.end(5.0, answer=None)
    history.exchange(SHOW, {"AppId": "other-app", "TaskId": NAME}, NOT_FOUND, 6.0, TOOK)
    history.exchange(SHOW, {"TaskId": NAME}, NOT_FOUND, 7.0, TOOK)
    assert history.word(8.0) == ("open", "")


def test_what_is_shown_alive_teaches_nothing(history):
    history.end(5.0)
    history.show(6.0, "RUNNING")
    assert history.word(8.0) == ("open", "ended")
    assert history.word(6.0 + WITHIN) == ("ended", "ended")


# --- what is over -----------------------------------------------------------------------------------------------------


def test_what_is_over_is_counted_by_kind(history):
    history.create(0.5, name="job-2", limit=1000)
    history.create(1.0, name="job-3", limit=1000)
    assert history.things.over(2.0) == {}
    history.end(3.0, name="job-2")
    assert history.things.over(4.0) == {"job": 1}
    history.end(4.0, name="job-3", answer=None)  # nobody knows
    assert history.things.over(200.0) == {"job": 2}  # the first one has idled for its time
    assert history.things.is_over(history.things.latest("job"), 200.0) is False


# --- never wrong ------------------------------------------------------------------------------------------------------

MOMENTS = st.floats(0, 200, allow_nan=False).map(lambda moment: round(moment, 2))
SPANS = st.floats(0, 5, allow_nan=False).map(lambda span: round(span, 2))


@drawn(data=st.data())
def test_no_world_that_fits_what_was_seen_contradicts_a_standing(data):
    """A world: when the thing really was created, idled out and was ended, and when each look at it really took place.

    Each look is answered by what is so in that world. Whatever is said to live or to have ended does.
    """
    history = History()
    took = data.draw(SPANS, label="creation took")
    limit = data.draw(st.integers(10, 60), label="limit")
    history.create(0.0, took=took, limit=limit)
    really_created = data.draw(st.floats(0, took), label="created")
    ends = really_created + limit + data.draw(st.floats(0, IDLE_GRACE_S), label="idle end after")
    calls = st.lists(st.tuples(MOMENTS, SPANS, st.sampled_from(["end", "lost", "look", "look"])), max_size=8)
    for at, span, what in sorted(data.draw(calls, label="calls")):
        sent = at + took
        moment = data.draw(st.floats(sent, sent + span), label=f"{what} reached")
        is_forgotten = moment >= ends and data.draw(st.booleans(), label="forgotten")
        if what == "look":
            standing = history.standing(sent, took=span)
            if standing.word == "alive":
                assert moment < ends
            if standing.word == "ended":
                assert moment >= ends
            if is_forgotten:
                history.exchange(SHOW, {"AppId": APP, "TaskId": NAME}, NOT_FOUND, sent, span)
            else:
                history.show(sent, "STOPPED" if moment >= ends else "RUNNING", took=span)
            continue
        history.end(sent, took=span, answer=None if what == "lost" else NOT_FOUND if is_forgotten else "")
        if what == "end" or data.draw(st.booleans(), label="taken"):
            ends = min(ends, moment + data.draw(st.floats(0, WITHIN), label="delay"))


@drawn(limit=st.integers(10, 14400), at=st.floats(0, 20_000, allow_nan=False), took=SPANS)
def test_a_thing_that_nobody_ends_goes_from_alive_to_open_to_ended_and_never_back(limit, at, took):
    history = History()
    history.create(limit=limit)
    order = ("alive", "open", "ended")
    words = [history.word(moment, took=took)[0] for moment in sorted({TOOK, at + TOOK, limit + at, limit + 2 * at})]
    assert words == sorted(words, key=order.index)
    assert history.word(limit + TOOK + math.ceil(IDLE_GRACE_S) + at + 1.0) == ("ended", "idle")
