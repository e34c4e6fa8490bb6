"""The same answer in XML, for clients that ask for it.

In: a response with a JSON object as its body. Out: the response with that object as XML. The documented forms are
`<ActionNameResponse>` for a success and `<Error>` for an error, each member an element. How a list is written is not
documented for operations whose JSON has plain lists; here the element is repeated, one for each item, which is what the
official SDK reads as a list and writes for one. An empty list is no element at all, null an empty one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

from acs_conformance.description import Json
from acs_conformance.message import RawResponse, header

#: Spelt exactly so: under any other content type the official SDK takes a body for JSON.
CONTENT_TYPE = "text/xml;charset=utf-8"

_DECLARATION = "<?xml version='1.0' encoding='UTF-8'?>"
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
#: Characters that no XML 1.0 document can hold, not even escaped.
_IMPOSSIBLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNFIT_IN_NAME = re.compile(r"[^A-Za-z0-9_.-]")


def as_xml(response: RawResponse, action: str) -> RawResponse:
    """`response` with its JSON object written as XML; one without such a body comes back as it is.

    Args:
        response: what would go to a client that asked for JSON.
        action: name of the operation, for the root of a success.
    """
    if not (header(response.headers, "content-type") or "").startswith("application/json"):
        return response
    try:
        body = json.loads(response.body)
    except ValueError:
        return response
    if not isinstance(body, dict):
        return response
    root = f"{action}Response" if 200 <= response.status < 300 else "Error"
    text = _DECLARATION + "".join(_element(root, body))
    others = [item for item in response.headers if item[0].lower() != "content-type"]
    return replace(response, headers=(("content-type", CONTENT_TYPE), *others), body=text.encode("utf-8"))


def _element(name: str, value: Json) -> Iterator[str]:
    """The pieces of what stands for a member; nothing for an empty list."""
    if isinstance(value, list):
        for item in value:
            yield from _element(name, item)
        return
    tag = _UNFIT_IN_NAME.sub("_", name)
    tag = tag if re.match("[A-Za-z_]", tag) else f"_{tag}"
    yield f"<{tag}>"
    if isinstance(value, dict):
        for member, inner in value.items():
            yield from _element(member, inner)
    else:
        yield _text(value)
    yield f"</{tag}>"


def _text(value: Json) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    return _IMPOSSIBLE.sub("\ufffd", text).translate(_ESCAPES)
