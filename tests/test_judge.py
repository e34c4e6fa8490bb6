"""What one exchange shows: a table written by hand, and properties of what a request allows."""

from __future__ import annotations

import functools
import json
import re
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import independent
from acs_conformance import spec_folder
from acs_conformance.bench import Anybody
from acs_conformance.cases import plan
from acs_conformance.cases.render import base_document, render
from acs_conformance.derived import REDACTED
from acs_conformance.description import Description
from acs_conformance.exchange import Recorder, Reply, redacted
from acs_conformance.judge import identifiers, judge_exchange
from acs_conformance.message import RawRequest, RawResponse
from acs_conformance.observation import Judgement
from acs_conformance.oracle import expect
from acs_conformance.record import BODY_LIMIT, Exchange
from acs_conformance.trait import Memory
from acs_conformance.wire import decode, encode_query, to_parameters, with_value, without
from in_process import CONTEXT, MADE_UP
from page_table import ABSENT, TOKEN, idle, item, plain, sub

START = spec_folder.load("StartRtcCloudTranscode")

# --- a table of exchanges -------------------------------------------------------------------------------------------


def asked(parameters=None, *more: tuple[str, str], method: str = "POST") -> RawRequest:
    """A request of the page's table; its token stands for a well-made one."""
    pairs = [(name, text.replace(TOKEN, REDACTED)) for name, text in (*(parameters or plain()), *more)]
    return RawRequest(method, "/?" + encode_query(pairs))


def answered(
    status: int, body: Any = None, media: str | None = "application/json;charset=utf-8", *more: tuple[str, str]
) -> RawResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return RawResponse(status, (*((("Content-Type", media),) if media else ()), *more), raw)


GOOD = {"RequestId": "R-1", "TaskId": "T-1"}
OK = answered(200, GOOD)
HTML = b"<html>Bad gateway.</html>"


def error(code: Any, status: int = 400, message: Any = "The parameter is not valid.", **changes: Any) -> RawResponse:
    members = {"RequestId": "R-1", "Code": code, "Message": message} | changes
    return answered(status, {name: value for name, value in members.items() if value is not ...})


VALID = asked()
BAD = asked(plain(AppId="a b"))  # breaks AppId.pattern
GONE = asked(plain(AppId=ABSENT))  # breaks AppId.required
EMPTY = asked(plain(AppId=""))  # breaks AppId.minLength, vacant
LATE = asked(item(2, UserId=ABSENT))  # breaks OutputParams[].UserId.required
OPEN = asked(sub(StreamType=1))
TWICE_OPEN = asked(sub(StreamType=1, SourceType=1))
OPEN_AND_BAD = asked(sub(StreamType=1, UserId=""))
ODD = asked(idle("012"))  # refused, or taken as the number 12 (or, octal, 10)
ODD_AND_LOW = asked(idle("05"))  # refused, or taken as the number 5, which is refused as well
# Valid, and above 8 KiB: the same JSON with blanks, which stand for nothing.
LONG = asked((*plain()[:3], ("OutputParams", dict(plain())["OutputParams"].replace(",", "," + " " * 3000))))
LONG_BAD = asked(plain(AppId="a" * 9000))
SMALL_413 = answered(413, HTML, "text/html")
GET = asked(method="GET")
FORM = RawRequest("POST", "/", (("content-type", "application/x-www-form-urlencoded"),), VALID.query.encode())
TWICE = asked(plain(), ("AppId", "other"))

S, P = "response.status", "AppId.pattern"
INNER = "InputParam.SingleSubUserParam"


@dataclass(frozen=True)
class Row:
    """One exchange, and what it shows."""

    id: str
    request: RawRequest
    response: RawResponse | None
    right: bool | None
    #: Key of each requirement that fails -> cause.
    fails: dict[str, str] = field(default_factory=dict)
    #: Keys of requirements that pass among others.
    passes: tuple[str, ...] = ()
    #: Whether the request's identifiers were in an accepted request of the campaign.
    works: bool = False
    reading: tuple[str, str] | None = None
    failure: str = ""


NO_JSON = {"response.type": "not a JSON object"}
HTML_SUCCESS = {**NO_JSON, "response.contentType": "content type"}
HTML_ERROR = {"error.type": "not a JSON object", "error.contentType": "content type"}


