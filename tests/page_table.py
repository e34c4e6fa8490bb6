"""Requests and the answers the documentation page allows, written by hand from the page alone.

The page is the public one of StartRtcCloudTranscode. Nothing here is computed from the project's description of that
page or from its code, so that the two can be held against each other: whatever is said differently is a mistake in one.

A row's parameters are the operation's own query parameters, in order, decoded. InputParam and OutputParams travel as
JSON text. Every valid row names one application, keeps its outputs on its own channel, gives every output a UserId
of its own and a nonempty UserToken; whether application, channel, user and token exist is about the world, not here.

How an answer is chosen where the page leaves room:

* A top-level parameter that's absent is missing. For a nested field that's absent, and for "", null, [] and {} where
  something is required or has another type, the page doesn't say which of the two error classes answers: both do.
* An open trait (a setting the page calls not supported, a number in another notation, ...) allows both answers, unless
  something else in the request is refused however the open trait is read; then the classes of all readings count.
"""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ACCEPT = "accept"  # must be answered with the documented success
EITHER = "either"  # an open question: both are allowed (but never a 5xx)

MISSING = frozenset({"MissingParameter"})
INVALID = frozenset({"InvalidParameter"})
BOTH = MISSING | INVALID

Parameters = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Row:
    """One request and what the page allows as its answer."""

    id: str  # short unique kebab-case
    says: str  # which sentence of the page (own words) decides
    parameters: Parameters  # the query parameters in order: decoded texts (before percent-encoding)
    allowed: str | frozenset[str]  # ACCEPT, EITHER, or the error classes one of which must answer


# --- building requests -----------------------------------------------------------------------------------------------

ABSENT = object()  # as a value: leave the parameter or member out

APP = "app-7074_9ef5"
CHANNEL = "myChannel"
USER = "userA"
TEMPLATES = ("alimcopy", "lld", "lsd", "lhd", "lud")
ID_CHARACTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "_-"  # 64 of them
CLAIMS = {"appid": APP, "channelid": CHANNEL, "userid": USER, "nonce": "", "timestamp": 1893456000, "token": "0f" * 32}
TOKEN = base64.b64encode(json.dumps(CLAIMS).encode()).decode()


def js(value: Any) -> str:
    """Compact JSON text."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def present(members: dict[str, Any]) -> dict[str, Any]:
    """The members without those marked absent."""
    return {name: value for name, value in members.items() if value is not ABSENT}


def out(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A valid output (its UserId and template go with the number), then changed."""
    valid = {
        "ChannelId": CHANNEL,
        "UserId": f"{USER}_{number}",
        "UserToken": TOKEN,
        "TranscodeTemplate": TEMPLATES[number % len(TEMPLATES)],
    }
    return present(valid | changes)


def plain(**changes: Any) -> Parameters:
    """A plain valid request, then changed: texts are put in as they are, anything else as JSON text."""
    valid = {
        "AppId": APP,
        "ChannelId": CHANNEL,
        "InputParam": {"SingleSubUserParam": {"UserId": USER}},
        "OutputParams": [out()],
    }
    chosen = present(valid | changes)
    return tuple((name, value if isinstance(value, str) else js(value)) for name, value in chosen.items())


def sub(**changes: Any) -> Parameters:
    """A plain request whose SingleSubUserParam is changed."""
    return plain(InputParam={"SingleSubUserParam": present({"UserId": USER} | changes)})


def sub_text(members: str) -> Parameters:
    """A plain request whose SingleSubUserParam has its user and these members, as raw text."""
    return plain(InputParam='{"SingleSubUserParam":{"UserId":"userA",' + members + "}}")


def item(at: int = 1, of: int | None = None, **changes: Any) -> Parameters:
    """A plain request with some outputs, the one at this place (from 1) changed."""
    return plain(OutputParams=[out(n, **(changes if n == at else {})) for n in range(1, (of or at) + 1)])


def users(*ids: str) -> Parameters:
    """A plain request with an output for each of these UserIds, each with a template of its own."""
    return plain(OutputParams=[out(n, UserId=user) for n, user in enumerate(ids, 1)])


def on(channel: str) -> Parameters:
    """A plain request that is wholly on this channel."""
    return plain(ChannelId=channel, OutputParams=[out(ChannelId=channel)])


def idle(value: str) -> Parameters:
    """A plain request with this MaxIdleTime."""
    return plain(MaxIdleTime=value)


# --- the whole request -----------------------------------------------------------------------------------------------

WHOLE = (
    Row("plain", "These four parameters are required and nothing else is.", plain(), ACCEPT),
    Row(
        "page-example",
        "The values of the page's example column, each in its place.",
        plain(
            InputParam={"SingleSubUserParam": {"UserId": "userA", "StreamType": 0, "SourceType": 0}},
            OutputParams=[out(UserId="userA_360p", TranscodeTemplate="lhd")],
            MaxIdleTime="600",
        ),
        ACCEPT,
    ),
    Row("other-order", "Parameters have names, no order is documented.", tuple(reversed(plain())), ACCEPT),
    Row(
        "other-member-order",
        "Members of an object have names, no order is documented.",
        plain(OutputParams=[dict(reversed(out().items()))]),
        ACCEPT,
    ),
    Row("app-id-absent", "AppId is required.", plain(AppId=ABSENT), MISSING),
    Row("channel-id-absent", "ChannelId is required.", plain(ChannelId=ABSENT), MISSING),
    Row("input-param-absent", "InputParam is required.", plain(InputParam=ABSENT), MISSING),
    Row("output-params-absent", "OutputParams is required.", plain(OutputParams=ABSENT), MISSING),
    Row("nothing-at-all", "Four parameters are required.", (), MISSING),
    Row("only-idle-time", "MaxIdleTime is the one optional parameter.", (("MaxIdleTime", "300"),), MISSING),
    Row("only-app-id", "Three more parameters are required.", (("AppId", APP),), MISSING),
    Row(
        "app-and-channel-absent",
        "AppId and ChannelId are both required.",
        plain(AppId=ABSENT, ChannelId=ABSENT),
        MISSING,
    ),
    Row(
        "input-and-output-absent",
        "InputParam and OutputParams are both required.",
        plain(InputParam=ABSENT, OutputParams=ABSENT),
        MISSING,
    ),
    Row(
        "app-id-absent-idle-time-below",
        "AppId is required and MaxIdleTime starts at 10; which is reported isn't said.",
        plain(AppId=ABSENT, MaxIdleTime="9"),
        BOTH,
    ),
    Row(
        "channel-id-absent-template-unknown",
        "ChannelId is required and the templates are listed; which is reported isn't said.",
        plain(ChannelId=ABSENT, OutputParams=[out(TranscodeTemplate="hd")]),
        BOTH,
    ),
    Row(
        "input-param-absent-app-id-dot",
        "InputParam is required and an AppId has no dot; which is reported isn't said.",
        plain(InputParam=ABSENT, AppId="my.app"),
        BOTH,
    ),
    Row(
        "two-values-out-of-bounds",
        "MaxIdleTime starts at 10 and StreamType ends at 2.",
        plain(InputParam={"SingleSubUserParam": {"UserId": USER, "StreamType": 3}}, MaxIdleTime="9"),
        INVALID,
    ),
)

