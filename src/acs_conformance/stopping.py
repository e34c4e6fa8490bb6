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
from acs_conformance.guard import is_ended, is_missing
from acs_conformance.intents import Intent
from acs_conformance.message import RawRequest
from acs_conformance.record import Exchange
from acs_conformance.report.text import one_line
from acs_conformance.wire import encode_query, to_parameters

#: Seconds to wait before each further try, where the target is throttling or failing.
_WAITS_S = (0.5, 2.0, 4.0)
#: Things in a row that got no HTTP answer at all, after which no more are tried.
_SILENT = 2
#: Things that could not be ended, while none could, after which each further one is tried once: the operation may be
#: one that isn't there. Tried it is, for what a target says of one thing need not hold for the next.
_VAIN = 3
#: Seconds after which what was not there is looked for again: a new thing may not be known everywhere yet.
_APART_S = 2.0


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
    #: Whether the target said that it is not there, and its time is not over.
    is_missing: bool = False


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

    What is not there is looked for once more, after all others; only then it is taken for one that has ended.

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
    missing: list[Ending] = []
    for intent in intents:
        same = known.get((intent.operation, intent.id or ""))
        if same is not None and not same.may_live:  # a target that gives one id to all
            _settle(intent, recorder, clock())
            yield replace(same, intent=intent, exchanges=[])
            continue
        ender = enders.get(intent.operation)
        if intent.id is None or ender is None or silent >= _SILENT:
            yield left_alone(intent, clock(), ender)
            continue
        waits = _WAITS_S if vain < _VAIN or has_ended else ()
        ending, has_answer = _tried(intent, ender, recorder, context, clock, sleep, waits)
        if has_answer is None:
            yield ending
            continue
        silent = 0 if has_answer else silent + 1
        vain += 1
        if ending.is_missing:
            missing.append(ending)
            continue
        has_ended = has_ended or not ending.may_live
        known[intent.operation, intent.id] = ending
        yield ending
    if missing:
        sleep(_APART_S)
    for first in missing:
        if silent >= _SILENT:
            yield replace(_waiting(first.intent, clock(), first.says), exchanges=first.exchanges, case=first.case)
            continue
        ender = enders[first.intent.operation]
        ending, has_answer = _tried(first.intent, ender, recorder, context, clock, sleep, (), first.exchanges)
        silent = 0 if has_answer is not False else silent + 1
        if ending.is_missing:
            _settle(ending.intent, recorder, clock())
            ending = replace(ending, may_live=False)
        yield ending


def _settle(intent: Intent, recorder: Recorder, now: float) -> None:
    """Write down that what an intent has created has ended."""
    if recorder.guard is not None and recorder.guard.intents is not None:
        with contextlib.suppress(ReportError):  # it has ended all the same
            recorder.guard.intents.tell(intent.key, "ended", now)


def left_alone(intent: Intent, now: float, ender: Description | None = None) -> Ending:
    """An intent for which nothing is sent: it is over when its time is.

    Args:
        intent: not settled.
        now: Unix seconds.
        ender: the operation that ends such a thing, if there is one.
    """
    named = _named(intent)
    if intent.id is not None:
        why = f"no described operation ends a {intent.thing}" if ender is None else "the target did not answer before"
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


def _tried(
    intent: Intent,
    ender: Description,
    recorder: Recorder,
    context: Context,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    waits: tuple[float, ...],
    before: Iterable[Exchange] = (),
) -> tuple[Ending, bool | None]:
    """As `_stop`; what goes wrong on our side tells nothing of the target (None) and keeps nothing else from ending."""
    try:
        return _stop(intent, ender, recorder, context, clock, sleep, waits, before)
    except Exception as error:  # whatever it is
        words = f"{_named(intent)} may not have been stopped: {type(error).__name__}: {error}"
        return _waiting(intent, clock(), words), None


def _stop(
    intent: Intent,
    ender: Description,
    recorder: Recorder,
    context: Context,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    waits: tuple[float, ...],
    before: Iterable[Exchange] = (),
) -> tuple[Ending, bool]:
    """What came of ending one thing, which may have been tried before, and whether there was an HTTP answer."""
    request = stop_request(intent, ender, context)
    case = Case(
        id=f"{ender.id('response.status')}#late-end-of-{intent.id}",
        operation=ender.operation,
        kind="cleanup",
        steps=((),),
        aspects=(),
        is_enumerated=False,
    )
    sent = [*before]
    for wait_s in (*waits, None):
        number = len(sent)
        exchange, is_unreachable = recorder.exchange(ender, request, number=0, case=case.id, step=0, attempt=number)
        sent.append(exchange)
        answer = answer_of(ender, exchange.response, exchange.failure)
        told = f"{ender.operation} was answered {one_line(str(answer))}"
        if is_ended(ender, exchange.response):
            return Ending(intent, False, f"{_named(intent)} stopped: {told}", sent, case), True
        if is_missing(ender, exchange.response):
            says = f"{_named(intent)} is not there (any more): {told}"
            is_young = not _limit(intent, clock())[0]
            return Ending(intent, is_young, says, sent, case, is_missing=is_young), True
        if answer.kind not in ("throttled", "broken") or is_unreachable or wait_s is None:
            break
        sleep(wait_s)
    words = f"{_named(intent)} could not be stopped: {told}"
    return replace(_waiting(intent, clock(), words), exchanges=sent, case=case), exchange.response is not None


def _named(intent: Intent) -> str:
    if intent.id is not None:
        return f"{intent.thing} {one_line(intent.id)}"
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