def same(key: str) -> dict[str, str]:
    """A claim about a member of the body: it is its own cause."""
    return {key: key}


ACCEPTED = [
    Row("success-for-valid", VALID, OK, True, passes=(S, "response.TaskId.required", "response.contentType")),
    Row("success-for-invalid", BAD, OK, False, {P: "accepted"}),
    Row("success-for-absent", GONE, OK, False, {"AppId.required": "accepted"}),
    Row("success-for-late-item", LATE, OK, False, {"OutputParams[].UserId.required": "accepted"}),
    Row("success-beside-an-open-question", OPEN_AND_BAD, OK, False, {f"{INNER}.UserId.minLength": "accepted"}),
    Row("more-members", VALID, answered(200, GOOD | {"More": 1}), True, passes=(S,)),
    Row(
        "other-letter-case-of-the-media-type",
        VALID,
        answered(200, GOOD, "Application/JSON"),
        True,
        passes=("response.contentType",),
    ),
    Row("no-request-id", VALID, answered(200, {"TaskId": "T"}), True, same("response.RequestId.required")),
    Row("number-as-request-id", VALID, answered(200, GOOD | {"RequestId": 5}), True, same("response.RequestId.type")),
    Row("null-as-request-id", VALID, answered(200, GOOD | {"RequestId": None}), True, same("response.RequestId.type")),
    Row("empty-request-id", VALID, answered(200, GOOD | {"RequestId": ""}), True, same("response.RequestId.minLength")),
    Row("no-task-id", VALID, answered(200, {"RequestId": "R"}), True, same("response.TaskId.required")),
    Row(
        "task-id-in-other-letter-case",
        VALID,
        answered(200, {"RequestId": "R", "taskId": "T"}),
        True,
        same("response.TaskId.required"),
    ),
    Row("list-as-task-id", VALID, answered(200, GOOD | {"TaskId": ["T"]}), True, same("response.TaskId.type")),
    Row("nothing-in-the-body", VALID, answered(200, b""), True, NO_JSON, passes=(S, "response.contentType")),
    Row("list-as-body", VALID, answered(200, [GOOD]), True, NO_JSON),
    Row("text-as-body", VALID, answered(200, "OK"), True, NO_JSON),
    Row("html-with-200", VALID, answered(200, HTML, "text/html"), True, HTML_SUCCESS),
    Row("html-with-200-for-invalid", BAD, answered(200, HTML, "text/html"), False, {P: "accepted", **HTML_SUCCESS}),
    Row("json-as-plain-text", VALID, answered(200, GOOD, "text/plain"), True, {"response.contentType": "content type"}),
    Row("no-content-type", VALID, answered(200, GOOD, None), True, {"response.contentType": "content type"}),
    Row("nan-in-the-body", VALID, answered(200, b'{"RequestId":"R","TaskId":"T","Load":NaN}'), True, NO_JSON),
    Row("body-in-utf-16", VALID, answered(200, json.dumps(GOOD).encode("utf-16")), True, NO_JSON),
    Row(
        "body-without-end",
        VALID,
        answered(200, b'{"RequestId":"' + b"x" * BODY_LIMIT),
        True,
        {"response.type": "body too long"},
    ),
    Row("deep-body", VALID, answered(200, b"[" * 20000 + b"]" * 20000), True, NO_JSON),
]