# --- AppId, ChannelId and the outputs' ChannelId: characters and length ----------------------------------------------

ID_SET = "An ID may contain upper and lower case letters, digits, underscores and hyphens, in any place."
ID_NOT = "An ID contains nothing but ASCII letters, digits, underscores and hyphens."
ID_LENGTH = "An ID has at most 64 characters."
ID_EMPTY = "The ID is required, and no character is no ID."

ID_INSIDE = (
    ("all-64-characters", ID_CHARACTERS),
    ("all-64-characters-reversed", ID_CHARACTERS[::-1]),
    ("upper-first", "Zed1"),
    ("upper-last", "ed1Z"),
    ("lower-first", "zED1"),
    ("lower-last", "ED1z"),
    ("digit-first", "0abc"),
    ("digit-last", "abc9"),
    ("underscore-first", "_abc"),
    ("underscore-last", "abc_"),
    ("hyphen-first", "-abc"),
    ("hyphen-last", "abc-"),
    ("only-underscore", "_"),
    ("only-hyphens", "--"),
    ("only-digits", "0123456789"),
    ("the-word-null", "null"),
)
ID_FITTING = (("length-1", "a"), ("length-2", "a1"), ("length-63", "b" * 63), ("length-64", "c" * 64))
ID_OUTSIDE = (
    ("space-inside", "my id"),
    ("space-first", " myid"),
    ("space-last", "myid "),
    ("only-space", " "),
    ("dot", "my.id"),
    ("slash", "my/id"),
    ("backslash", "my\\id"),
    ("percent-sign", "my%41id"),
    ("plus", "my+id"),
    ("colon", "my:id"),
    ("comma", "my,id"),
    ("at", "my@id"),
    ("asterisk", "my*id"),
    ("tilde", "my~id"),
    ("quote", 'my"id'),
    ("brackets", "[myid]"),
    ("ampersand", "my&id=1"),
    ("accented-letter", "my\N{LATIN SMALL LETTER E WITH ACUTE}id"),
    ("cyrillic-letter", "my\N{CYRILLIC SMALL LETTER A}id"),
    ("cjk-letter", "\N{CJK UNIFIED IDEOGRAPH-9891}"),
    ("kelvin-sign", "my\N{KELVIN SIGN}id"),
    ("long-s", "my\N{LATIN SMALL LETTER LONG S}id"),
    ("fullwidth-letter", "my\N{FULLWIDTH LATIN CAPITAL LETTER A}id"),
    ("arabic-digit", "my\N{ARABIC-INDIC DIGIT THREE}id"),
    ("superscript-digit", "my\N{SUPERSCRIPT TWO}id"),
    ("other-hyphen", "my\N{HYPHEN}id"),
    ("emoji", "my\N{GRINNING FACE}id"),
    ("zero-width-space", "my\N{ZERO WIDTH SPACE}id"),
    ("newline-last", "myid\n"),
    ("newline-inside", "my\nid"),
    ("carriage-return-last", "myid\r"),
    ("tab", "my\tid"),
    ("nul-last", "myid\0"),
    ("nul-inside", "my\0id"),
    ("delete", "my\x7fid"),
)
ID_TOO_LONG = (("length-65", "d" * 65), ("length-66", "e" * 66), ("length-128", "f" * 128), ("length-1000", "g" * 1000))

IDS = (
    *(Row(f"app-id-{name}", ID_SET, plain(AppId=text), ACCEPT) for name, text in ID_INSIDE),
    *(Row(f"channel-id-{name}", ID_SET, on(text), ACCEPT) for name, text in ID_INSIDE),
    *(Row(f"app-id-{name}", ID_LENGTH, plain(AppId=text), ACCEPT) for name, text in ID_FITTING),
    *(Row(f"channel-id-{name}", ID_LENGTH, on(text), ACCEPT) for name, text in ID_FITTING),
    *(Row(f"app-id-{name}", ID_NOT, plain(AppId=text), INVALID) for name, text in ID_OUTSIDE),
    *(Row(f"channel-id-{name}", ID_NOT, plain(ChannelId=text), INVALID) for name, text in ID_OUTSIDE),
    *(Row(f"output-channel-id-{name}", ID_NOT, item(ChannelId=text), INVALID) for name, text in ID_OUTSIDE),
    *(Row(f"app-id-{name}", ID_LENGTH, plain(AppId=text), INVALID) for name, text in ID_TOO_LONG),
    *(Row(f"channel-id-{name}", ID_LENGTH, plain(ChannelId=text), INVALID) for name, text in ID_TOO_LONG),
    *(Row(f"output-channel-id-{name}", ID_LENGTH, item(ChannelId=text), INVALID) for name, text in ID_TOO_LONG),
    Row("app-id-empty", ID_EMPTY, plain(AppId=""), BOTH),
    Row("channel-id-empty", ID_EMPTY, plain(ChannelId=""), BOTH),
    Row("output-channel-id-2-space", ID_NOT, item(2, ChannelId="my channel"), INVALID),
    Row("output-channel-id-3-dot", ID_NOT, item(3, ChannelId="my.channel"), INVALID),
    Row("output-channel-id-2-of-3-newline", ID_NOT, item(2, of=3, ChannelId=CHANNEL + "\n"), INVALID),
    Row("output-channel-id-2-length-65", ID_LENGTH, item(2, ChannelId="d" * 65), INVALID),
    Row("output-channel-id-3-length-65", ID_LENGTH, item(3, ChannelId="d" * 65), INVALID),
    Row(
        "three-outputs-channel-length-64",
        ID_LENGTH,
        plain(ChannelId="c" * 64, OutputParams=[out(n, ChannelId="c" * 64) for n in (1, 2, 3)]),
        ACCEPT,
    ),
    Row(
        "both-channel-ids-length-65",
        ID_LENGTH,
        on("d" * 65),
        INVALID,
    ),
)

