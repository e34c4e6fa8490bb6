"""Accept a failure: from a report and a finding to a deviation in a file.

In: a report, what names the finding, a reason and a day; a file of profiles or of deviations. Out: the file with the
deviation added and nothing else changed. Lines are only put in, by the place where each statement ends, because the
libraries that edit TOML move comments and fail on tables that stand apart; and the result is read again before it
replaces the file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from acs_conformance import profile_file, toml_source
from acs_conformance.deviation import Deviation, Failure, read
from acs_conformance.errors import ProfileError, SelectionError, UsageError
from acs_conformance.report.failure import Failures
from acs_conformance.report.files import replace
from acs_conformance.toml_source import Key, TomlSource

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to be accepted: requirements that fail in one way."""

    requirements: tuple[str, ...]
    failure: Failure


# --- what is accepted -------------------------------------------------------------------------------------------------


def differences(report: Data, wanted: str, cause: str | None = None) -> list[Difference]:
    """What a finding, or a requirement's failure, shows: one difference for each way of failing.

    Args:
        report: that has it.
        wanted: the id of a failing requirement or of a finding, without the operation where that is clear, as a run
            prints it; or a beginning that only one of either has.
        cause: of the failure, where the requirement fails for several.

    Raises:
        UsageError: there is no such failure, or the name fits several.
    """
    requirements, of_cause = _named(report, wanted)
    causes = dict.fromkeys(f["cause"] for r in requirements for f in r["failures"] if of_cause in (None, f["cause"]))
    if cause is None and len(causes) > 1:
        raise UsageError(
            f"{wanted} fails for {len(causes)} causes, which are accepted one by one; "
            f"give --cause {' or --cause '.join(map(repr, causes))}"
        )
    if cause is not None and cause not in causes:
        raise SelectionError("cause", cause, causes)
    chosen = cause if cause is not None else next(iter(causes))
    found: dict[Failure, list[str]] = {}
    for requirement in requirements:
        for each in requirement["failures"]:
            if each["cause"] == chosen:
                found.setdefault(Failure(each["cause"], each["answer"]), []).append(requirement["id"])
    return [Difference(tuple(names), failure) for failure, names in found.items()]


def _named(report: Data, wanted: str) -> tuple[list[Data], str | None]:
    """The failing requirements that `wanted` names, and their cause where it names a finding."""
    failing = {r["id"]: r for r in report["requirements"] if r["failures"]}
    findings = {f["id"]: f for f in report["findings"]}
    both = Failures(report).both
    names: list[str] = []
    for known in (failing, findings):
        names = names or [name for name in known if wanted in both(name)]
    for known in (failing, findings):
        names = names or [name for name in known if wanted and any(form.startswith(wanted) for form in both(name))]
    if len(names) > 1:
        raise UsageError(f"{wanted!r} fits {len(names)} failures; name one: {' or '.join(names)}")
    if not names:
        passing = next((r for r in report["requirements"] if wanted in both(r["id"])), None)
        if passing is not None:
            raise UsageError(
                f"{wanted} does not fail in this report ({passing['verdict']}), so there is nothing to accept"
            )
        raise SelectionError("finding", wanted, [*failing, *(name for name in findings if name not in failing)])
    (name,) = names
    if name in failing:
        return [failing[name]], None
    finding = findings[name]
    mine = [failing[each] for each in finding["requirements"] if each in failing]
    if not mine:
        raise UsageError(
            f"{finding['requirement']} is an open question whose reading changed; "
            "make a report with the new reading the --baseline instead"
        )
    return mine, finding["cause"]


# --- the file ---------------------------------------------------------------------------------------------------------