REFUSED = [
    Row("valid-refused", VALID, error("InvalidParameter"), False, {S: "refused"}, passes=("error.InvalidParameter",)),
    Row(
        "right-refusal",
        BAD,
        error("InvalidParameter"),
        True,
        passes=(P, "error.InvalidParameter", "error.Message.pattern"),
    ),
    Row("right-refusal-with-a-suffix", BAD, error("InvalidParameter.AppId"), True, passes=(P,)),
    Row("right-refusal-of-what-is-absent", GONE, error("MissingParameterAppId"), True, passes=("AppId.required",)),
    Row("vacant-as-missing", EMPTY, error("MissingParameter"), True, passes=("AppId.minLength",)),
    Row("vacant-as-invalid", EMPTY, error("InvalidParameter"), True, passes=("AppId.minLength",)),
    Row("absent-as-invalid", GONE, error("InvalidParameter"), False, {"AppId.required": "code InvalidParameter"}),
    Row("invalid-as-missing", BAD, error("MissingParameter"), False, {P: "code MissingParameter"}),
    Row(
        "invalid-as-internal",
        BAD,
        error("InternalError"),
        False,
        {P: "code InternalError", "error.InternalError": "status 400"},
    ),
    Row("undocumented-code", BAD, error("Oops"), False, {P: "code Oops"}),
    Row("code-in-other-letter-case", BAD, error("invalidparameter"), False, {P: "code invalidparameter"}),
    Row("code-with-a-prefix", BAD, error("Live.InvalidParameter"), False, {P: "code Live.InvalidParameter"}),
    Row(
        "code-that-must-be-exact-with-a-suffix", BAD, error("InternalError.Live"), False, {P: "code InternalError.Live"}
    ),
    Row("empty-code", BAD, error(""), False, {P: "code none"}),
    Row(
        "wrong-status-for-a-right-code",
        BAD,
        error("InvalidParameter", 422),
        True,
        {"error.InvalidParameter": "status 422"},
        passes=(P,),
    ),
    Row(
        "200-with-the-right-code",
        BAD,
        error("InvalidParameter", 200),
        True,
        {"error.InvalidParameter": "status 200"},
        passes=(P,),
    ),
    Row(
        "200-with-a-code-for-valid",
        VALID,
        error("InvalidParameter", 200),
        False,
        {S: "refused", "error.InvalidParameter": "status 200"},
    ),
    Row("302-with-the-right-code", BAD, error("InvalidParameter", 302), True, {"error.InvalidParameter": "status 302"}),
    Row("no-code", BAD, error(...), True, same("error.Code.required"), passes=(P,)),
    Row("number-as-code", BAD, error(400), True, same("error.Code.type")),
    Row(
        "no-code-and-a-wrong-status",
        BAD,
        error(..., 409),
        False,
        {P: "code none", "error.Code.required": "error.Code.required"},
    ),
    Row("no-message", BAD, error("InvalidParameter", message=...), True, same("error.Message.required")),
    Row("message-without-a-period", BAD, error("InvalidParameter", message="Bad"), True, same("error.Message.pattern")),
    Row(
        "message-with-a-newline-after-its-period",
        BAD,
        error("InvalidParameter", message="Bad.\n"),
        True,
        same("error.Message.pattern"),
    ),
    Row(
        "message-of-several-lines",
        BAD,
        error("InvalidParameter", message="Bad,\nvery bad."),
        True,
        passes=("error.Message.pattern",),
    ),
    Row("message-that-is-no-text", BAD, error("InvalidParameter", message=["Bad."]), True, same("error.Message.type")),
    Row(
        "error-without-request-id",
        BAD,
        error("InvalidParameter", RequestId=...),
        True,
        same("error.RequestId.required"),
    ),
    Row(
        "error-with-an-empty-request-id",
        BAD,
        error("InvalidParameter", RequestId=""),
        True,
        same("error.RequestId.minLength"),
    ),
    Row("html-with-400", BAD, answered(400, HTML, "text/html"), True, HTML_ERROR),
    Row("html-with-400-for-valid", VALID, answered(400, HTML, "text/html"), False, {S: "refused", **HTML_ERROR}),
    Row("gateway-members-in-an-error", BAD, error("InvalidParameter", HostId="x", Recommend="y"), True, passes=(P,)),
]