# --- InputParam and OutputParams as JSON texts -----------------------------------------------------------------------

PARSE = "The parameter is an object (a list of objects), sent as JSON; this text isn't JSON."
INPUT_TYPE = "InputParam is an object."
OUTPUT_TYPE = "OutputParams is an array of objects."
GOOD_INPUT = js({"SingleSubUserParam": {"UserId": USER}})
GOOD_OUTPUT = js([out()])

TEXTS = (
    Row("input-param-spaced", "JSON allows blanks between tokens.", plain(InputParam=f" {GOOD_INPUT}\n"), ACCEPT),
    Row(
        "both-indented",
        "JSON allows line ends and blanks between tokens.",
        plain(
            InputParam=json.dumps({"SingleSubUserParam": {"UserId": USER}}, indent=2),
            OutputParams=json.dumps([out()], indent=4),
        ),
        ACCEPT,
    ),
    Row(
        "escaped-user-id",
        "JSON may write any character as an escape.",
        plain(InputParam=r'{"SingleSubUserParam":{"UserId":"\u0075serA"}}'),
        ACCEPT,
    ),
    Row(
        "escaped-member-name",
        "JSON may write any character as an escape, in names too.",
        plain(InputParam=r'{"SingleSubUserParam":{"User\u0049d":"userA"}}'),
        ACCEPT,
    ),
    Row(
        "escaped-channel-and-template",
        "JSON may write any character as an escape.",
        plain(OutputParams=GOOD_OUTPUT.replace("myChannel", r"\u006dyChannel").replace('"lld"', r'"l\u006Cd"')),
        ACCEPT,
    ),
    Row(
        "escaped-user-id-equal-to-input",
        "A UserId is unique within the channel, however it is escaped.",
        plain(OutputParams=GOOD_OUTPUT.replace("userA_1", r"\u0075serA")),
        INVALID,
    ),
    Row("input-param-empty-text", "InputParam is required.", plain(InputParam=""), BOTH),
    Row("output-params-empty-text", "OutputParams is required.", plain(OutputParams=""), BOTH),
    Row("input-param-word", PARSE, plain(InputParam="userA"), INVALID),
    Row("input-param-truncated", PARSE, plain(InputParam=GOOD_INPUT[:-1]), INVALID),
    Row("input-param-truncated-in-text", PARSE, plain(InputParam=GOOD_INPUT[:-5]), INVALID),
    Row("input-param-open-brace", PARSE, plain(InputParam="{"), INVALID),
    Row("input-param-one-brace-more", PARSE, plain(InputParam=GOOD_INPUT + "}"), INVALID),
    Row("input-param-twice-in-one-text", PARSE, plain(InputParam=GOOD_INPUT * 2), INVALID),
    Row("input-param-trailing-comma", PARSE, sub_text(""), INVALID),
    Row("input-param-single-quotes", PARSE, plain(InputParam=GOOD_INPUT.replace('"', "'")), INVALID),
    Row("input-param-no-quotes", PARSE, plain(InputParam="{SingleSubUserParam:{UserId:userA}}"), INVALID),
    Row("input-param-comment", PARSE, plain(InputParam=GOOD_INPUT + "/* a user */"), INVALID),
    Row("input-param-percent-encoded-twice", PARSE, plain(InputParam=GOOD_INPUT.replace('"', "%22")), INVALID),
    Row("input-param-raw-newline-in-text", PARSE, plain(InputParam=GOOD_INPUT.replace("userA", "user\nA")), INVALID),
    Row("input-param-bad-escape", PARSE, plain(InputParam=GOOD_INPUT.replace("userA", r"user\xA")), INVALID),
    Row("input-param-raw-nul-after", PARSE, plain(InputParam=GOOD_INPUT + "\0"), INVALID),
    Row("output-params-word", PARSE, plain(OutputParams="lhd"), INVALID),
    Row("output-params-truncated", PARSE, plain(OutputParams=GOOD_OUTPUT[:-1]), INVALID),
    Row("output-params-truncated-in-item", PARSE, plain(OutputParams=GOOD_OUTPUT[:-2]), INVALID),
    Row("output-params-open-bracket", PARSE, plain(OutputParams="["), INVALID),
    Row("output-params-trailing-comma", PARSE, plain(OutputParams=GOOD_OUTPUT[:-1] + ",]"), INVALID),
    Row("output-params-no-brackets", PARSE, plain(OutputParams=f"{js(out(1))},{js(out(2))}"), INVALID),
    Row("output-params-single-quotes", PARSE, plain(OutputParams=GOOD_OUTPUT.replace('"', "'")), INVALID),
    Row("stream-type-nan", PARSE, sub_text('"StreamType":NaN'), INVALID),
    Row("stream-type-infinity", PARSE, sub_text('"StreamType":Infinity'), INVALID),
    Row("source-type-minus-infinity", PARSE, sub_text('"SourceType":-Infinity'), INVALID),
    Row("stream-type-leading-zero", PARSE, sub_text('"StreamType":00'), INVALID),
    Row("source-type-plus-zero", PARSE, sub_text('"SourceType":+0'), INVALID),
    Row("stream-type-point-only", PARSE, sub_text('"StreamType":0.'), INVALID),
    Row("stream-type-python-none", PARSE, sub_text('"StreamType":None'), INVALID),
    Row("stream-type-no-value", PARSE, sub_text('"StreamType":'), INVALID),
    Row("input-param-null", INPUT_TYPE, plain(InputParam="null"), BOTH),
    Row("input-param-json-empty-text", INPUT_TYPE, plain(InputParam='""'), BOTH),
    Row("input-param-empty-list", INPUT_TYPE, plain(InputParam="[]"), BOTH),
    Row("input-param-list", INPUT_TYPE, plain(InputParam=f"[{GOOD_INPUT}]"), INVALID),
    Row("input-param-json-text", INPUT_TYPE, plain(InputParam='"userA"'), INVALID),
    Row("input-param-json-in-json-text", INPUT_TYPE, plain(InputParam=js(GOOD_INPUT)), INVALID),
    Row("input-param-number", INPUT_TYPE, plain(InputParam="7"), INVALID),
    Row("input-param-true", INPUT_TYPE, plain(InputParam="true"), INVALID),
    Row("input-param-false", INPUT_TYPE, plain(InputParam="false"), INVALID),
    Row("output-params-null", OUTPUT_TYPE, plain(OutputParams="null"), BOTH),
    Row("output-params-json-empty-text", OUTPUT_TYPE, plain(OutputParams='""'), BOTH),
    Row("output-params-empty-list", "OutputParams is required; no item is no output.", plain(OutputParams="[]"), BOTH),
    Row("output-params-empty-object", OUTPUT_TYPE, plain(OutputParams="{}"), BOTH),
    Row("output-params-object", OUTPUT_TYPE, plain(OutputParams=js(out())), INVALID),
    Row("output-params-object-by-number", OUTPUT_TYPE, plain(OutputParams={"1": out()}), INVALID),
    Row("output-params-json-text", OUTPUT_TYPE, plain(OutputParams='"lhd"'), INVALID),
    Row("output-params-json-in-json-text", OUTPUT_TYPE, plain(OutputParams=js(GOOD_OUTPUT)), INVALID),
    Row("output-params-number", OUTPUT_TYPE, plain(OutputParams="1"), INVALID),
    Row("output-params-true", OUTPUT_TYPE, plain(OutputParams="true"), INVALID),
    Row("output-params-item-null", OUTPUT_TYPE, plain(OutputParams=[None]), BOTH),
    Row("output-params-item-empty-text", OUTPUT_TYPE, plain(OutputParams=[""]), BOTH),
    Row("output-params-item-empty-list", OUTPUT_TYPE, plain(OutputParams=[[]]), BOTH),
    Row("output-params-item-empty-object", "Every output needs its four members.", plain(OutputParams=[{}]), BOTH),
    Row("output-params-item-text", OUTPUT_TYPE, plain(OutputParams=["lhd"]), INVALID),
    Row("output-params-item-json-in-text", OUTPUT_TYPE, plain(OutputParams=[js(out())]), INVALID),
    Row("output-params-item-number", OUTPUT_TYPE, plain(OutputParams=[0]), INVALID),
    Row("output-params-item-true", OUTPUT_TYPE, plain(OutputParams=[True]), INVALID),
    Row("output-params-item-list", OUTPUT_TYPE, plain(OutputParams=[[out()]]), INVALID),
    Row("output-params-item-2-null", OUTPUT_TYPE, plain(OutputParams=[out(), None]), BOTH),
    Row("output-params-item-2-empty-object", OUTPUT_TYPE, plain(OutputParams=[out(), {}]), BOTH),
    Row("output-params-item-2-text", OUTPUT_TYPE, plain(OutputParams=[out(), "lhd"]), INVALID),
    Row("output-params-item-2-number", OUTPUT_TYPE, plain(OutputParams=[out(), 2]), INVALID),
    Row("output-params-item-3-null", OUTPUT_TYPE, plain(OutputParams=[out(1), out(2), None]), BOTH),
    Row("output-params-item-3-text", OUTPUT_TYPE, plain(OutputParams=[out(1), out(2), "lhd"]), INVALID),
    Row("output-params-item-2-of-3-list", OUTPUT_TYPE, plain(OutputParams=[out(1), [out(2)], out(3)]), INVALID),
)

