"""Read what a gateway checks from spec/_common/, and make the description that the suite of the gateway runs on.

In: rpc-checks.yaml and rpc-statements.yaml, valid by their schemas, and the description of an operation. Out: that
description under the name `gateway`: its requests carry the checks, its requirements and statements are the gateway's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from acs_conformance.description import Description, Question, Reading, Statement
from acs_conformance.gateway_checks import Change, Check, Checks, Expects, GatewayAnswer, Scheme, Signing, Variation
from acs_conformance.source import Source

#: The name under which a gateway is selected and reported, in place of an operation's.
GATEWAY: Final = "gateway"

#: What is sent as a text parameter where a request is only to reach the operation and be refused there.
_REFUSED_TEXT = "!"


def of_operation(
    carrier: Description, checks: Source, statements: Source, parsed: tuple[Statement, ...]
) -> Description:
    """The description of the gateway before an operation.

    Args:
        carrier: the operation whose requests carry the checks.
        checks: rpc-checks.yaml.
        statements: rpc-statements.yaml, for its title and page.
        parsed: what it says.

    Raises:
        DescriptionError: a name stands for nothing.
    """
    found = read(checks)
    page: Mapping[str, str] = statements.data["page"]
    digest = hashlib.sha256(checks.path.read_bytes() + b"\0" + statements.path.read_bytes())
    return replace(
        carrier,
        operation=GATEWAY,
        carrier=carrier,
        title=page["title"],
        url=page["url"],
        relations=(),
        questions=tuple(_questions(found)),
        statements=parsed,
        checks=found,
        file=f"spec/_common/{checks.path.name}",
        sha256=digest.hexdigest(),
    )


def read(document: Source) -> Checks:
    """The checks of a file.

    Raises:
        DescriptionError: an answer or a check is named that is not there, or a check is there twice.
    """
    answers = {
        name: GatewayAnswer(name=name, codes=tuple(entry["codes"]), statuses=frozenset(entry["statuses"]))
        for name, entry in document.data["answers"].items()
    }
    found: dict[str, Check] = {}
    for index, entry in enumerate(document.data["checks"]):
        pointer = f"/checks/{index}"
        if entry["id"] in found:
            raise document.error(f"{pointer}/id", f"repeats the check {entry['id']}")
        found[entry["id"]] = _check(document, pointer, entry, answers)
    named = {f"/authenticates/{index}": name for index, name in enumerate(document.data["authenticates"])}
    named |= {f"/taken/{scheme}": name for scheme, name in document.data["taken"].items()}
    for pointer, name in named.items():
        if name not in found:
            raise document.error(pointer, f"no check is called {name!r}")
    return Checks(
        by_key=found,
        error=document.data["error"],
        error_line=document.line("/error"),
        authenticates=tuple(document.data["authenticates"]),
        taken=document.data["taken"],
    )


def _check(document: Source, pointer: str, entry: Mapping[str, Any], answers: Mapping[str, GatewayAnswer]) -> Check:
    expects: Expects = next(word for word in ("refused", "passes", "open", "throttled") if word in entry)
    cases = entry[expects]
    allowed: list[GatewayAnswer] = []
    if "answers" in cases:
        for index, name in enumerate(cases["answers"]):
            if name not in answers:
                raise document.error(f"{pointer}/{expects}/answers/{index}", f"no answer is called {name!r}")
            allowed.append(answers[name])
        cases = cases.get("cases", {})
    scheme: Scheme = "v3" if entry["id"].startswith("v3.") else "v1"
    return Check(
        key=entry["id"],
        scheme=scheme,
        claim=entry["claim"],
        expects=expects,
        variations=tuple(_variation(name, case, scheme, expects) for name, case in cases.items()),
        answers=tuple(allowed),
        needs_token=entry.get("needs") == "token",
        line=document.line(f"{pointer}/id"),
    )


def _variation(name: str, case: Any, scheme: Scheme, expects: Expects) -> Variation:  # noqa: ANN401 - valid JSON
    steps = case if isinstance(case, list) else [case]
    replayed = {step["again"] for step in steps if "again" in step}
    return Variation(
        name=name,
        steps=tuple(_signing(step, scheme, expects, is_replayed=n in replayed) for n, step in enumerate(steps)),
    )


def _signing(step: Mapping[str, Any], scheme: Scheme, expects: Expects, *, is_replayed: bool) -> Signing:
    expects = "passes" if step.get("passes") else expects
    # What has to be refused would act if it were not, so it is a valid request; all else is refused by the operation.
    is_valid = expects == "refused" or is_replayed
    return Signing(
        scheme=scheme,
        expects=expects,
        text=None if is_valid else step.get("text", _REFUSED_TEXT),
        has_unknown_key="key" in step,
        has_wrong_secret="secret" in step,
        token=step.get("token", "right"),
        seconds=step.get("seconds", 0),
        nonce_of=step.get("nonce-of"),
        again=step.get("again"),
        is_form="place" in step,
        respell=tuple(step["respell"]) if "respell" in step else None,
        uncovered=step.get("uncovered", ""),
        before=tuple(_change(change) for change in step.get("before", ())),
        after=tuple(_change(change) for change in step.get("after", ())),
    )


def _change(entry: Mapping[str, str]) -> Change:
    verb, place = next(iter(entry.items()))
    return Change(verb=verb, place=place, text=entry.get("to", entry.get("text", "")))  # type: ignore[arg-type]


def _questions(checks: Checks) -> Iterator[Question]:
    """What sources leave open: whether a request passes, and which of several answers refuses it."""
    for check in checks.by_key.values():
        if check.expects == "open":
            yield _question(check.key, check.claim, ("passes", "refused"))
        elif len(check.answers) > 1:
            names = tuple(answer.name for answer in check.answers)
            yield _question(check.answer_question, f"Which answer shows that {check.claim}?", names)


def _question(key: str, text: str, names: tuple[str, ...]) -> Question:
    readings = tuple(Reading(name=name, effect="any") for name in names)
    return Question(key=key, question=text[0].upper() + text[1:], readings=readings, trait="gateway")