ELSEWHERE = [
    Row("redirect-for-valid", VALID, answered(302, b"", None, ("location", "/x")), False, {S: "status 302"}),
    Row("redirect-for-invalid", BAD, answered(301, b"", None, ("location", "/x")), False, {P: "status 301"}),
    Row("no-content-for-valid", VALID, answered(204, b"", None), False, {S: "status 204"}),
    Row("created-for-valid", VALID, answered(201, GOOD), False, {S: "status 201"}),
    Row("404-before-anything-worked", VALID, error("NotFound.Channel", 404), None, passes=("error.NotFound",)),
    Row("404-after-it-worked", VALID, error("NotFound.Channel", 404), False, {S: "refused"}, works=True),
    Row("404-for-invalid-before-anything-worked", LATE, error("NotFound", 404), None),
    Row(
        "404-for-invalid-after-it-worked",
        LATE,
        error("NotFound", 404),
        False,
        {"OutputParams[].UserId.required": "code NotFound"},
        works=True,
    ),
    Row("403-before-anything-worked", VALID, error("Forbidden", 403), None, passes=("error.Forbidden",)),
    Row("403-after-it-worked", VALID, error("Forbidden", 403), False, {S: "refused"}, works=True),
    Row("world-with-a-wrong-status", VALID, error("NotFound", 400), None, {"error.NotFound": "status 400"}),
    Row("world-with-a-bad-message", VALID, error("NotFound", 404, "Gone"), None, same("error.Message.pattern")),
    Row("404-of-another-server", VALID, answered(404, HTML, "text/html"), False, {S: "refused", **HTML_ERROR}),
    Row("throttled-by-the-operation", BAD, error("TooManyRequests"), None, passes=("error.TooManyRequests",)),
    Row("throttled-by-the-gateway", VALID, error("Throttling.User"), None),
    Row("throttled-by-the-gateway-plainly", BAD, error("Throttling", 429), None),
    Row(
        "throttled-with-a-wrong-status",
        VALID,
        error("TooManyRequests", 429),
        None,
        {"error.TooManyRequests": "status 429"},
    ),
    Row("wrong-signature", VALID, error("SignatureDoesNotMatch", message="No"), None),
    Row("unknown-key", BAD, error("InvalidAccessKeyId.NotFound", 404), None),
    Row("old-clock", VALID, error("InvalidTimeStamp.Expired"), None),
    Row("nonce-again", VALID, error("SignatureNonceUsed"), None),
    Row("no-permission", VALID, error("NoPermission", 403), None),
    Row("no-permission-by-policy", VALID, error("Forbidden.RAM", 403), None),
    Row("unknown-action", VALID, error("InvalidAction.NotFound", 404), None),
]

BROKEN = [
    Row("500-as-documented", VALID, error("InternalError", 500), None, passes=("error.InternalError",)),
    Row("500-for-invalid", BAD, error("InternalError", 500), None),
    Row("500-with-a-bad-message", VALID, error("InternalError", 500, "Oops"), None, same("error.Message.pattern")),
    Row("503-as-internal-error", VALID, error("InternalError", 503), None, {"error.InternalError": "status 503"}),
    Row(
        "500-with-the-code-of-a-refusal",
        BAD,
        error("InvalidParameter", 500),
        None,
        {"error.InvalidParameter": "status 500"},
    ),
    Row("502-of-a-proxy", VALID, answered(502, HTML, "text/html"), None),
    Row("500-where-anything-goes", GET, answered(500, b"", None), None),
    Row("no-answer", VALID, None, None, failure="the connection was closed"),
    Row("no-answer-to-invalid", BAD, None, None, failure="no answer in time"),
]

LARGE = [
    Row("413-above-8-kib", LONG, answered(413, HTML, "text/html"), True),
    Row("414-above-8-kib", LONG, answered(414, b"", None), True),
    Row("431-above-8-kib-for-invalid", LONG_BAD, answered(431, b"", None), True),
    Row("no-answer-above-8-kib", LONG, None, True, failure="the connection was closed"),
    Row("success-above-8-kib", LONG, OK, True, passes=(S,)),
    Row("400-above-8-kib", LONG, error("InvalidParameter"), False, {S: "refused"}),
    Row("500-above-8-kib", LONG, answered(500, b"", None), None),
    Row("success-above-8-kib-for-invalid", LONG_BAD, OK, False, {"AppId.maxLength": "accepted"}),
    Row("413-for-a-small-one", VALID, SMALL_413, False, {S: "refused", **HTML_ERROR}),
    Row("413-for-a-small-invalid-one", BAD, SMALL_413, False, {P: "code none", **HTML_ERROR}),
]

ANYTHING = [
    Row(f"{word}-{status}", request, response, True, reading=(question, reading))
    for word, request, question in (
        ("get", GET, "wire.method"),
        ("form", FORM, "wire.form-body"),
        ("repeated", TWICE, "wire.repeated-parameter"),
    )
    for status, response, reading in (
        ("200", OK, "accepted"),
        ("400", error("InvalidParameter"), "refused"),
        ("405", answered(405, HTML, "text/html"), "refused"),
        ("404", answered(404, b"", None), "refused"),
    )
]

