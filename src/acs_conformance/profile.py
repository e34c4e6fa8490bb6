"""Profiles: what is known of a target before it is tested, without its secrets.

In: a file of profiles and a name. Out: a `Profile`. Where a profile refers to a secret, the environment is asked for it
on request and not before; no repr shows one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from acs_conformance import deviation, profile_file, requirement
from acs_conformance.budget import Limits
from acs_conformance.cases import Depth
from acs_conformance.connection import Route
from acs_conformance.description import Description, Json, Node
from acs_conformance.deviation import Deviation
from acs_conformance.errors import Complaints, CredentialsError, ProfileError, SelectionError, UsageError
from acs_conformance.gateway_checks import Scheme
from acs_conformance.requirement import Requirement
from acs_conformance.signing import Credentials
from acs_conformance.toml_source import Key, TomlSource
from acs_conformance.violation import validator

#: The file in the current folder in which profiles are looked up by their names.
FILE = "acs-conformance.toml"

Place = Literal["environment", "profile", "chain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One target, as its table in a file says; docs/targets.md explains each key."""

    name: str
    #: As a command line names it: by its name or by a file.
    given_as: str
    source: TomlSource = field(repr=False)
    url: str
    signature: Scheme | None = None
    #: The kind of place that has the credentials, and which one: a prefix of variables, a profile's name, or "".
    credentials_in: tuple[Place, str] = ("chain", "")
    #: Path in a request -> identifier that exists at the target.
    bindings: Mapping[str, str] = field(default_factory=dict)
    #: Name of a secret that values are derived with -> variable of the environment that has it.
    secret_variables: Mapping[str, str] = field(default_factory=dict)
    #: Requests per second at most; None: no limit.
    pace: float | None = None
    #: How the target is reached, but for a proxy whose address is a secret: then the variable that has it.
    route: Route = field(default_factory=Route)
    proxy_variable: str | None = None
    #: Patterns of requirement ids that may stay undecided.
    may_stay_inconclusive: tuple[str, ...] = ()
    #: What is tested, and how thoroughly, where nothing else is said.
    operations: tuple[str, ...] = ()
    depth: Depth | None = None
    #: What each run may spend, whatever else is said.
    budget: Limits = field(default_factory=Limits)
    #: Differences that are known and accepted.
    deviations: tuple[Deviation, ...] = ()

    def error(self, key: Key, reason: str) -> ProfileError:
        """A ProfileError at `key` of this profile."""
        return self.source.error(("targets", self.name, *key), reason)

    # --- what it refers to --------------------------------------------------------------------------------------------

    def credentials(self, environ: Mapping[str, str]) -> Credentials:
        """The credentials that it refers to.

        Raises:
            CredentialsError: there are none. The text says where they were looked for.
        """
        place, name = self.credentials_in
        try:
            if place == "environment":
                return Credentials.from_environment(environ, name)
            if place == "profile":
                return Credentials.from_profile(name, environ)
            return Credentials.from_chain(environ)
        except CredentialsError as error:
            raise CredentialsError(f"{self.error(('credentials',), '')}{error}") from None

    def secrets(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Name -> value of the secrets that values are derived with.

        Raises:
            CredentialsError: a variable is not set.
        """
        wrong = Complaints()
        found = {
            name: wrong.noted(functools.partial(self._variable, variable, environ, ("secrets", name)))
            for name, variable in self.secret_variables.items()
        }
        wrong.tell()
        return found

    def proxy(self, environ: Mapping[str, str]) -> str | None:
        """The address of the proxy, perhaps with a user and password.

        Raises:
            CredentialsError: the variable that has it is not set.
        """
        if self.proxy_variable is None:
            return self.route.proxy
        return self._variable(self.proxy_variable, environ, ("proxy",))

    def _variable(self, variable: str, environ: Mapping[str, str], key: Key) -> str:
        value = environ.get(variable, "")
        if not value or value != value.strip():
            wrong = "has blanks or a newline around its value" if value else "is not set or empty"
            raise CredentialsError(str(self.error(key, f"the variable {variable} {wrong}. Set it to the value alone")))
        return value

    # --- the descriptions ---------------------------------------------------------------------------------------------

    def check_against(self, descriptions: Iterable[Description]) -> None:
        """Hold what it says of operations to the descriptions there are, that of the gateway included.

        Raises:
            ProfileError: it names an operation, an identifier, a secret or a requirement that does not exist, or binds
                a value that its parameter can't have.
        """
        wrong = Complaints()
        for check in self._checks(tuple(descriptions)):
            wrong.noted(check)
        wrong.tell()

    def _checks(self, described: tuple[Description, ...]) -> Iterator[Callable[[], None]]:
        """One for each thing that it names."""
        name_check = self._check_name
        operations = [each.operation for each in described]
        for index, name in enumerate(self.operations):
            yield functools.partial(name_check, ("operations", index), "operation", name, operations)
        secrets = {name for each in described for name in _secret_names(each)}
        for name in self.secret_variables:
            yield functools.partial(name_check, ("secrets", name), "secret", name, secrets)
        requirements = requirement.by_id(described)
        for each in self.deviations:
            yield functools.partial(each.check_against, requirements)
        for index, pattern in enumerate(self.may_stay_inconclusive):
            yield functools.partial(self._check_pattern, index, pattern, requirements)
        bound = {node.path: node for each in described for node in each.nodes.values() if node.identifier == "bound"}
        for path, value in self.bindings.items():
            yield functools.partial(self._check_binding, path, value, bound)

    def _check_pattern(self, index: int, pattern: str, requirements: Mapping[str, Requirement]) -> None:
        try:
            requirement.select(requirements.values(), pattern)
        except SelectionError as error:
            raise self.error(("may_stay_inconclusive", index), str(error)) from None

    def _check_binding(self, path: str, value: str, bound: Mapping[str, Node]) -> None:
        self._check_name(("bindings", path), "identifier of a target", path, bound)
        broken = next(validator(bound[path].schema).iter_errors(value), None)
        if broken is not None:
            reason = f"can't be this: its {broken.validator} is {broken.validator_value}"
            raise self.error(("bindings", path), reason)

    def bindings_in(self, descriptions: Iterable[Description]) -> dict[str, str]:
        """The bindings, with what has to equal a bound value and is not bound itself."""
        followers = {
            relation.of: self.bindings[relation.other]
            for description in descriptions
            for relation in description.relations
            if relation.word == "equal" and relation.other is not None and relation.other in self.bindings
        }
        return {**followers, **self.bindings}

    def _check_name(self, key: Key, kind: str, name: str, known: Collection[str]) -> None:
        if name not in known:
            raise self.error(key, str(SelectionError(kind, name, known)))


def _secret_names(description: Description) -> Iterator[str]:
    """The names of the secrets that values are derived with."""

    def walk(term: Json) -> Iterator[str]:
        for word, inner in term.items() if isinstance(term, dict) else ():
            if word == "secret" and isinstance(inner, str):
                yield inner
            for each in inner if isinstance(inner, list) else [inner]:
                yield from walk(each)

    for node in description.nodes.values():
        yield from walk(node.derived or {})


# --- reading ----------------------------------------------------------------------------------------------------------


def load(given: str, folder: Path) -> Profile:
    """The profile that a command line names.

    Args:
        given: a name in the file `acs-conformance.toml`; or the path of a file that ends in .toml or has a slash in it,
            with "#" and a name behind it where the file has several.
        folder: where that file is, and what relative paths start from.

    Raises:
        ProfileError: the file can't be read or is not of the form that profiles have.
        SelectionError: it has no such profile.
    """
    path, _, name = given.partition("#")
    is_file = path.endswith(".toml") or "/" in path or "\\" in path
    if not is_file and not (folder / FILE).is_file():
        raise _absent(folder, f" to look up the profile {given!r} in")
    source = profile_file.read(folder / path if is_file else folder / FILE)
    known = source.data["targets"]
    name = name if is_file else given
    if not name and len(known) > 1:
        raise UsageError(f"{path} has several profiles; name one: {' or '.join(f'{path}#{each}' for each in known)}")
    name = name or next(iter(known))
    if name not in known:
        raise SelectionError("profile", name, known)
    return _profile(source, name, given)


def _absent(folder: Path, purpose: str) -> UsageError:
    return UsageError(
        f"there is no {FILE} in {folder.resolve()}{purpose}. "
        "Write one as docs/targets.md shows, or give the path of another file"
    )


def load_all(path: Path | None) -> list[Profile]:
    """Every profile in a file, in its order; None: in the file `acs-conformance.toml` of the current folder.

    Raises:
        ProfileError: the file can't be read or is not of the form that profiles have.
        UsageError: there is no such file.
    """
    if path is None:
        path = Path(FILE)
        if not path.is_file():
            raise _absent(Path(), "")
    source = profile_file.read(path)
    return [_profile(source, name, f"{path}#{name}") for name in source.data["targets"]]


def load_deviations(path: Path) -> tuple[Deviation, ...]:
    """The deviations in a file of their own, for targets without a profile.

    Raises:
        ProfileError: the file can't be read or is not of the form that deviations have.
    """
    return deviation.read(profile_file.read_deviations(path), ())


def _profile(source: TomlSource, name: str, given: str) -> Profile:
    table: Mapping[str, Any] = source.data["targets"][name]
    ((place, value),) = table.get("credentials", {"chain": True}).items()
    proxy = table.get("proxy")
    timeouts = table.get("timeouts", {})
    bundle = table.get("ca_bundle")
    usual = Route()
    spending: Mapping[str, Any] = table.get("budget", {})
    return Profile(
        name=name,
        given_as=given,
        source=source,
        url=table["url"],
        signature=table.get("signature"),
        credentials_in=(place, value if isinstance(value, str) else ""),
        bindings=table.get("bindings", {}),
        secret_variables={key: reference["environment"] for key, reference in table.get("secrets", {}).items()},
        pace=table.get("pace"),
        route=Route(
            connect_s=timeouts.get("connect", usual.connect_s),
            answer_s=timeouts.get("answer", usual.answer_s),
            proxy=proxy if isinstance(proxy, str) else None,
            ca_bundle=None if bundle is None else source.path.parent / Path(bundle).expanduser(),
        ),
        proxy_variable=proxy["environment"] if isinstance(proxy, dict) else None,
        may_stay_inconclusive=tuple(table.get("may_stay_inconclusive", ())),
        operations=tuple(table.get("operations", ())),
        depth=table.get("depth"),
        budget=Limits(
            max_jobs=spending.get("jobs"),
            max_requests=spending.get("requests"),
            max_seconds=spending.get("seconds"),
        ),
        deviations=deviation.read(source, ("targets", name)),
    )