# --- SingleSubUserParam and the members with texts -------------------------------------------------------------------

NEEDS_SUB = "SingleSubUserParam is required and is an object."


def not_text(prefix: str, says: str, place: Callable[[Any], Parameters]) -> tuple[Row, ...]:
    """Rows for a required member whose type is string: absent, and one value of each other JSON type."""
    empty: tuple[tuple[str, Any], ...] = (("absent", ABSENT), ("null", None), ("empty-list", []), ("empty-object", {}))
    other = (("zero", 0), ("number", 7), ("fraction", 0.5), ("true", True), ("false", False))
    inside = (("list", ["userB"]), ("object", {"value": "userB"}))
    return (
        *(Row(f"{prefix}-{name}", says, place(value), BOTH) for name, value in empty),
        *(Row(f"{prefix}-{name}", says, place(value), INVALID) for name, value in other + inside),
    )


MEMBERS = (
    Row("single-sub-absent", NEEDS_SUB, plain(InputParam={}), BOTH),
    Row("single-sub-null", NEEDS_SUB, plain(InputParam={"SingleSubUserParam": None}), BOTH),
    Row("single-sub-empty-text", NEEDS_SUB, plain(InputParam={"SingleSubUserParam": ""}), BOTH),
    Row("single-sub-empty-list", NEEDS_SUB, plain(InputParam={"SingleSubUserParam": []}), BOTH),
    Row("single-sub-text", NEEDS_SUB, plain(InputParam={"SingleSubUserParam": "userA"}), INVALID),
    Row("single-sub-json-in-text", NEEDS_SUB, plain(InputParam={"SingleSubUserParam": js({"UserId": USER})}), INVALID),
    Row("single-sub-number", NEEDS_SUB, plain(InputParam={"SingleSubUserParam": 1}), INVALID),
    Row("single-sub-true", NEEDS_SUB, plain(InputParam={"SingleSubUserParam": True}), INVALID),
    Row("single-sub-list", NEEDS_SUB, plain(InputParam={"SingleSubUserParam": [{"UserId": USER}]}), INVALID),
    Row("input-param-user-one-level-up", NEEDS_SUB, plain(InputParam={"UserId": USER}), BOTH),
    *not_text("input-user-id", "The input's UserId is required and is a string.", lambda v: sub(UserId=v)),
    Row("input-user-id-empty", "The input's UserId is required, and no character is none.", sub(UserId=""), BOTH),
    Row("input-user-id-other-name", "It is UserId that's required.", sub(UserId=ABSENT, User=USER), BOTH),
    Row("input-user-id-absent-stream-type", "UserId is required.", sub(UserId=ABSENT, StreamType=0), BOTH),
    *not_text("output-channel-id", "An output's ChannelId is required and is a string.", lambda v: item(ChannelId=v)),
    Row("output-channel-id-empty", ID_EMPTY, item(ChannelId=""), BOTH),
    Row("output-channel-id-2-empty", ID_EMPTY, item(2, ChannelId=""), BOTH),
    Row("output-channel-id-3-empty", ID_EMPTY, item(3, ChannelId=""), BOTH),
    Row(
        "output-channel-id-same-digits-as-number",
        "An output's ChannelId is a string, also when its characters are digits.",
        plain(ChannelId="123", OutputParams=[out(ChannelId=123)]),
        INVALID,
    ),
    *not_text("output-user-id", "An output's UserId is required and is a string.", lambda v: item(UserId=v)),
    Row("output-user-id-empty", "An output's UserId is required, and no character is none.", item(UserId=""), BOTH),
    Row("output-user-id-2-empty", "UserId is required in every output.", item(2, UserId=""), BOTH),
    Row("output-user-id-3-empty", "UserId is required in every output.", item(3, UserId=""), BOTH),
    *not_text("user-token", "UserToken is required and is a string.", lambda v: item(UserToken=v)),
    *not_text("template", "TranscodeTemplate is required and is a string.", lambda v: item(TranscodeTemplate=v)),
    *(
        Row(
            f"output-{member.lower()}-{at}-{name}",
            f"{member} is required in every output, as a string.",
            item(at, of=count, **{member: value}),
            allowed,
        )
        for member in ("ChannelId", "UserId", "UserToken", "TranscodeTemplate")
        for at, count in ((2, 2), (2, 3), (3, 3))
        for name, value, allowed in (
            (f"of-{count}-absent", ABSENT, BOTH),
            (f"of-{count}-null", None, BOTH),
            (f"of-{count}-number", 7, INVALID),
        )
    ),
    Row(
        "first-of-three-without-token", "UserToken is required in every output.", item(1, of=3, UserToken=ABSENT), BOTH
    ),
    Row(
        "first-of-three-without-template",
        "TranscodeTemplate is required in every output.",
        item(1, of=3, TranscodeTemplate=ABSENT),
        BOTH,
    ),
    Row("user-token-empty", "Required, but what an empty token means isn't said.", item(UserToken=""), EITHER),
    Row("user-token-2-empty", "Required, but what an empty token means isn't said.", item(2, UserToken=""), EITHER),
    Row(
        "user-tokens-differ",
        "Whether a token that can't be right is noticed at the start isn't said.",
        plain(OutputParams=[out(1, UserToken=TOKEN + "QQ=="), out(2, UserToken=TOKEN + "Qg==")]),
        EITHER,
    ),
)

