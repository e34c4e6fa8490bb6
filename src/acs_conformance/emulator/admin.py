"""The emulator's own endpoints, for tests of clients: its clock, who publishes, and what there is.

In: a request to a path under `/_emulator/`. Out: JSON, about nothing that the described service has. Served only where
the server is told to: whoever reaches these can end everything that the emulator keeps.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from acs_conformance.description import Json, Shows
from acs_conformance.emulator.core import Emulator
from acs_conformance.emulator.jobs import Job
from acs_conformance.emulator.showing import masked
from acs_conformance.message import RawRequest, RawResponse, header

PREFIX = "/_emulator"
CLOCK = f"{PREFIX}/clock"
PUBLISHER = f"{PREFIX}/publisher"
JOBS = f"{PREFIX}/jobs"

#: Tells whoever calls an operation that lives need not be waited for.
ADVERT = ("x-emulator-clock", CLOCK)

#: Seconds that the clock may be moved by at once: more than thirty years are a mistake.
_MOST_S = 1e9
_USUAL_LIMIT = 100


class _Refused(Exception):  # noqa: N818 - an answer rather than an error
    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status


class Admin:
    """The endpoints of one emulator.

    Args:
        emulator: whose clock is moved.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    @staticmethod
    def is_meant(target: str) -> bool:
        """Whether a request target is one of these endpoints."""
        path = target.partition("?")[0]
        return path == PREFIX or path.startswith(f"{PREFIX}/")

    def handle(self, request: RawRequest) -> RawResponse:
        """The answer to a request to one of the endpoints."""
        try:
            status, body = 200, self._answer(request)
        except _Refused as refused:
            status, body = refused.status, {"error": str(refused)}
        return RawResponse(
            status=status,
            headers=(("content-type", "application/json"), ("cache-control", "no-store")),
            body=json.dumps(body).encode("ascii"),
        )

    def _answer(self, request: RawRequest) -> Json:
        path, _, query = request.target.partition("?")
        paths = {CLOCK: self._clock, PUBLISHER: self._publisher}
        if path == JOBS:
            if request.method != "GET":
                raise _Refused(405, f"{path} is only for GET")
            return self._jobs(query)
        if path not in paths:
            raise _Refused(404, f"there is no {path}; there are {CLOCK}, {PUBLISHER} and {JOBS}")
        if request.method == "GET":
            return paths[path](None)
        if request.method != "POST":
            raise _Refused(405, f"{path} is for GET and POST")
        return paths[path](_members(request))

    def _clock(self, members: Mapping[str, Json] | None) -> Json:
        if members is not None:
            _only(members, "advance_s")
            seconds: Any = members.get("advance_s")
            if not _is_number(seconds) or not 0 <= seconds <= _MOST_S:
                raise _Refused(400, f"advance_s is no number of seconds from 0 to {_MOST_S:.0f}")
            self._emulator.advance(seconds)
        life = self._emulator.life
        return {"time_s": life.now_s(), "advanced_s": life.advanced_s}

    def _publisher(self, members: Mapping[str, Json] | None) -> Json:
        if members is not None:
            _only(members, "present", "where", "job")
            is_present, where, job_id = members.get("present"), members.get("where", {}), members.get("job")
            if not isinstance(is_present, bool):
                raise _Refused(400, "present is neither true nor false")
            if not isinstance(where, dict):
                raise _Refused(400, 'where is no object such as {"PATH.OF.A.PARAMETER": VALUE}')
            known = {path for each in self._emulator.descriptions.values() if each.creates for path in each.nodes}
            unknown = sorted(where.keys() - known)
            if unknown:
                raise _Refused(400, f"where has {', '.join(unknown)}, which nothing is created with")
            if job_id is not None and (not isinstance(job_id, str) or self._emulator.jobs.get(job_id) is None):
                raise _Refused(404, "job is no id of anything there is")
            if is_present:
                self._emulator.join(where, job_id=job_id)
            elif not self._emulator.leave(where, job_id=job_id):
                raise _Refused(404, "nobody has joined with these members")
        publishers = [{"job": job_id, "where": where} for job_id, where in self._emulator.life.publishers()]
        return {"publishers": publishers}

    def _jobs(self, query: str) -> Json:
        jobs = self._emulator.jobs
        asked = parse_qs(query)
        try:
            limit = int(asked.get("limit", [str(_USUAL_LIMIT)])[0])
        except ValueError:
            raise _Refused(400, "limit is no whole number") from None
        wanted = asked.get("id")
        found = [jobs.get(each) for each in wanted] if wanted else list(jobs)[::-1]
        shown = [self._job(job) for job in itertools.islice(found, max(0, limit)) if job is not None]
        return {"count": len(jobs), "jobs": shown}

    def _job(self, job: Job) -> Json:
        life, shows = self._emulator.life, self._shows(job)
        creator = self._emulator.descriptions.get(job.operation)
        state = life.state(job, shows) if shows else None
        return {
            "id": job.id,
            "operation": job.operation,
            "state": state,
            "has_ended": life.has_ended(job),
            "created_s": job.created_s,
            "idle_limit_s": job.idle_limit_s,
            "idle_since_s": job.idle_since_s,
            # Nothing is shown of a thing whose contract, and with it its credentials, is not known.
            "parameters": masked(job.document, creator) if creator else None,
        }

    def _shows(self, job: Job) -> Shows | None:
        """How an operation shows a thing, if one does."""
        for description in self._emulator.descriptions.values():
            acts_on = description.acts_on
            if acts_on is not None and acts_on.shows is not None and acts_on.creator.operation == job.operation:
                return acts_on.shows
        return None


def _members(request: RawRequest) -> Mapping[str, Json]:
    """The JSON object in a request. Its type is asked for, so that no page in a browser can send one unnoticed."""
    if not (header(request.headers, "content-type") or "").startswith("application/json"):
        raise _Refused(415, "the body is not said to be application/json")
    try:
        members: Any = json.loads(request.body)
    except (ValueError, RecursionError):
        raise _Refused(400, "the body is no JSON") from None
    if not isinstance(members, dict):
        raise _Refused(400, "the body is no JSON object")
    return members


def _only(members: Mapping[str, Json], *known: str) -> None:
    unknown = sorted(members.keys() - set(known))
    if unknown:
        raise _Refused(400, f"unknown {', '.join(unknown)}; known: {', '.join(known)}")


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
