"""Read the folders under spec/ into frozen descriptions, and refuse broken ones with file, line and reason.

In: a folder `<product>/<version>/<Operation>/` with openapi.yaml and statements.yaml, and `_common/` for what all
operations share. Out: `Description`. After this stage nobody reads YAML.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from acs_conformance import source
from acs_conformance.description import (
    Description,
    Gateway,
    Question,
    Reading,
)
from acs_conformance.errors import DescriptionError, SelectionError
from acs_conformance.source import Source
from acs_conformance.spec_builder import Builder


def shipped_root() -> Path:
    """The spec/ folder that ships with the package."""
    return Path(str(importlib.resources.files("acs_conformance.spec")))


def folders(root: Path) -> dict[str, Path]:
    """Operation name -> its folder, for every operation under `root`, sorted by name.

    Raises:
        DescriptionError: `root` is no folder, or two folders describe one operation.
    """
    if not root.is_dir():
        raise DescriptionError(root, 0, "", "is not a folder")
    found: dict[str, Path] = {}
    for file in sorted(root.glob("*/*/*/openapi.yaml")):
        folder = file.parent
        if folder.parent.parent.name.startswith("_"):
            continue
        if folder.name in found:
            raise DescriptionError(file, 0, "", f"describes {folder.name}, as {found[folder.name]} does")
        found[folder.name] = folder
    return dict(sorted(found.items()))


def load(operation: str, root: Path | None = None) -> Description:
    """The description of `operation`.

    Raises:
        SelectionError: there is no such operation.
        DescriptionError: its folder is broken.
    """
    root = root or shipped_root()
    known = folders(root)
    if operation not in known:
        raise SelectionError("operation", operation, known)
    return load_folder(known[operation], root)


def load_all(root: Path | None = None) -> dict[str, Description]:
    """Every description under `root`, by operation name."""
    root = root or shipped_root()
    return {name: load_folder(folder, root) for name, folder in folders(root).items()}


def load_folder(folder: Path, root: Path) -> Description:
    """The description in one operation's folder.

    Raises:
        DescriptionError: something in it is missing, malformed or contradicts itself.
    """
    common = root / "_common"
    if not common.is_dir():
        common = shipped_root() / "_common"
    api = source.read(folder / "openapi.yaml")
    _check_against(api, common / "operation.schema.json")
    statements = source.read(folder / "statements.yaml")
    _check_against(statements, common / "statements.schema.json")
    gateway = _gateway(source.read(common / "rpc.yaml"))
    return Builder(api, statements, gateway, folder, root).build()


def _check_against(document: Source, schema_file: Path) -> None:
    error = best_match(_profile(schema_file).iter_errors(document.data))
    if error is None:
        return
    pointer = "".join(f"/{source.escape(step)}" for step in error.absolute_path)
    reason = error.message
    if len(reason) > 300:  # the whole instance is in the message of some keywords
        reason = f"is not what {error.validator} allows: {json.dumps(error.validator_value)[:200]}"
    raise document.error(pointer, reason)


@functools.lru_cache
def _profile(file: Path) -> Draft202012Validator:
    return Draft202012Validator(json.loads(file.read_text(encoding="utf-8")))


@functools.lru_cache
def _gateway_cached(text: str) -> Gateway:
    data = json.loads(text)
    return Gateway(
        name=data["gateway"],
        answers={family: tuple(entry["codes"]) for family, entry in data["answers"].items()},
        meanings={family: entry["means"] for family, entry in data["answers"].items()},
        judged_up_to=data["size"]["judged-up-to"],
        too_large=frozenset(data["size"]["too-large"]),
        questions=tuple(
            Question(
                key=f"wire.{entry['id']}",
                question=entry["question"],
                readings=tuple(Reading(name=name, effect=effect) for name, effect in entry["readings"].items()),
                trait=entry["trait"],
            )
            for entry in data["questions"]
        ),
    )


def _gateway(document: Source) -> Gateway:
    try:
        return _gateway_cached(json.dumps(document.data))
    except (KeyError, TypeError, AttributeError) as error:
        raise DescriptionError(document.path, 1, "", f"lacks or misplaces {error}") from error