STREAM = f"{INNER}.StreamType.unsupported"
READINGS = [
    Row("open-taken", OPEN, OK, True, reading=(STREAM, "no-effect")),
    Row("open-refused", OPEN, error("InvalidParameter"), True, reading=(STREAM, "refused")),
    Row("open-refused-by-a-wrong-row", OPEN, error("MissingParameter"), False, {S: "code MissingParameter"}),
    Row("open-twice-taken", TWICE_OPEN, OK, True),
    Row("open-twice-refused", TWICE_OPEN, error("InvalidParameter"), True),
    Row("odd-number-taken", ODD, OK, True, reading=("wire.number-notation.leading-zero", "number")),
    Row(
        "odd-number-refused",
        ODD,
        error("InvalidParameter"),
        True,
        reading=("wire.number-notation.leading-zero", "refused"),
    ),
    Row("odd-number-refused-in-each-reading", ODD_AND_LOW, error("InvalidParameter"), True),
    Row("odd-number-too-low-and-taken", ODD_AND_LOW, OK, False, {"MaxIdleTime.type": "accepted"}),
    Row(
        "unknown-parameter-ignored",
        asked(plain(), ("More", "x")),
        OK,
        True,
        reading=("wire.unknown-parameter", "ignored"),
    ),
    Row(
        "unknown-parameter-refused",
        asked(plain(), ("More", "x")),
        error("InvalidParameter"),
        True,
        reading=("wire.unknown-parameter", "refused"),
    ),
    Row("null-for-optional-absent", asked(sub(StreamType=None)), OK, True, reading=("wire.null-optional", "absent")),
    Row(
        "null-for-optional-refused",
        asked(sub(StreamType=None)),
        error("InvalidParameter"),
        True,
        reading=("wire.null-optional", "refused"),
    ),
    Row(
        "token-invalid-forbidden",
        asked(item(1, UserToken="no-token")),
        error("Forbidden", 403),
        True,
        works=True,
        reading=("OutputParams[].UserToken.invalid", "refused"),
    ),
    Row(
        "token-empty-missing",
        asked(item(1, UserToken="")),
        error("MissingParameter"),
        True,
        reading=("OutputParams[].UserToken.empty", "refused"),
    ),
]

ROWS = [*ACCEPTED, *REFUSED, *ELSEWHERE, *BROKEN, *LARGE, *ANYTHING, *READINGS]


def exchanged(request: RawRequest, response: RawResponse | None, failure: str = "") -> Exchange:
    return Exchange(number=7, operation=START.operation, case="c", request=request, response=response, failure=failure)


def judged(row: Row) -> Judgement:
    memory = Memory(works=identifiers(START, decode(START, row.request)) if row.works else frozenset())
    return judge_exchange(START, exchanged(row.request, row.response, row.failure), memory)


def test_the_long_requests_are_long_and_no_other_one_is():
    limit = START.gateway.judged_up_to
    assert {row.id for row in ROWS if len(row.request.target) > limit} == {row.id for row in LARGE[:8]}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_one_exchange_shows_what_the_table_says(row):
    judgement = judged(row)
    failed = {o.requirement.partition(".")[2]: o.cause for o in judgement.observations if o.outcome == "fail"}
    assert failed == row.fails
    assert judgement.is_right is row.right
    passed = {o.requirement.partition(".")[2] for o in judgement.observations if o.outcome == "pass"}
    assert set(row.passes) <= passed
    assert not passed & failed.keys()
    assert judgement.reading == row.reading
    assert all(o.exchange == 7 for o in judgement.observations)
    if row.right is None:
        assert judgement.reason
    if row.failure and row.right is None:
        assert row.failure in judgement.reason


@pytest.mark.parametrize("row", [row for row in ROWS if row.fails], ids=lambda row: row.id)
def test_a_failure_says_what_came_and_what_would_have_been_allowed(row):
    for observation in judged(row).observations:
        if observation.outcome == "fail":
            assert observation.received
            assert observation.allowed
            assert observation.requirement.startswith(f"{START.operation}.")


@pytest.mark.parametrize(
    ("row", "allowed"),
    [
        (ACCEPTED[1], "400 InvalidParameter…"),
        (ACCEPTED[2], "400 MissingParameter…"),
        (REFUSED[0], "200"),
        (next(row for row in READINGS if row.id == "open-refused-by-a-wrong-row"), "200 or 400 InvalidParameter…"),
    ],
    ids=lambda part: getattr(part, "id", ""),
)
def test_the_allowed_answers_are_named_in_the_page_s_words(row, allowed):
    (observation,) = [o for o in judged(row).observations if o.outcome == "fail" and o.cause]
    assert observation.allowed == allowed


