"""Ending what a run has created: by the operation that ends it, and if that can't be, by waiting.

In: intents, a recorder, and the operations that end things. Out: an `Ending` for each: whether it may still run, told
in one line. Nothing is judged here; sending is `exchange`'s, whose guard writes down what has ended.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from acs_conformance.answer import answer_of
from acs_conformance.cases.case import Case
from acs_conformance.cases.render import Context, base_document
from acs_conformance.description import Description
from acs_conformance.errors import ReportError
from acs_conformance.exchange import Recorder
from acs_conformance.guard import is_ended
from acs_conformance.intents import Intent
from acs_conformance.message import RawRequest
from acs_conformance.record import Exchange
from acs_conformance.wire import encode_query, to_parameters

#: Seconds to wait before each further try, where the target is throttling or failing.
_WAITS_S = (0.5, 2.0, 4.0)
#: Things in a row that got no HTTP answer at all, after which no more are tried.
_SILENT = 2
#: Things in a row that could not be ended, none before, after which the operation is taken for one that isn't there.
_VAIN = 3


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of one intent."""

    intent: Intent
    #: Whether what it created may still run.
    may_live: bool
    says: str
    #: What was sent and received, not yet numbered, and the case that it is of; empty and None where nothing was sent.
    exchanges: list[Exchange] = field(default_factory=list)
    case: Case | None = None


def stop_all(
    intents: Iterable[Intent],
    enders: Mapping[str, Description],
    recorder: Recorder,
    context: Context,
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Ending]:
    """End what is known by an id, and tell of the rest when it must have ended by itself.

    Args:
        intents: what is not settled.
        enders: name of an operation that creates something -> the one that ends it.
        recorder: sends; with a guard on the journal that the intents come from.
        context: bindings, for parameters of the ending request that the intent does not tell.
        clock: Unix seconds.
        sleep: waits so many seconds.
    """
    silent = vain = 0
    has_ended = False
    known: dict[tuple[str, str], Ending] = {}
    for intent in intents:
        same = known.get((intent.operation, intent.id or ""))
        if same is not None and not same.may_live:  # a target that gives one id to all
            if recorder.guard is not None and recorder.guard.intents is not None:
                with contextlib.suppress(ReportError):  # it has ended all the same
                    recorder.guard.intents.tell(intent.key, "ended", clock())
            yield replace(same, intent=intent, exchanges=[])
            continue
        ender = enders.get(intent.operation)
        if intent.id is None or ender is None or silent >= _SILENT or (vain >= _VAIN and not has_ended):
            yield left_alone(intent, clock(), ender)
            continue
        try:
            ending, has_answer = _stop(intent, ender, recorder, context, clock, sleep)
        except Exception as error:  # whatever it is: it must not keep the others from being ended
            words = f"{_named(intent)} may not have been stopped: {type(error).__name__}: {error}"
            yield _waiting(intent, clock(), words)
            continue
        silent = 0 if has_answer else silent + 1
        vain += 1
        has_ended = has_ended or not ending.may_live
        known[intent.operation, intent.id] = ending
        yield ending


def left_alone(intent: Intent, now: float, ender: Description | None = None) -> Ending:
    """An intent for which nothing is sent: it is over when its time is.

    Args:
        intent: not settled.
        now: Unix seconds.
        ender: the operation that ends such a thing, if there is one.
    """
    named = _named(intent)
    if intent.id is not None:
        why = f"no described operation ends a {intent.thing}" if ender is None else "others could not be stopped before"
        return _waiting(intent, now, f"{named} was not stopped, for {why}")
    return _waiting(intent, now, f"{named}: no answer gave an id, so none can be stopped")


def stop_request(intent: Intent, ender: Description, context: Context) -> RawRequest:
    """The request that ends what an intent has created, unsigned.

    Args:
        intent: with an id.
        ender: the operation that ends it.
        context: bindings, for parameters that the intent does not tell.
    """
    acts_on = ender.acts_on
    if acts_on is None:
        raise ValueError(f"{ender.operation} acts on nothing")
    document = {**base_document(ender, context, context.run_id), **intent.same, acts_on.id: intent.id}
    return RawRequest(ender.method, f"{ender.path}?{encode_query(to_parameters(ender, document))}")


def _stop(
    intent: Intent,
    ender: Description,
    recorder: Recorder,
    context: Context,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> tuple[Ending, bool]:
    """What came of ending one thing, and whether there was an HTTP answer."""
    request = stop_request(intent, ender, context)
    case = Case(
        id=f"{ender.id('response.status')}#late-end-of-{intent.id}",
        operation=ender.operation,
        kind="cleanup",
        steps=((),),
        aspects=(),
        is_enumerated=False,
    )
    sent: list[Exchange] = []
    for attempt, wait_s in enumerate((*_WAITS_S, None)):
        exchange, is_unreachable = recorder.exchange(ender, request, number=0, case=case.id, step=0, attempt=attempt)
        sent.append(exchange)
        answer = answer_of(ender, exchange.response, exchange.failure)
        if is_ended(ender, exchange.response):
            words = "stopped" if answer.kind == "success" else "is not there (any more)"
            says = f"{_named(intent)} {words}: {ender.operation} was answered {answer}"
            return Ending(intent, False, says, sent, case), True
        if answer.kind not in ("throttled", "broken") or is_unreachable or wait_s is None:
            break
        sleep(wait_s)
    words = f"{_named(intent)} could not be stopped: {ender.operation} was answered {answer}"
    if exchange.response is None:  # somebody may get through to it later
        return Ending(intent, True, f"{words}; {_limit(intent, clock())[1]}", sent, case), False
    return replace(_waiting(intent, clock(), words), exchanges=sent, case=case), True


def _named(intent: Intent) -> str:
    if intent.id is not None:
        return f"{intent.thing} {intent.id}"
    return f"a {intent.thing} that {intent.operation} may have created at {_iso(intent.at)} for {intent.case}"


def _waiting(intent: Intent, now: float, words: str) -> Ending:
    is_over, limit = _limit(intent, now)
    return Ending(intent, not is_over, f"{words}; {limit}")


def _limit(intent: Intent, now: float) -> tuple[bool, str]:
    """Whether its time is over, and since or until when it has ended by itself."""
    if intent.is_embedded:
        return True, "it ended with the embedded emulator"
    if intent.ends_by is None:
        return False, "as documented it does not end by itself"
    if now >= intent.ends_by:
        return True, f"unused, it has ended by itself by {_iso(intent.ends_by)}"
    return False, f"unused, it will have ended by itself by {_iso(intent.ends_by)}, in {intent.ends_by - now:.0f} s"


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
