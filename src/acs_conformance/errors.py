"""Every exception a user of the command or the library can meet.

    AcsConformanceError
    ├── UsageError              what was asked for can't be done: exit code 2
    │   ├── DescriptionError    a file under spec/ is broken
    │   ├── ProfileError        a profile of a target is broken
    │   ├── CredentialsError    no usable credentials
    │   ├── SelectionError      an operation, requirement, fault or finding that does not exist
    │   └── ReportError         a report that can't be read or written
    └── TargetUnreachable       nothing answers at the target's address: exit code 3

A failure of the target under test is never an exception: it is an observation, and becomes a verdict.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar, cast

T = TypeVar("T")

#: Kind of a name -> where they all are. No command that may send something is named.
_LISTS = {"fault": "`acs-conformance faults` lists them all", "finding": "report.html shows them all"}


class AcsConformanceError(Exception):
    """The base of all errors raised on purpose; its text is meant for the user."""


class UsageError(AcsConformanceError):
    """What was asked for can't be done; the text says what to change."""


class DescriptionError(UsageError):
    """A file of a description is broken.

    Attributes:
        file: the file, as it was opened.
        line: line in it, from 1; 0 when the file as a whole is meant.
        pointer: JSON pointer of the place, "" for the root.
        reason: what is wrong and what was expected.
    """

    def __init__(self, file: Path | str, line: int, pointer: str, reason: str) -> None:
        self.file = str(file)
        self.line = line
        self.pointer = pointer
        self.reason = reason
        place = f"{self.file}:{line}" if line else self.file
        super().__init__(f"{place}: {f'at {pointer}: ' if pointer else ''}{reason}")


class ProfileError(UsageError):
    """A profile of a target is broken. No text quotes a value of the file: it may be a secret.

    Attributes:
        file: the file, as it was opened.
        line: line in it, from 1; 0 when the file as a whole is meant.
        key: where in it, such as "targets.staging.pace"; "" for the file as a whole.
        reason: what is wrong and what to write instead.
        more: what else is wrong in the same file.
    """

    def __init__(self, file: Path | str, line: int, key: str, reason: str, more: Iterable[ProfileError] = ()) -> None:
        self.file = str(file)
        self.line = line
        self.key = key
        self.reason = reason
        self.more = tuple(more)
        place = f"{self.file}:{line}" if line else self.file
        super().__init__("\n".join([f"{place}: {f'at {key}: ' if key else ''}{reason}", *map(str, self.more)]))


class CredentialsError(UsageError):
    """There are no credentials to sign with, or half of them."""


class SelectionError(UsageError):
    """A name that stands for nothing.

    Attributes:
        kind: what was looked for, such as "operation".
        name: the name given.
        known: the names there are.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(known)
        close = difflib.get_close_matches(name, self.known, n=3, cutoff=0.5)
        if close:
            hint = f"Did you mean {' or '.join(close)}?"
            hint += f" {_LISTS[kind]}." if kind in _LISTS else ""
        elif len(self.known) <= 12:
            hint = f"Known: {', '.join(self.known) or 'none'}."
        else:
            lists = _LISTS.get(kind, "`acs-conformance requirements` lists what can be selected")
            hint = f"There are {len(self.known)}; {lists}."
        super().__init__(f"no {kind} is called {name!r}. {hint}")


class ReportError(UsageError):
    """A report that can't be read or written."""


class TargetUnreachable(AcsConformanceError):  # noqa: N818 - it names a state of the world, as in "target unreachable"
    """Nothing at the target's address ever gave an HTTP answer."""


class Complaints:
    """All that is wrong with what was asked for, so that it is told at once."""

    def __init__(self) -> None:
        self._found: list[UsageError] = []

    def noted(self, make: Callable[[], T]) -> T:
        """What `make` makes; nothing that may be used where it complains, for then `tell` does."""
        try:
            return make()
        except UsageError as error:
            self._found.append(error)
            return cast("T", None)

    def tell(self) -> None:
        """Go on if nobody has complained.

        Raises:
            UsageError: what was wrong, as it was told where there is only one.
        """
        if not self._found:
            return
        first, *more = self._found
        if not more:
            raise first
        if isinstance(first, ProfileError) and all(isinstance(each, ProfileError) for each in more):
            others = [each for each in more if isinstance(each, ProfileError)]
            raise ProfileError(first.file, first.line, first.key, first.reason, [*first.more, *others])
        kinds = {type(each) for each in self._found}
        text = "\n".join(map(str, self._found))
        raise CredentialsError(text) if kinds == {CredentialsError} else UsageError(text)
