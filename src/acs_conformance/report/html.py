"""The report as one page that opens offline.

In: a report. Out: the text of report.html: styles and script inlined, nothing loaded, and a policy that lets a browser
run these two only. Whatever a target answered is shown as text: every value passes through `visible` and the escaping.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from acs_conformance.report import view
from acs_conformance.report.text import cut, plural, ranges, visible


def render(report: Mapping[str, Any]) -> str:
    """The page."""
    return _template().render(view.page(report))


@functools.cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    environment.filters |= {
        "anchor": view.anchor,
        "cut": cut,
        "ident": _identifier,
        "milliseconds": lambda seconds: f"{seconds * 1000:,.1f}",
        "moment": lambda time: time.replace("T", " ").replace("Z", " UTC"),
        "number": lambda value: f"{value:,}",
        "parameters": view.parameters,
        "plural": plural,
        "ranges": ranges,
        "request": view.request_text,
        "response": view.response_text,
    }
    style, script = _part("page.css"), _part("page.js")
    environment.globals |= {
        # Both are ours, not the report's, and inside their elements markup has no meaning.
        "style": Markup(style),  # noqa: S704
        "script": Markup(script),  # noqa: S704
        "policy": "; ".join(
            (
                "default-src 'none'",
                f"style-src '{_hash(style)}'",
                f"script-src '{_hash(script)}'",
                "base-uri 'none'",
                "form-action 'none'",
                "require-trusted-types-for 'script'",
            )
        ),
        "verdicts": view.VERDICTS,
        "limit": view,
    }
    return environment.from_string(_part("page.html.j2"))


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    """The source expression of a Content Security Policy that allows just this text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _shown(value: object) -> object:
    """Every value on its way to the escaping; markup is made by the functions here alone and has been through it."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _identifier(name: str, operation: str = "") -> Markup:
    """An id as code that wraps after its dots; the operation in front is dimmed, for all ids of a page share it."""
    prefix = f"{operation}." if operation and name.startswith(f"{operation}.") else ""
    dimmed = Markup("<span>{}</span><wbr>").format(visible(prefix)) if prefix else Markup("")
    rest = Markup(".<wbr>").join(visible(name.removeprefix(prefix)).split("."))
    return Markup('<code class="id">{}{}</code>').format(dimmed, rest)
