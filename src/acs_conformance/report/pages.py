"""What the pages have in common: templates whose values are made visible and escaped, and a policy for browsers.

In: a template of this folder, its styles and script. Out: a template to render. Pages are self-contained: styles and
script stand inline, nothing is loaded, and the Content Security Policy lets a browser run these two only.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from acs_conformance.report.text import cut, plural, ranges, visible

#: Characters that fit into a line on any page. Tags in shorter ids would be a tenth of a large page.
_WRAPPED = 30


def template(
    name: str,
    styles: tuple[str, ...],
    scripts: tuple[str, ...] = (),
    **words: Any,  # noqa: ANN401 - filters
) -> Template:
    """A template with its parts.

    Args:
        name: of the template's file.
        styles: names of the style sheets, in their order.
        scripts: names of the scripts, in their order; none for a page that runs nothing.
        words: filters and globals of this page; what can be called is a filter.
    """
    environment = Environment(
        loader=FunctionLoader(part),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {
        "cut": cut,
        "ident": identifier,
        "moment": moment,
        "number": lambda value: f"{value:,}",
        "plural": plural,
        "ranges": ranges,
        **{word: value for word, value in words.items() if callable(value)},
    }
    style, code = ("".join(map(part, names)) for names in (styles, scripts))
    environment.globals |= {
        # Both are ours, not the report's, and inside their elements markup has no meaning.
        "style": Markup(style),  # noqa: S704
        "script": Markup(code),  # noqa: S704
        "policy": _policy(style, code),
        **{word: value for word, value in words.items() if not callable(value)},
    }
    return environment.get_template(name)


@functools.cache
def part(name: str) -> str:
    """The text of a file in this folder."""
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def moment(time: str) -> str:
    """A time of a report as people write it: `2026-11-24 08:42:13 UTC`."""
    return time.replace("T", " ").replace("Z", " UTC")


def link(address: str) -> str:
    """The address if a reader may be sent there by a click: of the web, and of nothing else; or an empty text."""
    return address if re.match(r"https?://", address) else ""


def identifier(name: str, operation: str = "") -> Markup:
    """An id as code that wraps after its dots; the operation in front is dimmed, for all ids of a page share it."""
    prefix = f"{operation}." if operation and name.startswith(f"{operation}.") else ""
    rest = visible(name.removeprefix(prefix))
    parts = rest.split(".") if len(rest) > _WRAPPED else [rest]
    wrapping = Markup(".<wbr>").join(parts)
    if not prefix:
        return Markup('<code class="id">') + wrapping + Markup("</code>")
    # Joined piece by piece, for a large report has a hundred thousand ids: what is no markup yet is escaped on the way.
    return Markup('<code class="id"><span>') + visible(prefix) + Markup("</span><wbr>") + wrapping + Markup("</code>")


def _policy(style: str, script: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'" if script else "script-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _hash(text: str) -> str:
    """The source expression of a Content Security Policy that allows just this text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _shown(value: object) -> object:
    """Every value on its way to the escaping; markup is made by the functions here alone and has been through it."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
