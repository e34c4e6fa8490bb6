"""The locustfile: each of Locust's users is one caller of the described operations.

In: Locust's command line, with the options below. Out: one request in Locust's statistics for each one that was sent.
The only module that imports Locust, and with it gevent, which replaces Python's sockets and threads.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
from pathlib import Path
from typing import Any

import gevent
from locust import User, events, task
from locust.exception import CatchResponseError, StopUser
from locust.runners import WorkerRunner

from acs_conformance.errors import UsageError
from acs_conformance.gateway_checks import Scheme
from acs_conformance.load import traffic

_LOG = logging.getLogger(__name__)
_LOOPBACK = "127.0.0.1"
_USAGE = 2


@events.init_command_line_parser.add_listener
def _add_options(parser: Any) -> None:  # noqa: ANN401 - Locust's own
    # Options of a group are not shown in the web interface: what is sent is decided where credentials are.
    group = parser.add_argument_group("acs-conformance", "What is sent to --host, and how")
    group.add_argument(
        "--acs-operation",
        metavar="NAME",
        action="append",
        default=[],
        help="operation to call, may come several times; all that are described if none",
    )
    group.add_argument(
        "--acs-signature", choices=("v3", "v1"), default="v3", help="how requests are signed, v3 if not told"
    )
    group.add_argument(
        "--acs-valid",
        action="store_true",
        help="send valid requests too, every other one: each creates something at the target",
    )
    group.add_argument("--acs-spec", metavar="DIR", help="folder with descriptions, instead of those that ship")
    # Whoever reaches these can have requests signed; Locust's own default is every interface.
    parser.set_defaults(web_host=_LOOPBACK, master_bind_host=_LOOPBACK)


class Caller(User):
    """Calls over a connection of its own, one request after the other, and waits where it is told to."""

    _caller: traffic.Caller | None = None

    def on_start(self) -> None:
        """Make ready; say so where that can't be done, as with an address typed into the web interface."""
        try:
            self._caller = _traffic(self.environment).caller()
        except UsageError as error:
            shown = UsageError(_shown(error))
            _LOG.error(str(shown))
            self.environment.events.user_error.fire(user_instance=self, exception=shown, tb=None)

    @task
    def call(self) -> None:
        """Send one request and count it."""
        if self._caller is None:
            raise StopUser  # here, for Locust would print a traceback of the one in on_start
        outcome = self._caller.call()
        self.environment.events.request.fire(
            request_type=outcome.method,
            name=outcome.name,
            response_time=outcome.elapsed_s * 1000,
            response_length=outcome.size,
            exception=CatchResponseError(outcome.failure) if outcome.failure else None,
            context={},
        )
        if outcome.wait_s:
            gevent.sleep(outcome.wait_s)

    def on_stop(self) -> None:
        """Close the connection, if there is one."""
        if self._caller is not None:
            self._caller.close()


def _traffic(environment: Any) -> traffic.Traffic:  # noqa: ANN401 - Locust's own
    """What all users of one test share.

    Raises:
        UsageError: what was asked for can't be done.
    """
    options = environment.parsed_options
    return _cached(
        environment.host or "",
        tuple(options.acs_operation),
        options.acs_signature,
        options.acs_valid,
        options.acs_spec,
    )


@functools.cache
def _cached(
    host: str, operations: tuple[str, ...], scheme: Scheme, has_valid: bool, spec: str | None
) -> traffic.Traffic:
    root = Path(spec) if spec else None
    return traffic.Traffic(host, os.environ, operations=operations, scheme=scheme, has_valid=has_valid, spec_root=root)


def _shown(error: UsageError) -> str:
    """The error in the words of this command line."""
    return str(error).replace("--target", "--host")


@events.init.add_listener
def _check(environment: Any, **_: object) -> None:  # noqa: ANN401 - Locust's own
    """Refuse what can't be done before anything starts; a worker has to be told by its master first."""
    is_told = environment.host or environment.parsed_options.headless
    if is_told and not isinstance(environment.runner, WorkerRunner):
        try:
            _traffic(environment)
        except UsageError as error:
            sys.stderr.write(f"error: {_shown(error)}\n")
            sys.exit(_USAGE)


@events.test_start.add_listener
def _forget(**_: object) -> None:
    """Look for credentials anew: temporary ones may have run out since the last test."""
    _cached.cache_clear()


@events.quitting.add_listener
def _fail_without_requests(environment: Any, **_: object) -> None:  # noqa: ANN401 - Locust's own
    """A test of which no request came back shows nothing; a worker that could not begin tells its master nothing."""
    is_test = environment.parsed_options.headless and not isinstance(environment.runner, WorkerRunner)
    if is_test and not environment.stats.total.num_requests and environment.process_exit_code is None:
        environment.process_exit_code = _USAGE
