"""Read the folders under spec/ into frozen descriptions, and refuse broken ones with file, line and reason.

In: a folder `<product>/<version>/<Operation>/` with openapi.yaml and statements.yaml, and `_common/` for what all
operations share. Out: `Description`. After this stage nobody reads YAML.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
import weakref
from pathlib import Path

from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator

from acs_conformance import source, spec_checks, spec_gateway
from acs_conformance.description import Description, Gateway, Question, Reading
from acs_conformance.errors import DescriptionError, SelectionError
from acs_conformance.gateway_checks import Diagnosis
from acs_conformance.source import Source
from acs_conformance.spec_builder import Builder
from acs_conformance.spec_gateway import GATEWAY
from acs_conformance.spec_statements import statements_of

_CHECKS = "rpc-checks.yaml"

#: Where each description was read from; its own `file` is relative to spec/, whatever the folder is called.
_opened: weakref.WeakKeyDictionary[Description, Path] = weakref.WeakKeyDictionary()


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


def names(root: Path | None = None) -> tuple[str, ...]:
    """What can be selected: the operations, and the gateway before them."""
    known = folders(root or shipped_root())
    return (*known, GATEWAY) if known else ()


def load(operation: str, root: Path | None = None) -> Description:
    """The description of `operation`, or of the gateway.

    Raises:
        SelectionError: there is no such operation.
        DescriptionError: its folder is broken.
    """
    return Shelf(root).load(operation)


def load_all(root: Path | None = None) -> dict[str, Description]:
    """Every description under `root`, by operation name."""
    shelf = Shelf(root)
    if not shelf.folders:
        raise DescriptionError(shelf.root, 0, "", "no operation is described there")
    return {name: shelf.load(name) for name in shelf.folders}


def enders(root: Path | None = None) -> dict[str, Description]:
    """Name of each operation under `root` that creates something -> the operation that ends it, if there is one."""
    return Shelf(root).enders()


class Shelf:
    """The descriptions under a folder, each read once, when it is asked for."""

    def __init__(self, root: Path | None = None) -> None:
        """Look for folders; nothing is read.

        Raises:
            DescriptionError: `root` is no folder, or two folders describe one operation.
        """
        self.root = root or shipped_root()
        self.folders = folders(self.root)
        self._descriptions: dict[str, Description] = {}
        self._documents: dict[Path, Source] = {}

    def load(self, operation: str) -> Description:
        """The description of `operation`, or of the gateway.

        Raises:
            SelectionError: there is no such operation.
            DescriptionError: its folder is broken.
        """
        if operation == GATEWAY and self.folders:
            return load_gateway(self)
        if operation not in self.folders:
            raise SelectionError("operation", operation, (*self.folders, GATEWAY))
        if operation not in self._descriptions:
            self._descriptions[operation] = self._load(self.folders[operation])
        return self._descriptions[operation]

    def ender(self, description: Description) -> Description | None:
        """The operation that ends what `description` creates, if there is one."""
        if description.creates is None:
            return None
        return self._beside(self.folders[description.operation], "ends", description.creates.thing)

    def enders(self) -> dict[str, Description]:
        """Name of each operation that creates something -> the operation that ends it, if there is one."""
        found = {name: self.ender(self.load(name)) for name in self.folders}
        return {name: ender for name, ender in found.items() if ender is not None}

    def _load(self, folder: Path) -> Description:
        schemas = shipped_root() / "_common"  # the engine's own: what it reads does not depend on the folder
        common = self.root / "_common"
        if not common.is_dir():
            common = schemas
        statements = _read(folder / "statements.yaml", schemas / "statements.schema.json")
        shared = _read(common / "rpc.yaml", schemas / "rpc.schema.json")

        def find(does: str, thing: str) -> Description | None:
            return self._beside(folder, does, thing)

        api = self._document(folder)
        built = Builder(api, statements, (shared.path, _gateway(shared)), folder, self.root, find).build()
        _opened[built] = folder
        return built

    def _beside(self, folder: Path, does: str, thing: str) -> Description | None:
        """The operation of the same product and version that creates or ends a kind of thing."""
        for name, other in self.folders.items():
            if other.parent == folder.parent and other != folder:
                ((operation,),) = (methods.values() for methods in self._document(other).data["paths"].values())
                entry = operation.get("x-creates" if does == "creates" else "x-acts-on", {})
                if entry.get("thing") == thing and (does == "creates" or does in entry):
                    return self.load(name)
        return None

    def _document(self, folder: Path) -> Source:
        if folder not in self._documents:
            file = folder / "openapi.yaml"
            self._documents[folder] = _read(file, shipped_root() / "_common" / "operation.schema.json")
        return self._documents[folder]


def load_gateway(shelf: Shelf) -> Description:
    """The description of the gateway, its checks carried by an operation that needs nothing and leaves nothing behind.

    Where there is none, by one that needs nothing: what it creates, it creates twice at the most.

    Raises:
        DescriptionError: something in it is missing, malformed or contradicts itself.
    """
    root = shelf.root
    operations = [each for each in (shelf.load(name) for name in shelf.folders) if each.acts_on is None]
    carrier = next((each for each in operations if each.creates is None), operations[0])
    schemas = shipped_root() / "_common"
    common = root / "_common" if (root / "_common" / _CHECKS).exists() else schemas
    checks = _read(common / _CHECKS, schemas / "rpc-checks.schema.json")
    statements = _read(common / "rpc-statements.yaml", schemas / "statements.schema.json")
    description = spec_gateway.of_operation(carrier, checks, statements, statements_of(statements))
    _opened[description] = common
    return description


def opened(description: Description, name: str) -> str:
    """The file `name` of the folder that `description` was read from, as it was opened."""
    if description.checks is not None:
        name = {"openapi.yaml": _CHECKS, "statements.yaml": "rpc-statements.yaml"}.get(name, name)
    folder = _opened.get(description)
    return str(folder / name) if folder is not None else description.file.replace("openapi.yaml", name)


def _read(file: Path, schema_file: Path) -> Source:
    document = source.read(file)
    _check_against(document, schema_file)
    return document


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
def _profile(file: Path) -> Validator:
    return spec_checks.profile(json.loads(file.read_text(encoding="utf-8")))


@functools.lru_cache
def _gateway_cached(text: str) -> Gateway:
    data = json.loads(text)
    return Gateway(
        name=data["gateway"],
        answers={family: tuple(entry["codes"]) for family, entry in data["answers"].items()},
        meanings={family: entry["means"] for family, entry in data["answers"].items()},
        diagnoses=tuple(
            Diagnosis(about=entry["about"], codes=tuple(entry["codes"]), says=entry["says"])
            for entry in data.get("diagnoses", ())
        ),
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
    seen = set()
    for index, entry in enumerate(document.data["questions"]):
        if entry["id"] in seen:
            raise document.error(f"/questions/{index}/id", f"repeats the question {entry['id']}")
        seen.add(entry["id"])
    return _gateway_cached(json.dumps(document.data))