def accept(
    source: TomlSource, above: Key, found: Sequence[Difference], *, reason: str, until: date, today: date
) -> tuple[Deviation, ...]:
    """Write deviations into a file; those that were written.

    Args:
        source: the file, as its schema wants it.
        above: the table in it whose deviations they become: that of a profile, or () for a file of deviations.
        found: what is accepted.
        reason: why.
        until: the last day.
        today: the present day, in UTC.

    Raises:
        UsageError: a reason or a day that can't be, all is accepted already, or the file can't be written.
    """
    if not reason.strip():
        raise UsageError("--reason is empty; say why the difference is accepted, for those who read the report")
    if until < today:
        raise UsageError(f"--until {until} is in the past; today is {today}")
    known = read(source, above)
    new = list(_new(known, found))
    if not new:
        first = next(d for d in known if d.matches(found[0].requirements[0], found[0].failure))
        raise UsageError(f"{first.place}: accepts this already, until {first.until}; change its date or reason there")
    tables = [_table(each, reason, until) for each in new]
    header = f"[[{toml_source.dotted((*above, 'deviations'))}]]"
    block = "\n\n".join("\n".join([header, *_lines(table)]) for table in tables)
    written = toml_source.parsed(source.path, _with(source, above, block, tables))
    profile_file.checked(written, profile_file.schema() if above else profile_file.deviations_schema())
    # Behind a link is the file that is meant.
    replace(source.path.resolve(), written.text.encode("utf-8"))
    return read(written, above)[len(known) :]


def _new(known: Iterable[Deviation], found: Iterable[Difference]) -> Iterator[Difference]:
    """What no deviation speaks of yet. One that has expired counts: it is renewed where it stands."""
    known = tuple(known)
    for each in found:
        names = tuple(n for n in each.requirements if not any(d.matches(n, each.failure) for d in known))
        if names:
            yield Difference(names, each.failure)


def _table(difference: Difference, reason: str, until: date) -> dict[str, Any]:
    answer = {"answer": difference.failure.answer} if difference.failure.answer else {}
    names = list(difference.requirements)
    return {"requirements": names, "cause": difference.failure.cause, **answer, "reason": reason, "until": until}


def _lines(table: Data) -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, list) and len(value) > 1:
            yield from (f"{key} = [", *(f"  {_text(each)}," for each in value), "]")
        elif isinstance(value, list):
            yield f"{key} = [{_text(value[0])}]"
        else:
            yield f"{key} = {value if isinstance(value, date) else _text(value)}"


def _text(value: str) -> str:
    """A text as TOML has it: JSON's escapes are TOML's, but TOML also wants one for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def _with(source: TomlSource, above: Key, block: str, tables: list[dict[str, Any]]) -> str:
    """The text of the file with the block in it.

    Raises:
        ProfileError: the file is written in a way that no such block can be added to, or the block can't be written.
    """
    text = _inserted(source, above, block)
    try:
        text.encode("utf-8")
        after: Data = toml_source.parsed(source.path, text).data
    except (ProfileError, UnicodeEncodeError) as error:
        if isinstance(error, UnicodeEncodeError):
            raise UsageError("--reason is not UTF-8; write it in the encoding of the terminal") from None
        after = {}
    if after != _appended(source.data, above, tables):
        raise source.error(
            above,
            "is written in a way that deviations can't be added to. Write it, and deviations in it, as tables with a "
            f"header of their own, or add by hand:\n{block}",
        )
    return text


def _inserted(source: TomlSource, above: Key, block: str) -> str:
    """The lines of the block behind all that is said of the table, and before the comment on what comes next."""
    newline = "\r\n" if "\r\n" in source.text else "\n"
    text = source.text if source.text.endswith("\n") or not source.text else f"{source.text}{newline}"
    lines = text.split("\n")
    end = source.ends[above] if above else max(source.ends.values(), default=0)
    at = min((line - 1 for line in source.lines.values() if line > end), default=len(lines))
    if at < len(lines):
        at = _back(lines, at, end, lambda line: line.startswith("#"))
    at = _back(lines, at, end, lambda line: not line)
    new = [*([""] if at else []), *block.split("\n"), *([""] if lines[at:] and lines[at].strip() else [])]
    ending = newline[:-1]
    rest = lines[at:] or [""]
    return "\n".join([*lines[:at], *(f"{line}{ending}" for line in new), *rest])


def _back(lines: Sequence[str], at: int, end: int, passes: Callable[[str], bool]) -> int:
    """The first of the lines before `at`, and after `end`, that hold without a gap."""
    while at > end and passes(lines[at - 1].strip()):
        at -= 1
    return at


def _appended(data: Data, above: Key, tables: list[dict[str, Any]]) -> Data:
    """The data with the deviations in it."""
    if not above:
        return {**data, "deviations": [*data.get("deviations", ()), *tables]}
    first, *rest = above
    return {**data, str(first): _appended(data[str(first)], tuple(rest), tables)}
