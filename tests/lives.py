"""Exchanges about one kind of thing at chosen moments, and what a campaign makes of them."""

from __future__ import annotations

import itertools
import json
from typing import Any

from acs_conformance import spec_folder
from acs_conformance.description import Description
from acs_conformance.judge import judge_exchange
from acs_conformance.message import RawRequest, RawResponse
from acs_conformance.observation import Judgement
from acs_conformance.record import Exchange
from acs_conformance.standing import Standing
from acs_conformance.things import Things
from acs_conformance.trait import Memory
from acs_conformance.wire import encode_query, to_parameters

START = spec_folder.load("StartRtcCloudTranscode")
SHOW = spec_folder.load("DescribeRtcCloudTranscode")
END = spec_folder.load("StopRtcCloudTranscode")

APP, CHANNEL, NAME = "our-app", "our-channel", "job-1"
#: Seconds that an answer takes unless told.
TOOK = 0.25

JSON = (("content-type", "application/json"),)
FAILS = RawResponse(500, JSON, b'{"RequestId":"r","Code":"InternalError","Message":"Failed."}')
NOT_FOUND = RawResponse(404, JSON, b'{"RequestId":"r","Code":"NotFound.Task","Message":"There is none."}')


def given(limit: int | None = 10, outputs: int = 1, **parameters: Any) -> dict[str, Any]:
    """What a thing is created with, valid and complete."""
    items = [
        {"ChannelId": CHANNEL, "UserId": f"out-{n}", "UserToken": "***", "TranscodeTemplate": "lld"}
        for n in range(outputs)
    ]
    document = {
        "AppId": APP,
        "ChannelId": CHANNEL,
        "InputParam": {"SingleSubUserParam": {"UserId": "in"}},
        "OutputParams": items,
        **({} if limit is None else {"MaxIdleTime": limit}),
    }
    return document | parameters


class History:
    """Exchanges in order, each learned from at once."""

    def __init__(self) -> None:
        self.things = Things()
        self._numbers = itertools.count(1)
        self._ids = itertools.count(1)

    def create(
        self, at: float = 0.0, name: str = NAME, took: float = TOOK, description: Description = START, **parameters: Any
    ) -> Exchange:
        document = parameters.pop("document", None) or given(**parameters)
        return self.exchange(description, document, self.answer(TaskId=name), at, took)

    def end(self, at: float, name: str = NAME, took: float = TOOK, answer: RawResponse | str | None = "") -> Exchange:
        """Answered by success, or by `answer`; None: by nothing."""
        answered = self.answer() if isinstance(answer, str) else answer
        return self.exchange(END, {"AppId": APP, "TaskId": name}, answered, at, took)

    def show(self, at: float, state: str, name: str = NAME, took: float = TOOK, **members: Any) -> Exchange:
        shown = {**given(), "TaskId": name, "Status": state, **members}
        return self.exchange(SHOW, {"AppId": APP, "TaskId": name}, self.answer(TaskInfo=shown), at, took)

    def exchange(
        self,
        description: Description,
        document: dict[str, Any],
        answer: RawResponse | None,
        at: float,
        took: float,
        *,
        action: str = "",
        moved_s: float = 0.0,
    ) -> Exchange:
        exchange = Exchange(
            number=next(self._numbers),
            operation=description.operation,
            case="a case",
            action=action,
            request=asking(description, document),
            response=answer,
            failure="" if answer else "the connection was closed",
            sent_at=at,
            elapsed_s=took,
            moved_s=moved_s,
        )
        self.things.learn(description, exchange, self.judged(description, exchange))
        return exchange

    def judged(self, description: Description, exchange: Exchange) -> Judgement:
        standing = self.things.standing(description, exchange)
        return judge_exchange(description, exchange, Memory(standing=standing))

    def standing(
        self,
        at: float,
        name: str | None = NAME,
        took: float = TOOK,
        description: Description = SHOW,
        app: str = APP,
        moved_s: float = 0.0,
    ) -> Standing | None:
        """How the thing stands that a request at that moment names."""
        document = {"AppId": app} | ({} if name is None else {"TaskId": name})
        exchange = Exchange(
            number=next(self._numbers),
            operation=description.operation,
            case="a case",
            request=asking(description, document),
            response=None,
            sent_at=at,
            elapsed_s=took,
            moved_s=moved_s,
        )
        return self.things.standing(description, exchange)

    def word(self, at: float, **how: Any) -> tuple[str, str]:
        standing = self.standing(at, **how)
        assert standing is not None
        return standing.word, standing.cause

    def answer(self, **members: Any) -> RawResponse:
        return RawResponse(200, JSON, json.dumps({"RequestId": f"r-{next(self._ids)}", **members}).encode())


def asking(description: Description, document: dict[str, Any]) -> RawRequest:
    return RawRequest(description.method, f"/?{encode_query(to_parameters(description, document))}")