# --- StreamType and SourceType ---------------------------------------------------------------------------------------

STREAM = "StreamType is an integer and one of 0, 1, 2."
SOURCE = "SourceType is an integer and one of 0, 1."
UNSUPPORTED = "The page lists the value, calls it not supported and the setting invalid: refused or without effect."
NOTATION = "The page wants an integer; whether this notation is one isn't said."

NUMBERS = (
    Row("stream-type-0", "StreamType 0 is the original stream.", sub(StreamType=0), ACCEPT),
    Row("source-type-0", "SourceType 0 is the camera.", sub(SourceType=0), ACCEPT),
    Row("both-types-0", "Both may be given, both with 0.", sub(StreamType=0, SourceType=0), ACCEPT),
    Row("stream-type-1", UNSUPPORTED, sub(StreamType=1), EITHER),
    Row("stream-type-2", UNSUPPORTED, sub(StreamType=2), EITHER),
    Row("source-type-1", UNSUPPORTED, sub(SourceType=1), EITHER),
    Row("stream-type-1-source-type-0", UNSUPPORTED, sub(StreamType=1, SourceType=0), EITHER),
    Row("stream-type-0-source-type-1", UNSUPPORTED, sub(StreamType=0, SourceType=1), EITHER),
    Row("stream-type-2-source-type-1", UNSUPPORTED, sub(StreamType=2, SourceType=1), EITHER),
    Row("stream-type-0-point-0", NOTATION, sub_text('"StreamType":0.0'), EITHER),
    Row("source-type-0-point-0", NOTATION, sub_text('"SourceType":0.0'), EITHER),
    Row("stream-type-1-point-0", f"{UNSUPPORTED} {NOTATION}", sub_text('"StreamType":1.0'), EITHER),
    Row("source-type-1-point-0", f"{UNSUPPORTED} {NOTATION}", sub_text('"SourceType":1.0'), EITHER),
    Row("stream-type-3-point-0", "Not one of 0, 1, 2, whatever the notation.", sub_text('"StreamType":3.0'), INVALID),
    Row("source-type-2-point-0", "Not one of 0, 1, whatever the notation.", sub_text('"SourceType":2.0'), INVALID),
    Row("stream-type-null", "Not required; null for it isn't spoken of.", sub(StreamType=None), EITHER),
    Row("source-type-null", "Not required; null for it isn't spoken of.", sub(SourceType=None), EITHER),
    Row("source-type-2", SOURCE, sub(SourceType=2), INVALID),
    *(
        Row(f"{prefix}-{name}", says, sub(**{member: value}), allowed)
        for prefix, member, says in (("stream-type", "StreamType", STREAM), ("source-type", "SourceType", SOURCE))
        for name, value, allowed in (
            ("3", 3, INVALID),
            ("10", 10, INVALID),
            ("minus-1", -1, INVALID),
            ("2-to-the-32", 2**32, INVALID),  # 0 if somebody keeps the lower half only
            ("one-half", 0.5, INVALID),
            ("minus-one-half", -0.5, INVALID),
            ("text-0", "0", INVALID),
            ("text-1", "1", INVALID),
            ("text-word", "camera", INVALID),
            ("true", True, INVALID),
            ("false", False, INVALID),
            ("list-0", [0], INVALID),
            ("object-0", {"value": 0}, INVALID),
            ("empty-text", "", BOTH),
            ("empty-list", [], BOTH),
            ("empty-object", {}, BOTH),
        )
    ),
    Row("good-stream-bad-source", SOURCE, sub(StreamType=0, SourceType=-1), INVALID),
    Row("bad-stream-good-source", STREAM, sub(StreamType=-1, SourceType=0), INVALID),
)