@pytest.mark.parametrize(
    ("response", "kind", "family"),
    [
        (error("TooManyRequests"), "throttled", None),
        (error("Throttling"), "throttled", "throttled"),
        (error("Throttling.User", 429), "throttled", "throttled"),
        (error("SignatureNonceUsed"), "gateway", "authentication"),
        (error("InvalidTimeStamp.Expired"), "gateway", "authentication"),
        (error("Forbidden.RAM", 403), "gateway", "authorization"),
        (error("InvalidAction.NotFound", 404), "gateway", "product"),
        (error("Forbidden", 403), "world", None),
        (error("NotFoundTask", 404), "world", None),
        (error("InvalidParameter"), "refusal", None),
        (answered(404, b""), "refusal", None),
        (answered(418, GOOD), "refusal", None),
        (error("InvalidParameter", 200), "refusal", None),
        (OK, "success", None),
        (answered(200, HTML, "text/html"), "success", None),
        (answered(202, GOOD), "other", None),
        (answered(304, b""), "other", None),
        (answered(500, GOOD), "broken", None),
        (answered(599, b""), "broken", None),
        (None, "broken", None),
    ],
)
def test_what_kind_of_answer_came(response, kind, family):
    answer = judge_exchange(START, exchanged(VALID, response), Memory()).answer
    assert (answer.kind, answer.family) == (kind, family)


def test_a_refused_call_passes_no_claim_about_success_and_the_other_way_round():
    refused = {o.requirement for o in judged(REFUSED[1]).observations}
    accepted = {o.requirement for o in judged(ACCEPTED[0]).observations}
    assert not any(".response." in requirement for requirement in refused)
    assert not any(".error." in requirement for requirement in accepted)


def test_only_identifiers_that_all_worked_make_a_404_count():
    row = next(row for row in ELSEWHERE if row.id == "404-after-it-worked")
    named = identifiers(START, decode(START, row.request))
    assert len(named) == 4
    for missing in named:
        memory = Memory(works=named - {missing})
        assert judge_exchange(START, exchanged(row.request, row.response), memory).is_right is None


def test_a_name_in_use_is_an_open_question():
    document = decode(START, VALID).document
    (output,) = document["OutputParams"]
    taken = Memory(taken=frozenset({("OutputParams[].UserId", document["ChannelId"], output["UserId"])}))
    refused = judge_exchange(START, exchanged(VALID, error("InvalidParameter")), taken)
    assert (refused.is_right, refused.reading) == (True, ("wire.in-use", "refused"))
    elsewhere = Memory(taken=frozenset({("OutputParams[].UserId", "another-channel", output["UserId"])}))
    assert judge_exchange(START, exchanged(VALID, error("InvalidParameter")), elsewhere).is_right is False


# --- any request ----------------------------------------------------------------------------------------------------

TEXT = st.one_of(
    st.text(max_size=6),
    st.text(st.characters(), max_size=4),
    st.sampled_from(["", " ", "0", "12", "-1", "1e3", "null", "{}", "[]", '"', "\ud800", "a" * 65, "\udcff"]),
)
LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXT,
    st.sampled_from(["lld", 0.0, 1.0, 10**400]),
)
WILD = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)


@functools.cache
def simplest(description: Description) -> dict[str, Any]:
    return base_document(description, CONTEXT, "salt")


def all_places(document: Any, place: independent.Place = ()) -> list[independent.Place]:
    found = [place] if place else []
    pairs = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [*found, *(inner for step, value in pairs for inner in all_places(value, (*place, step)))]


