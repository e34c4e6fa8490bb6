"""What only many exchanges show together: lists of exchanges written by hand, in any order."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest

from acs_conformance import spec_folder
from acs_conformance.campaign_judge import CampaignJudgement, judge_campaign, memory_of, parent_of
from acs_conformance.cases.case import Case, single
from acs_conformance.derived import REDACTED
from acs_conformance.judge import judge_exchange
from acs_conformance.message import RawRequest, RawResponse
from acs_conformance.record import Exchange
from acs_conformance.trait import Memory
from acs_conformance.wire import encode_query
from in_process import MADE_UP
from page_table import ABSENT, CHANNEL, Parameters, item, js, out, plain, sub
from test_judge import HTML, answered, error

START = spec_folder.load("StartRtcCloudTranscode")
OPERATION = START.operation
STREAM = "InputParam.SingleSubUserParam.StreamType.unsupported"

_IDS = itertools.count(1)


def fresh(parameters: Parameters, number: int) -> Parameters:
    """The request with output users of its own, so that no request names what another one has taken."""
    return tuple(
        (name, text.replace('"UserId":"userA_', f'"UserId":"u{number}_') if name == "OutputParams" else text)
        for name, text in parameters
    )


def request_of(parameters: Parameters) -> RawRequest:
    pairs = [
        (name, REDACTED.join(text.split(_token())) if name == "OutputParams" else text) for name, text in parameters
    ]
    return RawRequest("POST", "/?" + encode_query(pairs))


def _token() -> str:
    return out()["UserToken"]


def ok(task: str | None = None, request_id: str | None = None) -> RawResponse:
    number = next(_IDS)
    return answered(200, {"RequestId": request_id or f"R-{number}", "TaskId": task or f"T-{number}"})


def no(code: str = "InvalidParameter", status: int = 400, request_id: str | None = None) -> RawResponse:
    return error(code, status, RequestId=request_id or f"R-{next(_IDS)}")


def down() -> RawResponse:
    return answered(503, HTML, "text/html")


class Story:
    """Cases and exchanges, told in order."""

    def __init__(self) -> None:
        self.cases: dict[str, Case] = {}
        self.exchanges: list[Exchange] = []

    def case(self, name: str, kind: str = "accept", aspects: tuple[str, ...] | None = None, steps: int = 1) -> str:
        identifier = f"{OPERATION}.{name}"
        full = None if aspects is None else [f"{OPERATION}.{aspect}" for aspect in aspects]
        case = single(identifier, OPERATION, kind, (), full)
        if steps > 1:
            case = Case(id=case.id, operation=OPERATION, kind=kind, steps=((),) * steps, aspects=case.aspects)
        self.cases[identifier] = case
        return identifier

    def sent(
        self,
        case: str,
        response: RawResponse | None,
        parameters: Parameters | None = None,
        *,
        attempt: int = 0,
        step: int = 0,
        same_names: bool = False,
    ) -> Exchange:
        number = len(self.exchanges) + 1
        told = parameters or plain()
        exchange = Exchange(
            number=number,
            operation=OPERATION,
            case=case,
            step=step,
            attempt=attempt,
            request=request_of(told if same_names else fresh(told, number)),
            response=response,
            failure="" if response is not None else "the connection was closed",
        )
        self.exchanges.append(exchange)
        return exchange

    def simple(self, name: str, response: RawResponse | None, parameters: Parameters | None = None, **more) -> str:
        """A case of one exchange."""
        kind = more.pop("kind", "accept" if parameters is None else "reject")
        identifier = self.case(name, kind)
        self.sent(identifier, response, parameters, **more)
        return identifier

    def judge(self) -> CampaignJudgement:
        return judge_campaign({OPERATION: START}, self.cases, self.exchanges)


def failed(judged: CampaignJudgement) -> dict[str, set[int]]:
    """Key of each failed requirement -> numbers of the exchanges that show it."""
    found: dict[str, set[int]] = {}
    for observation in judged.observations:
        if observation.outcome == "fail":
            found.setdefault(observation.requirement.removeprefix(f"{OPERATION}."), set()).add(observation.exchange)
    return found


def outcomes(judged: CampaignJudgement, key: str) -> list[str]:
    return [o.outcome for o in judged.observations if o.requirement == f"{OPERATION}.{key}"]


BAD = plain(AppId="a b")


@pytest.fixture
def story() -> Story:
    return Story()


# --- 5xx and no answer ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("response", [down(), None], ids=["5xx", "no-answer"])
def test_a_broken_answer_once_and_a_right_one_then_is_the_day_s_weather(story, response):
    name = story.simple("response.status#a", response)
    story.sent(name, ok(), attempt=1)
    judged = story.judge()
    assert failed(judged) == {}
    assert judged.results[name].status == "pass"
    assert judged.unstable == (name,)
    assert outcomes(judged, "availability") == ["pass", "inconclusive"]


def test_a_broken_answer_that_was_never_asked_again_is_inconclusive(story):
    name = story.simple("response.status#a", down())
    judged = story.judge()
    assert judged.results[name].status == "inconclusive"
    assert "503" in judged.results[name].reason
    assert failed(judged) == {}


def test_two_such_cases_are_inconclusive_and_three_are_a_failure_with_its_rate(story):
    for count in (1, 2, 3):
        name = story.simple(f"response.status#{count}", down())
        story.sent(name, ok(), attempt=1)
        judged = story.judge()
        assert len(judged.unstable) == count
        if count < 3:
            assert failed(judged) == {}
            assert "inconclusive" in outcomes(judged, "availability")
    assert failed(judged) == {"availability": {1, 3, 5}}
    (text, *_) = [o.received for o in judged.observations if o.outcome == "fail"]
    assert "3 of 6 requests" in text


def test_what_was_under_way_when_the_target_went_away_is_one_outage(story):
    for count in range(4):
        name = story.simple(f"response.status#{count}", None)
        story.exchanges.append(replace(story.sent(name, None, attempt=1), is_unreachable=True))
        del story.exchanges[-2]
        story.sent(name, ok(), attempt=2)
    judged = story.judge()
    assert failed(judged) == {}
    assert "inconclusive" in outcomes(judged, "availability")


def test_two_broken_answers_of_three_fail_the_requirement_that_the_case_breaks(story):
    name = story.simple("AppId.pattern#a", down(), BAD)
    story.sent(name, no(), BAD, attempt=1)
    story.sent(name, down(), BAD, attempt=2)
    judged = story.judge()
    assert failed(judged) == {"AppId.pattern": {3}}
    assert (judged.results[name].status, judged.results[name].failed, judged.results[name].tried) == ("fail", 2, 3)
    assert judged.unstable == ()


def test_two_broken_answers_of_three_to_a_valid_request_fail_the_success(story):
    story.simple("response.status#plain", ok(), kind="opening")
    name = story.simple("response.status#a", None)
    story.sent(name, None, attempt=1)
    judged = story.judge()
    assert failed(judged) == {"response.status": {3}}
    (observation,) = [o for o in judged.observations if o.outcome == "fail"]
    assert observation.cause == "no answer"


def test_two_broken_answers_of_three_where_anything_goes_fail_the_availability(story):
    twice = (*plain(), ("AppId", "other"))
    name = story.simple("wire.repeated-parameter#AppId", down(), twice, kind="robust")
    story.sent(name, down(), twice, attempt=1)
    assert failed(story.judge()) == {"availability": {2}}


def test_a_broken_answer_to_a_request_above_8_kib_is_fine(story):
    long = plain(AppId="a" * 9000)
    story.simple("response.status#plain", ok(), kind="opening")
    name = story.simple("AppId.maxLength#9000", None, long)
    judged = story.judge()
    assert failed(judged) == {}
    assert judged.unstable == ()
    assert judged.results[name].status == "pass"


def test_where_nothing_ever_answered_nothing_is_said_of_the_target(story):
    for number in range(4):
        name = story.simple(f"response.status#{number}", None)
        story.sent(name, None, attempt=1)
    judged = story.judge()
    assert failed(judged) == {}
    assert {result.status for result in judged.results.values()} == {"inconclusive"}
    assert judged.results[name].reason == "the connection was closed"


def test_the_broken_step_of_a_sequence_counts_for_its_case(story):
    name = story.case("response.status#several", "sequence", steps=2)
    for attempt in range(2):
        story.sent(name, ok(), attempt=attempt, step=0)
        story.sent(name, down(), attempt=attempt, step=1)
    judged = story.judge()
    assert judged.results[name].status == "fail"
    assert failed(judged) == {"response.status": {4}}


# --- wrong answers --------------------------------------------------------------------------------------------------


def test_a_wrong_answer_is_never_outvoted(story):
    name = story.simple("AppId.pattern#a", ok(), BAD)
    for attempt in range(1, 9):
        story.sent(name, no(), BAD, attempt=attempt)
    judged = story.judge()
    assert failed(judged) == {"AppId.pattern": {1}}
    assert (judged.results[name].status, judged.results[name].failed, judged.results[name].tried) == ("fail", 1, 9)


def test_a_throttled_attempt_decides_nothing_and_a_later_one_does(story):
    name = story.simple("AppId.pattern#a", no("TooManyRequests"), BAD)
    assert story.judge().results[name].status == "inconclusive"
    story.sent(name, no(), BAD, attempt=1)
    assert story.judge().results[name].status == "pass"


def test_a_sequence_that_was_not_finished_is_inconclusive(story):
    name = story.case("response.status#several", "sequence", steps=3)
    story.sent(name, ok(), step=0)
    story.sent(name, ok(), step=1)
    judged = story.judge()
    assert judged.results[name].status == "inconclusive"
    assert "not finished" in judged.results[name].reason
    story.sent(name, ok(), step=2)
    assert story.judge().results[name].status == "pass"


def test_a_case_of_the_plan_that_was_not_sent_has_no_result(story):
    name = story.case("AppId.pattern#a", "reject")
    assert name not in story.judge().results


def test_a_reject_case_whose_request_breaks_nothing_decides_nothing(story):
    """A right answer to a valid request is no evidence that the requirement the case is named after is kept."""
    name = story.simple("AppId.pattern#a", ok(), plain(), kind="reject")
    assert story.judge().results[name].status != "pass"


def test_a_refusal_for_its_size_alone_does_not_show_that_a_valid_request_is_accepted(story):
    long = plain(OutputParams=js([out()]).replace(",", "," + " " * 3000))
    name = story.simple("response.status#a", answered(413, HTML, "text/html"), long, kind="accept")
    judged = story.judge()
    assert failed(judged) == {}
    assert judged.results[name].status == "inconclusive"


# --- ids ------------------------------------------------------------------------------------------------------------


def test_a_task_id_that_comes_again_fails_at_the_later_exchange(story):
    story.simple("response.status#a", ok(task="T"))
    story.simple("response.status#b", ok())
    story.simple("response.status#c", ok(task="T"))
    judged = story.judge()
    assert failed(judged) == {"response.TaskId.unique": {3}}
    assert outcomes(judged, "response.TaskId.unique") == ["pass", "pass", "fail"]
    (observation,) = [o for o in judged.observations if o.outcome == "fail"]
    assert "as in exchange 1" in observation.received


def test_a_request_id_that_comes_again_fails_in_errors_too(story):
    story.simple("response.status#a", ok(request_id="R"))
    story.simple("AppId.pattern#a", no(request_id="R"), BAD)
    assert failed(story.judge()) == {"response.RequestId.unique": {2}}


def test_the_very_same_request_may_be_answered_with_the_thing_that_is_there_but_not_under_one_request_id(story):
    case = story.case("response.status#a", "open", steps=2)
    for step in range(2):
        story.sent(case, ok(task="T", request_id="R"), plain(), step=step, same_names=True)
    assert failed(story.judge()) == {"response.RequestId.unique": {2}}


def test_the_ids_of_two_members_are_not_held_against_each_other(story):
    story.simple("response.status#a", ok(task="X", request_id="X"))
    assert failed(story.judge()) == {}


def test_an_empty_or_ill_typed_id_does_not_repeat(story):
    for name in "ab":
        story.simple(f"response.status#{name}", answered(200, {"RequestId": "", "TaskId": 5}))
    assert not [key for key in failed(story.judge()) if key.endswith("unique")]


# --- the world ------------------------------------------------------------------------------------------------------


def test_not_found_is_inconclusive_until_the_identifiers_work(story):
    name = story.simple("response.status#a", no("NotFound", 404))
    judged = story.judge()
    assert judged.results[name].status == "inconclusive"
    assert failed(judged) == {}
    story.simple("response.status#other", ok(), plain(AppId="another-app"), kind="accept")
    assert failed(story.judge()) == {}
    story.simple("response.status#b", ok())
    assert failed(story.judge()) == {"response.status": {1}}


def test_not_found_counts_when_each_identifier_worked_in_some_request(story):
    there = plain(ChannelId="c-2", OutputParams=[out(ChannelId="c-2")])
    story.simple("response.status#a", ok(), plain(AppId="app-1"), kind="accept")
    story.simple("response.status#b", ok(), there, kind="accept")
    mixed = plain(AppId="app-1", ChannelId="c-2", OutputParams=[out(ChannelId="c-2")])
    story.simple("response.status#c", no("Forbidden", 403), mixed, kind="accept")
    assert failed(story.judge()) == {"response.status": {3}}


def test_not_found_where_anything_below_500_is_fine_passes(story):
    name = story.simple("availability#x", no("NotFound", 404), plain(AppId="a\x00b"), kind="robust")
    judged = story.judge()
    assert judged.results[name].status == "pass"


def test_a_gateway_answer_decides_nothing(story):
    name = story.simple("AppId.pattern#a", no("SignatureDoesNotMatch"), BAD)
    judged = story.judge()
    assert judged.results[name].status == "inconclusive"
    assert "SignatureDoesNotMatch" in judged.results[name].reason
    assert failed(judged) == {}


def test_a_name_that_another_accepted_request_has_may_be_refused(story):
    story.simple("response.status#a", ok(), same_names=True)
    story.simple("response.status#b", no(), same_names=True)
    judged = story.judge()
    assert failed(judged) == {}
    assert [r.reading for r in judged.readings if r.question.endswith("wire.in-use")] == ["refused"]


def test_a_name_in_use_may_be_forbidden(story):
    story.simple("response.status#a", ok(), same_names=True)
    story.simple("response.status#b", no("Forbidden", 403), same_names=True)
    assert failed(story.judge()) == {}


def test_a_name_that_a_later_request_takes_was_free_before(story):
    """Else the requests that explain a refusal would excuse it."""
    story.simple("response.status#a", no(), same_names=True)
    story.simple("response.status#b", ok(), same_names=True)
    assert failed(story.judge()) == {"response.status": {1}}


def test_a_name_that_only_a_refused_request_had_may_not(story):
    story.simple("AppId.pattern#a", no(), BAD, same_names=True)
    story.simple("response.status#b", no(), same_names=True)
    assert failed(story.judge()) == {"response.status": {2}}


@pytest.mark.parametrize("response", [None, down()], ids=["no-answer", "5xx"])
def test_a_name_that_a_request_without_a_clear_answer_had_may_be_refused(story, response):
    story.simple("response.status#a", response, same_names=True)
    story.simple("response.status#b", no(), same_names=True)
    assert failed(story.judge()) == {}


# --- readings -------------------------------------------------------------------------------------------------------


def reading_of(judged: CampaignJudgement, key: str = STREAM):
    (record,) = [record for record in judged.readings if record.question == f"{OPERATION}.{key}"]
    return record


def test_a_question_that_no_request_raised_is_not_observed(story):
    story.simple("response.status#a", ok())
    record = reading_of(story.judge())
    assert (record.reading, dict(record.evidence)) == ("not observed", {})
    assert len(story.judge().readings) == len(START.questions)


def test_a_question_answered_one_way_has_that_reading(story):
    for value in (1, 2):
        story.simple(f"{STREAM}#{value}", ok(), sub(StreamType=value), kind="open")
    record = reading_of(story.judge())
    assert (record.reading, dict(record.evidence)) == ("no-effect", {"no-effect": (1, 2)})


def test_a_question_answered_both_ways_is_mixed_with_the_requests_that_tell(story):
    story.simple(f"{STREAM}#1", ok(), sub(StreamType=1), kind="open")
    story.simple(f"{STREAM}#2", no(), sub(StreamType=2), kind="open")
    record = reading_of(story.judge())
    assert (record.reading, dict(record.evidence)) == ("mixed", {"no-effect": (1,), "refused": (2,)})
    assert failed(story.judge()) == {}


# --- order ----------------------------------------------------------------------------------------------------------


def long_story() -> Story:
    story = Story()
    story.simple("response.status#plain", ok(), kind="opening")
    pack = story.case("response.status#valid-01", "accept", ("response.status#valid-01", "AppId.maxLength#64"))
    story.sent(pack, no(), plain(AppId="a" * 64))
    part = story.case("response.status#valid-01~single-1", "accept", ("AppId.maxLength#64",))
    story.sent(part, no(), plain(AppId="a" * 64))
    for number in range(3):
        name = story.simple(f"response.status#{number}", down())
        story.sent(name, ok(), attempt=1)
    story.simple("response.status#t", ok(task="T"))
    story.simple("response.status#u", ok(task="T"))
    story.simple(f"{STREAM}#1", ok(), sub(StreamType=1), kind="open")
    story.simple(f"{STREAM}#2", no(), sub(StreamType=2), kind="open")
    story.simple("AppId.pattern#a", ok(), BAD)
    story.simple("OutputParams[].UserId.required#item-2", no("NotFound", 404), item(2, UserId=ABSENT))
    story.simple("response.status#v", no(), same_names=True)
    story.simple("response.status#w", ok(), same_names=True)
    return story


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_exchanges_arrive_does_not_matter(seed):
    story = long_story()
    before = story.judge()
    assert len(failed(before)) >= 4
    random.Random(seed).shuffle(story.exchanges)  # noqa: S311
    after = story.judge()
    assert sorted(map(repr, after.observations)) == sorted(map(repr, before.observations))
    assert dict(after.results) == dict(before.results)
    assert {r.question: (r.reading, dict(r.evidence)) for r in after.readings} == {
        r.question: (r.reading, dict(r.evidence)) for r in before.readings
    }
    assert dict(after.judgements) == dict(before.judgements)


def test_what_is_judged_from_a_record_on_disk_is_the_same():
    story = long_story()
    before = story.judge()
    story.exchanges = [Exchange.from_json(exchange.to_json()) for exchange in story.exchanges]
    assert story.judge().observations == before.observations


def test_shards_judged_together_know_what_one_of_them_has_seen(story):
    """The opening of one shard makes the 404 of another one count."""
    story.simple("response.status#a", no("NotFound", 404))
    alone = story.judge()
    story.simple("response.status#plain", ok(), kind="opening")
    assert failed(alone) == {}
    assert failed(story.judge()) == {"response.status": {1}}


def test_what_works_is_what_accepted_requests_named(story):
    accepted = story.sent("c", ok())
    refused = story.sent("c", no(), plain(AppId="refused-app"))
    pairs = [(exchange, judge_exchange(START, exchange, Memory())) for exchange in (accepted, refused)]
    works = memory_of({OPERATION: START}, pairs).works
    assert ("ChannelId", CHANNEL) in works
    assert ("AppId", "refused-app") not in works
    assert not any(path == "OutputParams[].UserId" for path, _ in works)


# --- blame ----------------------------------------------------------------------------------------------------------

PACK = ("response.status#valid-01", "AppId.maxLength#64", "MaxIdleTime.maximum#14400", "OutputParams.type#5-items")


def refused_pack(story: Story) -> str:
    pack = story.case("response.status#valid-01", "accept", PACK)
    story.sent(pack, no(), plain(AppId="a" * 64))
    return pack


def explaining(story: Story, name: str, aspects: tuple[str, ...], response: RawResponse) -> str:
    identifier = story.case(f"response.status#valid-01~{name}", "accept", aspects)
    story.sent(identifier, response, plain(AppId="a" * 64))
    return identifier


def test_a_refused_pack_without_an_explanation_fails_the_success(story):
    refused_pack(story)
    assert failed(story.judge()) == {"response.status": {1}}


def test_a_refused_pack_is_blamed_on_what_its_smallest_failing_explanation_shows(story):
    refused_pack(story)
    explaining(story, "single-1", ("AppId.maxLength#64",), ok())
    explaining(story, "part-1", ("OutputParams.type#5-items", "MaxIdleTime.maximum#14400"), no())
    explaining(story, "part-2", ("MaxIdleTime.maximum#14400",), no())
    judged = story.judge()
    assert failed(judged) == {"MaxIdleTime.maximum": {1, 3, 4}}
    assert "fail" not in outcomes(judged, "response.status")


def test_an_explanation_that_was_accepted_blames_nothing(story):
    refused_pack(story)
    explaining(story, "single-1", ("AppId.maxLength#64",), ok())
    assert failed(story.judge()) == {"response.status": {1}}


def test_another_pack_with_the_same_culprit_is_blamed_on_it_as_well(story):
    refused_pack(story)
    explaining(story, "single-1", ("AppId.maxLength#64",), no())
    other = story.case("response.status#valid-02", "accept", ("response.status#valid-02", "AppId.maxLength#64"))
    story.sent(other, no(), plain(AppId="b" * 64))
    unrelated = story.case("response.status#valid-03", "accept", ("response.status#valid-03", "AppId.minLength#1"))
    story.sent(unrelated, no(), plain(AppId="b"))
    assert failed(story.judge()) == {"AppId.maxLength": {1, 2, 3}, "response.status": {4}}


def test_blame_moves_refusals_only_and_leaves_the_form_of_the_answer_where_it_is(story):
    pack = story.case("response.status#valid-01", "accept", PACK)
    story.sent(pack, error("InvalidParameter", 422, RequestId="R"), plain(AppId="a" * 64))
    explaining(story, "single-1", ("AppId.maxLength#64",), no())
    assert failed(story.judge()) == {"AppId.maxLength": {1, 2}, "error.InvalidParameter": {1}}


def test_an_explaining_case_belongs_to_the_case_it_was_made_for():
    assert parent_of("Op.response.status#valid-01~part-3") == "Op.response.status#valid-01"
    assert parent_of("Op.response.status#valid-01") == "Op.response.status#valid-01"


# --- two operations -------------------------------------------------------------------------------------------------


def test_what_is_known_of_one_operation_is_told_apart_from_another(story):
    """Availability counts for each operation by itself."""
    name = story.simple("response.status#a", down())
    story.sent(name, ok(), attempt=1)
    judged = judge_campaign({OPERATION: START, MADE_UP.operation: MADE_UP}, story.cases, story.exchanges)
    assert {o.requirement for o in judged.observations if o.requirement.endswith(".availability")} == {
        f"{OPERATION}.availability"
    }
    assert len(judged.readings) == len(START.questions) + len(MADE_UP.questions)
