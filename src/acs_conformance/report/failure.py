"""The names by which people call a finding on a command line.

In: a report and a name. Out: the finding. Its id is `REQUIREMENT~CAUSE`, six hexadecimal digits of the cause's hash; in
practice the requirement's id is enough, and the operation's name is needed only where a report is of several.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from acs_conformance.errors import SelectionError, UsageError

Data = Mapping[str, Any]


class Failures:
    """The findings of a report and the names that stand for them."""

    def __init__(self, report: Data) -> None:
        self._findings: list[Data] = report["findings"]
        self._operations = {each["operation"] for each in report["descriptions"]}
        self._requirements = {each["id"] for each in report["requirements"]}
        #: The names of each finding in the order in which they count: an id before a requirement before others.
        self._names = [
            (
                self.both(each["id"]),
                self.both(each["requirement"]),
                {name for other in each["requirements"] for name in self.both(other)},
            )
            for each in self._findings
        ]

    def find(self, name: str) -> Data:
        """The finding that is called so: by its id, its beginning, or a requirement that fails for its cause.

        Raises:
            UsageError: none or several are called so, or the report is too old to say how it is sent again.
        """
        found = self._called(name)
        if not found:
            raise SelectionError("finding", name, [each["id"] for each in self._findings])
        if len(found) > 1:
            ids = "\n  ".join(each["id"] for each in found)
            raise UsageError(f"{name!r} may be any of {len(found)} findings; give more of one's id:\n  {ids}")
        if "requests" not in found[0]:
            raise UsageError(
                f"finding {name!r}: the report was written by a version that did not record how a request is sent "
                f"again; `{found[0].get('replay', 'acs-conformance run')}` makes its case anew"
            )
        return found[0]

    def short(self, finding: Data) -> str:
        """The shortest name that is easy to read: the requirement's id, without the operation where that is clear."""
        names = (self._shortened(finding["requirement"]), finding["requirement"])
        fitting = (name for name in names if [each["id"] for each in self._called(name)] == [finding["id"]])
        return next(fitting, str(finding["id"]))

    def _called(self, name: str) -> list[Data]:
        for rank in range(3):
            found = [each for each, names in zip(self._findings, self._names, strict=True) if name in names[rank]]
            if found:
                return found
        beginning = zip(self._findings, self._names, strict=True)
        return [each for each, names in beginning if any(known.startswith(name) for known in names[0])]

    def both(self, identifier: str) -> tuple[str, str]:
        """The id of a finding or requirement, and what it may be shortened to."""
        return identifier, self._shortened(identifier)

    def _shortened(self, identifier: str) -> str:
        """The id without its operation, unless another operation has a requirement of that name."""
        operation, _, rest = identifier.partition(".")
        name = rest.partition("~")[0]
        others = self._operations - {operation}
        is_clear = operation in self._operations and not any(
            f"{other}.{name}" in self._requirements for other in others
        )
        return rest if is_clear else identifier
