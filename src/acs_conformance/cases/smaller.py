"""A smaller case that is judged like one that failed, made without sending anything.

In: a case, and what it is rendered with. Out: the case without its surroundings, or a generated request reduced by our
own judge.
"""

from __future__ import annotations

from dataclasses import replace

from acs_conformance.cases.case import Case, Edit
from acs_conformance.cases.context import simplest
from acs_conformance.cases.reduce import reduced
from acs_conformance.cases.render import Context, render
from acs_conformance.description import Description
from acs_conformance.wire import decode_query


def smaller_case(description: Description, case: Case, context: Context) -> Case | None:
    """A case that is judged like `case`, and smaller; None if it is small."""
    if case.kind != "wild":
        return simplest(case)
    plain = Case(id=f"{case.id}~plain", operation=case.operation, kind="wild", steps=((),), aspects=())
    base = render(description, plain, 0, context)
    pairs = reduced(
        description, tuple((name, text) for name, text in case.edits[0].value), dict(decode_query(base.query)[0])
    )
    identifier = f"{case.id}~smallest"
    edit = Edit("whole", (), [list(pair) for pair in pairs])
    return replace(case, id=identifier, aspects=(identifier,), steps=((edit,),))