@st.composite
def wild_requests(draw: Any) -> tuple[Description, RawRequest]:
    """A valid request with a few places changed to anything, taken away, or added."""
    description = draw(st.sampled_from([START, MADE_UP]))
    document = simplest(description)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from(all_places(document)))
        word = draw(st.sampled_from(["set", "set", "like", "remove", "add", "append"]))
        if word == "remove" and isinstance(place[-1], str):
            document = without(document, place)
            if not document:
                return description, RawRequest("POST", "/")
        elif word == "add":
            name = draw(st.sampled_from([node.path.rpartition(".")[2] for node in description.nodes.values()]) | TEXT)
            parent = place if isinstance(_at(document, place), dict) else place[:-1]
            if parent and isinstance(_at(document, parent), dict):
                document = with_value(document, (*parent, name), draw(WILD))
        elif word == "append" and isinstance(_at(document, place), list):
            value = _at(document, place)
            document = with_value(document, place, [*value, draw(WILD | st.sampled_from(value or [None]))])
        elif word == "like":
            other = draw(st.sampled_from(all_places(document)))
            document = with_value(document, place, _at(document, other))
        else:
            document = with_value(document, place, draw(WILD))
    parameters = list(to_parameters(description, document))
    if draw(st.integers(0, 9)) == 0:
        index = draw(st.integers(0, len(parameters) - 1))
        parameters[index] = (parameters[index][0], draw(TEXT))
    return description, RawRequest("POST", "/?" + encode_query(parameters))


def _at(document: Any, place: independent.Place) -> Any:
    for step in place:
        document = document[step]
    return document


@settings(max_examples=400)
@given(wild_requests())
def test_whatever_is_sent_a_second_opinion_agrees_on_what_is_broken(drawn):
    description, request = drawn
    expectation = expect(description, request, Memory())
    if expectation.anything:
        assert not expectation.is_accept
        return
    read = independent.read(description, request)
    if read.breaches:
        assert not expectation.is_accept
    if not expectation.questions:
        assert expectation.is_accept == (not read.breaches)
        assert {violation.key for violation in expectation.violations} == read.keys


@settings(max_examples=200)
@given(wild_requests(), st.sampled_from([OK, error("InvalidParameter"), answered(500, b"", None), None]))
def test_whatever_is_sent_is_judged(drawn, response):
    description, request = drawn
    exchange = Exchange(number=1, operation=description.operation, case="c", request=request, response=response)
    judgement = judge_exchange(description, exchange, Memory())
    assert judgement.is_right in (True, False, None)
    if response is None or response.status == 500:
        assert judgement.is_right is not False
    again = judge_exchange(description, Exchange.from_json(json.loads(json.dumps(exchange.to_json()))), Memory())
    assert again.is_right == judgement.is_right
    assert again.observations == judgement.observations


# --- what is written down -------------------------------------------------------------------------------------------

_TOKEN_TEXT = re.compile(r"eyJ[A-Za-z0-9+/]{40,}")


@functools.cache
def planned_requests(depth: str = "standard") -> list[tuple[str, RawRequest]]:
    p = plan(START, depth)
    return [
        (f"{case.id} {step}", render(START, case, step, CONTEXT)) for case in p.cases for step in range(len(case.steps))
    ]


def plain_text(request: RawRequest) -> str:
    """What stands in a target and a body once percent signs and JSON escapes are taken away."""
    text = urllib.parse.unquote(request.target) + urllib.parse.unquote(request.body.decode("latin-1"))
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)


def test_planned_requests_have_tokens_in_them_at_all():
    assert sum(bool(_TOKEN_TEXT.search(plain_text(request))) for _, request in planned_requests()) > 300


def test_no_token_of_any_planned_request_is_written_down():
    left = [name for name, request in planned_requests() if _TOKEN_TEXT.search(plain_text(redacted(START, request)[0]))]
    assert left == []


def test_what_is_written_down_allows_the_same_answers_as_what_was_sent():
    for name, request in planned_requests():
        shown, _ = redacted(START, request)
        assert expect(START, shown, Memory()) == expect(START, request, Memory()), name


def test_redacting_twice_changes_nothing_more():
    for name, request in planned_requests():
        once, _ = redacted(START, request)
        again, found = redacted(START, once)
        assert (again, found) == (once, ()), name


def test_a_request_without_credentials_is_written_down_byte_for_byte():
    request = render(MADE_UP, plan(MADE_UP).cases[0], 0, CONTEXT)
    assert redacted(MADE_UP, request)[0].target == request.target


class Echo:
    """A target that says what it was sent."""

    def __init__(self, wrap) -> None:
        self.wrap = wrap

    def send(self, request):
        (token,) = independent.values(independent.read(START, request).document, "OutputParams[].UserToken")
        text = self.wrap(token, request)
        body = json.dumps({"RequestId": "r", "Echo": text}).encode()
        return Reply(RawResponse(400, (("x-echo", text.replace("\n", " ")),), body))


def quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda token, _: token,
        lambda token, _: f"the token {token} is bad",
        lambda token, _: quoted(token),
        lambda token, _: quoted(quoted(token)),
        lambda token, _: json.dumps({"token": token}),
        lambda _, request: urllib.parse.unquote(request.query),
        lambda _, request: request.target,
        lambda _, request: f"POST\n/\n{request.query}\nx-acs-action:Start",
        lambda _, request: f"POST&%2F&{quoted(request.query)}",
    ],
    ids=[
        "plain",
        "in-a-sentence",
        "encoded",
        "encoded-twice",
        "in-json",
        "parameters",
        "target",
        "what-is-signed",
        "what-is-signed-encoded",
    ],
)
def test_a_token_that_the_target_repeats_is_not_written_down(wrap):
    opening = plan(START, "quick").cases[0]
    request = render(START, opening, 0, CONTEXT)
    exchange, _ = Recorder(Echo(wrap), Anybody()).exchange(START, request, number=1, case="c", step=0, attempt=0)
    written = json.dumps(exchange.to_json())
    assert REDACTED in written
    assert not _TOKEN_TEXT.search(urllib.parse.unquote(urllib.parse.unquote(written)))


def test_a_short_secret_does_not_spoil_words_that_contain_it():
    reply = Reply(RawResponse(200, (), b'{"Code":"InvalidParameter","x":"Inv"}'))

    class Says:
        def send(self, *_args):
            return reply

    recorder = Recorder(Says(), Anybody(), hidden=("Inv",))
    exchange, _ = recorder.exchange(MADE_UP, RawRequest("POST", "/"), number=1, case="c", step=0, attempt=0)
    assert exchange.response is not None
    assert json.loads(exchange.response.body) == {"Code": "InvalidParameter", "x": REDACTED}


def test_hidden_texts_are_taken_out_of_answers():
    reply = Reply(RawResponse(200, (("a", "key s3cr3t!"), ("Set-Cookie", "x=1")), b'{"x":"s3cr3t!"}'))

    class Says:
        def send(self, *_args):
            return reply

    recorder = Recorder(Says(), Anybody(), hidden=("s3cr3t!", ""))
    exchange, _ = recorder.exchange(MADE_UP, RawRequest("POST", "/"), number=1, case="c", step=0, attempt=0)
    assert "s3cr3t" not in json.dumps(exchange.to_json())
    assert exchange.response is not None
    assert dict(exchange.response.headers) == {"a": REDACTED, "Set-Cookie": REDACTED}


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://login.example.com/a/b?token=t0ken%2Ft0ken-t0ken&next=/x?id=7#access_token=t0k", "https://login.example.com/a/b?token=***&next=***?id=***#access_token=***"),
        ("http://bob:hunter2@proxy:3128/", "http://***@proxy:3128/"),
        ("/?eyJ0b2tlbiI6InQwa2VuIn0==", "/?***"),
        ("/log-in?a=", "/log-in?***"),
        ("/x?a=1;b=t0k", "/x?a=***"),
        ("https://example.com/", "https://example.com/"),
    ],
)  # fmt: skip
def test_what_an_address_of_a_redirect_says_is_not_written_down(location, shown):
    body = b'<a href="/t0ken%2Ft0ken-t0ken">t0ken/t0ken-t0ken</a> bob:hunter2'
    reply = Reply(RawResponse(302, (("Location", location), ("Refresh", f"0; url={location}")), body))

    class Says:
        def send(self, *_args):
            return reply

    exchange, _ = Recorder(Says(), Anybody()).exchange(
        MADE_UP, RawRequest("POST", "/"), number=1, case="c", step=0, attempt=0
    )
    assert exchange.response is not None
    assert exchange.response.headers[0] == ("Location", shown)
    written = json.dumps(exchange.to_json())
    assert ("t0ken-t0ken" in written) == ("t0ken-" not in location)
    assert ("hunter2" in written) == ("hunter2" not in location)
    assert "eyJ0b2tlbi" not in written


def test_headers_that_sign_a_request_are_not_written_down():
    headers = (
        ("Authorization", "ACS3 x"),
        ("x-acs-signature-nonce", "n"),
        ("X-Acs-Action", "A"),
        ("Content-Type", "t"),
    )
    shown, _ = redacted(START, RawRequest("POST", "/?AppId=a", headers))
    assert shown.headers == (("X-Acs-Action", "A"), ("Content-Type", "t"))