# --- MaxIdleTime -----------------------------------------------------------------------------------------------------

BOUNDS = "MaxIdleTime is an integer from 10 to 14,400."
BOUNDS_ANYHOW = "MaxIdleTime is from 10 to 14,400, and this isn't, whatever one thinks of the notation."

IDLE = (
    *(
        Row(f"idle-time-{value}", BOUNDS, idle(value), ACCEPT)
        for value in ("10", "11", "99", "100", "299", "300", "301", "600", "1000", "9999", "10000", "14399", "14400")
    ),
    *(
        Row(f"idle-time-{name}", BOUNDS, idle(value), INVALID)
        for name, value in (
            ("9", "9"),
            ("1", "1"),
            ("0", "0"),
            ("minus-0", "-0"),
            ("minus-1", "-1"),
            ("minus-10", "-10"),
            ("minus-300", "-300"),
            ("14401", "14401"),
            ("14410", "14410"),
            ("86400", "86400"),
            ("100000", "100000"),
            ("2-to-the-31", "2147483648"),
            ("2-to-the-32-and-300", "4294967596"),  # 300 if somebody keeps the lower half only
            ("2-to-the-63-minus-1", "9223372036854775807"),
            ("12-point-5", "12.5"),
            ("300-point-5", "300.5"),
            ("14400-point-5", "14400.5"),
            ("9-point-99", "9.99"),
            ("word", "abc"),
            ("number-word", "ten"),
            ("true", "true"),
            ("nan", "NaN"),
            ("infinity", "Infinity"),
            ("unit", "10s"),
            ("unit-after-blank", "10 min"),
            ("two-numbers", "10 20"),
            ("range", "10-14400"),
            ("quoted", '"300"'),
            ("list", "[300]"),
            ("only-sign", "-"),
            ("two-signs", "--300"),
            ("letter-o", "3OO"),
        )
    ),
    *(
        Row(f"idle-time-notation-{name}", NOTATION, idle(value), EITHER)
        for name, value in (
            ("zero-10", "010"),
            ("zero-600", "0600"),
            ("two-zeros-300", "00300"),
            ("plus-20", "+20"),
            ("plus-14400", "+14400"),
            ("blank-20", " 20"),
            ("10-point-0", "10.0"),
            ("600-point-0", "600.0"),
            ("14400-point-0", "14400.0"),
            ("arabic-300", "\N{ARABIC-INDIC DIGIT THREE}" + "\N{ARABIC-INDIC DIGIT ZERO}" * 2),
            ("fullwidth-20", "\N{FULLWIDTH DIGIT TWO}\N{FULLWIDTH DIGIT ZERO}"),
            ("devanagari-11", "\N{DEVANAGARI DIGIT ONE}" * 2),
        )
    ),
    *(
        Row(f"idle-time-notation-{name}", BOUNDS_ANYHOW, idle(value), INVALID)
        for name, value in (
            ("plus-9", "+9"),
            ("plus-14401", "+14401"),
            ("blank-9", " 9"),
            ("blank-14401", " 14401"),
            ("zero-9", "09"),
            ("zero-zero", "00"),
            ("9-point-0", "9.0"),
            ("14401-point-0", "14401.0"),
            ("minus-300-point-0", "-300.0"),
            ("arabic-9", "\N{ARABIC-INDIC DIGIT NINE}"),
        )
    ),
)

# --- TranscodeTemplate -----------------------------------------------------------------------------------------------

TEMPLATE = "TranscodeTemplate is one of alimcopy, lld, lsd, lhd, lud, written like that."

TEMPLATE_ROWS = (
    *(Row(f"template-{name}", TEMPLATE, item(TranscodeTemplate=name), ACCEPT) for name in TEMPLATES),
    *(Row(f"template-2-{name}", TEMPLATE, item(2, TranscodeTemplate=name), ACCEPT) for name in TEMPLATES),
    *(
        Row(f"template-{name}", TEMPLATE, item(TranscodeTemplate=value), INVALID)
        for name, value in (
            ("upper-lhd", "LHD"),
            ("title-lhd", "Lhd"),
            ("upper-alimcopy", "ALIMCOPY"),
            ("camel-alimcopy", "alimCopy"),
            ("blank-before", " lhd"),
            ("blank-after", "lhd "),
            ("newline-after", "lhd\n"),
            ("nul-after", "lhd\0"),
            ("only-blank", " "),
            ("one-letter-less", "lh"),
            ("one-letter-more", "lhdd"),
            ("without-l", "hd"),
            ("start-of-alimcopy", "alim"),
            ("copy", "copy"),
            ("neighbour-lfd", "lfd"),
            ("prefixed", "standard-lhd"),
            ("suffixed", "lhd_v2"),
            ("two-names", "lld,lhd"),
            ("bar", "lld|lhd"),
            ("wildcard", "l*d"),
            ("digit-0", "0"),
            ("word-null", "null"),
            ("other-letters", "l\N{CYRILLIC SMALL LETTER SHHA}d"),
            ("fullwidth", "\N{FULLWIDTH LATIN SMALL LETTER L}hd"),
        )
    ),
    Row("template-empty", TEMPLATE, item(TranscodeTemplate=""), BOTH),
    Row("template-2-empty", TEMPLATE, item(2, TranscodeTemplate=""), BOTH),
    Row("template-2-unknown", TEMPLATE, item(2, TranscodeTemplate="hd"), INVALID),
    Row("template-3-unknown", TEMPLATE, item(3, TranscodeTemplate="LLD"), INVALID),
    Row("template-2-of-3-unknown", TEMPLATE, item(2, of=3, TranscodeTemplate="lhd "), INVALID),
)

# --- UserIds, several outputs ----------------------------------------------------------------------------------------

UNIQUE = "An output's UserId is unique within the channel."
UNIQUE_INPUT = "An output's UserId is unique within the channel, and the input user is in that channel."
USER_FREE = "For UserIds the page states neither characters nor length; ID characters up to 64 are safe."
USER_OPEN = "For UserIds the page states neither characters nor length; beyond those of IDs it's open."
SEVERAL = "OutputParams is an array; only UserId has to be unique in it."

USERS = (
    *(Row(f"outputs-{count}", SEVERAL, item(1, of=count), ACCEPT) for count in (2, 3, 4, 5)),
    Row(
        "outputs-5-one-template",
        SEVERAL,
        plain(OutputParams=[out(n, TranscodeTemplate="lhd") for n in range(1, 6)]),
        ACCEPT,
    ),
    Row(
        "outputs-2-equal-but-for-user",
        SEVERAL,
        plain(OutputParams=[out(1, UserId="u1"), out(1, UserId="u2")]),
        ACCEPT,
    ),
    Row("outputs-differ-in-case", UNIQUE, users("viewer", "Viewer", "VIEWER"), ACCEPT),
    Row("output-differs-from-input-in-case", UNIQUE_INPUT, users("USERA"), ACCEPT),
    Row("output-extends-input", UNIQUE_INPUT, users("userAA", "user"), ACCEPT),
    Row("outputs-differ-in-hyphen", UNIQUE, users("user-1", "user_1", "user1"), ACCEPT),
    Row("outputs-zero-and-two-zeros", "UserIds are strings, not numbers.", users("0", "00"), ACCEPT),
    Row("user-equals-channel-and-app", SEVERAL, users(CHANNEL, APP), ACCEPT),
    Row("outputs-2-equal", UNIQUE, users("viewer", "viewer"), INVALID),
    Row("outputs-3-first-two-equal", UNIQUE, users("viewer", "viewer", "other"), INVALID),
    Row("outputs-3-last-two-equal", UNIQUE, users("other", "viewer", "viewer"), INVALID),
    Row("outputs-3-first-and-last-equal", UNIQUE, users("viewer", "other", "viewer"), INVALID),
    Row("outputs-3-all-equal", UNIQUE, users("viewer", "viewer", "viewer"), INVALID),
    Row("outputs-5-first-and-last-equal", UNIQUE, users("viewer", "b", "c", "d", "viewer"), INVALID),
    Row("outputs-2-same-object", UNIQUE, plain(OutputParams=[out(), out()]), INVALID),
    Row("outputs-2-equal-same-template", UNIQUE, plain(OutputParams=[out(1), out(1)]), INVALID),
    Row("outputs-2-equal-open-characters", UNIQUE, users("my viewer", "my viewer"), INVALID),
    Row("outputs-2-equal-length-65", UNIQUE, users("v" * 65, "v" * 65), INVALID),
    Row("output-equals-input", UNIQUE_INPUT, users(USER), INVALID),
    Row("output-2-equals-input", UNIQUE_INPUT, users("viewer", USER), INVALID),
    Row("output-3-equals-input", UNIQUE_INPUT, users("viewer", "other", USER), INVALID),
    Row("output-1-of-3-equals-input", UNIQUE_INPUT, users(USER, "viewer", "other"), INVALID),
    Row("input-user-all-64-characters", USER_FREE, sub(UserId=ID_CHARACTERS), ACCEPT),
    Row("output-user-all-64-characters", USER_FREE, users(ID_CHARACTERS, ID_CHARACTERS[::-1]), ACCEPT),
    *(Row(f"input-user-{name}", USER_FREE, sub(UserId=text), ACCEPT) for name, text in ID_FITTING),
    *(Row(f"output-user-{name}", USER_FREE, users(text), ACCEPT) for name, text in ID_FITTING),
    Row("output-user-2-length-64", USER_FREE, users("viewer", "v" * 64), ACCEPT),
    Row("input-user-digits", USER_FREE, sub(UserId="0123"), ACCEPT),
    Row("output-user-hyphen-first", USER_FREE, users("-viewer", "_viewer"), ACCEPT),
    Row("input-user-length-65", USER_OPEN, sub(UserId="u" * 65), EITHER),
    Row("output-user-length-65", USER_OPEN, users("v" * 65), EITHER),
    Row("output-user-3-length-200", USER_OPEN, users("a", "b", "v" * 200), EITHER),
    *(
        Row(f"{where}-user-{name}", USER_OPEN, place(text), EITHER)
        for where, place in (("input", lambda text: sub(UserId=text)), ("output", users))
        for name, text in (
            ("space", "user A"),
            ("dot", "user.A"),
            ("at", "user@example"),
            ("slash", "user/A"),
            ("accented-letter", "\N{LATIN SMALL LETTER E WITH ACUTE}mile"),
            ("cjk", "\N{CJK UNIFIED IDEOGRAPH-7528}"),
            ("emoji", "\N{GRINNING FACE}"),
            ("newline-last", "viewer\n"),
            ("nul", "view\0er"),
        )
    ),
    Row("output-differs-from-input-in-blank", USER_OPEN, users(USER + " "), EITHER),
)

# --- what else the page leaves open ----------------------------------------------------------------------------------

OTHER_CHANNEL = "Another channel is called not supported and the setting invalid: refused or without effect."
UNKNOWN = "The page doesn't speak of names it doesn't list."
REPEATED = "The page doesn't speak of a name given twice."
DEEP = UNKNOWN + " Nor of how deep a value nests or how large a number is."

OPEN = (
    Row("other-channel", OTHER_CHANNEL, item(ChannelId="otherChannel"), EITHER),
    Row("other-channel-in-case-only", OTHER_CHANNEL, item(ChannelId="MYCHANNEL"), EITHER),
    Row("other-channel-length-64", OTHER_CHANNEL, item(ChannelId="c" * 64), EITHER),
    Row("other-channel-2", OTHER_CHANNEL, item(2, ChannelId="otherChannel"), EITHER),
    Row("other-channel-1-of-2", OTHER_CHANNEL, item(1, of=2, ChannelId="otherChannel"), EITHER),
    Row("other-channel-3", OTHER_CHANNEL, item(3, ChannelId="otherChannel"), EITHER),
    Row(
        "other-channel-everywhere",
        OTHER_CHANNEL,
        plain(OutputParams=[out(1, ChannelId="other1"), out(2, ChannelId="other2")]),
        EITHER,
    ),
    Row("unknown-parameter", UNKNOWN, plain(Remark="x"), EITHER),
    Row("unknown-parameter-empty", UNKNOWN, plain(Remark=""), EITHER),
    Row("unknown-in-input-param", UNKNOWN, plain(InputParam=json.loads(GOOD_INPUT) | {"Remark": "x"}), EITHER),
    Row("unknown-in-single-sub", UNKNOWN, sub(Remark={"a": [1, None]}), EITHER),
    Row("unknown-in-output", UNKNOWN, item(Remark="x"), EITHER),
    Row("unknown-in-output-3", UNKNOWN, item(3, Remark=None), EITHER),
    Row("unknown-nested-40-deep", DEEP, sub_text('"Remark":' + "[" * 40 + "]" * 40), EITHER),
    Row("unknown-number-beyond-2-to-the-63", DEEP, sub_text('"Remark":9223372036854775809'), EITHER),
    Row("lone-surrogate-in-user-id", USER_OPEN, plain(InputParam=GOOD_INPUT.replace("userA", r"user\ud800")), EITHER),
    Row("repeated-app-id-equal", REPEATED, (*plain(), ("AppId", APP)), EITHER),
    Row("repeated-app-id-differs", REPEATED, (*plain(), ("AppId", "otherApp")), EITHER),
    Row("repeated-app-id-first-empty", REPEATED, (("AppId", ""), *plain()), EITHER),
    Row("repeated-channel-id-equal", REPEATED, (*plain(), ("ChannelId", CHANNEL)), EITHER),
    Row("repeated-input-param-equal", REPEATED, (*plain(), ("InputParam", GOOD_INPUT)), EITHER),
    Row("repeated-output-params-equal", REPEATED, (*plain(), ("OutputParams", GOOD_OUTPUT)), EITHER),
    Row("repeated-output-params-differs", REPEATED, (*plain(), ("OutputParams", js([out(2)]))), EITHER),
    Row("repeated-idle-time-equal", REPEATED, (*idle("300"), ("MaxIdleTime", "300")), EITHER),
    Row("repeated-idle-time-first-good", REPEATED, (*idle("300"), ("MaxIdleTime", "9")), EITHER),
    Row("repeated-idle-time-last-good", REPEATED, (*idle("9"), ("MaxIdleTime", "300")), EITHER),
    Row("repeated-input-user-equal", REPEATED, sub_text('"UserId":"userA"'), EITHER),
    Row("repeated-input-user-differs", REPEATED, sub_text('"UserId":"userB"'), EITHER),
    Row("repeated-input-user-last-empty", REPEATED, sub_text('"UserId":""'), EITHER),
    Row("repeated-stream-type-first-good", REPEATED, sub_text('"StreamType":0,"StreamType":3'), EITHER),
    Row("repeated-stream-type-last-good", REPEATED, sub_text('"StreamType":"0","StreamType":0'), EITHER),
    Row(
        "repeated-single-sub",
        REPEATED,
        plain(InputParam='{"SingleSubUserParam":{"UserId":"userA"},"SingleSubUserParam":{"UserId":"userA"}}'),
        EITHER,
    ),
    Row(
        "repeated-template-in-output",
        REPEATED,
        plain(OutputParams=GOOD_OUTPUT[:-2] + ',"TranscodeTemplate":"lhd"}]'),
        EITHER,
    ),
)

# --- something open together with something refused ------------------------------------------------------------------

MIXED = (
    Row(
        "stream-type-1-idle-time-below",
        "MaxIdleTime starts at 10, whatever StreamType 1 means.",
        plain(InputParam={"SingleSubUserParam": {"UserId": USER, "StreamType": 1}}, MaxIdleTime="9"),
        INVALID,
    ),
    Row(
        "stream-type-1-output-equals-input",
        UNIQUE_INPUT,
        plain(
            InputParam={"SingleSubUserParam": {"UserId": USER, "StreamType": 1}},
            OutputParams=[out(UserId=USER)],
        ),
        INVALID,
    ),
    Row("stream-type-2-source-type-text", SOURCE, sub(StreamType=2, SourceType="0"), INVALID),
    Row(
        "source-type-1-app-id-absent",
        "AppId is missing; SourceType 1 may be refused, and may be reported first.",
        plain(AppId=ABSENT, InputParam={"SingleSubUserParam": {"UserId": USER, "SourceType": 1}}),
        BOTH,
    ),
    Row(
        "idle-time-notation-channel-id-absent",
        "ChannelId is missing; the number's notation may be refused, and may be reported first.",
        plain(ChannelId=ABSENT, MaxIdleTime="+20"),
        BOTH,
    ),
    Row(
        "idle-time-notation-app-id-slash",
        "An AppId has no slash, however the number is read.",
        plain(AppId="my/app", MaxIdleTime="10.0"),
        INVALID,
    ),
    Row(
        "other-channel-template-unknown",
        TEMPLATE,
        item(ChannelId="otherChannel", TranscodeTemplate="hd"),
        INVALID,
    ),
    Row("other-channel-template-absent", TEMPLATE, item(ChannelId="other", TranscodeTemplate=ABSENT), BOTH),
    Row(
        "user-token-empty-template-unknown",
        "The template isn't listed; the empty token may be reported first, as missing, invalid or not admitted.",
        item(UserToken="", TranscodeTemplate="hd"),
        BOTH | {"Forbidden"},
    ),
    Row(
        "input-user-length-65-stream-type-3",
        "StreamType ends at 2, however long a UserId may be.",
        sub(UserId="u" * 65, StreamType=3),
        INVALID,
    ),
    Row(
        "unknown-parameter-idle-time-above",
        "MaxIdleTime ends at 14,400, whatever the unknown name does.",
        plain(MaxIdleTime="14401", Remark="x"),
        INVALID,
    ),
    Row(
        "other-name-for-app-id",
        "AppId is missing; the unknown name may be refused, and may be reported first.",
        (("ApplicationId", APP), *plain(AppId=ABSENT)),
        BOTH,
    ),
    Row(
        "repeated-idle-time-none-good",
        "Nothing is said of a parameter that comes twice, not even which error answers it.",
        (*idle("9"), ("MaxIdleTime", "14401")),
        EITHER,
    ),
    Row(
        "repeated-stream-type-none-good",
        "Nothing is said of a member that comes twice, not even which error answers it.",
        sub_text('"StreamType":3,"StreamType":4'),
        EITHER,
    ),
)

ROWS: tuple[Row, ...] = (*WHOLE, *IDS, *TEXTS, *MEMBERS, *NUMBERS, *IDLE, *TEMPLATE_ROWS, *USERS, *OPEN, *MIXED)
