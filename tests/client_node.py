"""The official clients for Node.js, each way of using them as one `Client`; and where their packages come from."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import filelock

from client_calls import Call, Keys, Outcome

ROOT = Path(__file__).parent.parent
SCRIPTS = Path(__file__).parent / "clients" / "node"
#: A node_modules folder to use as it is, and what leaves these tests out where there is no Node.js.
MODULES_VARIABLE, SKIP_VARIABLE = "ACS_NODE_MODULES", "ACS_SKIP_NODE"
_REMEDY = f"Install Node.js 18 or later with npm, or set {SKIP_VARIABLE}=1 to leave the tests of its clients out."


def installed_modules(cache: Path = ROOT / ".cache" / "clients-node") -> Path:
    """A node_modules folder with what package.json pins; filled by npm once, whoever asks first.

    Raises:
        RuntimeError: there is no Node.js or no npm, or npm failed.
    """
    if shutil.which("node") is None:
        raise RuntimeError(f"The official Node.js clients can't be run: there is no node. {_REMEDY}")
    if given := os.environ.get(MODULES_VARIABLE):
        if not (Path(given) / "@alicloud").is_dir():
            raise RuntimeError(f"{MODULES_VARIABLE} names {given}, where no @alicloud is. Give a node_modules folder.")
        return Path(given)
    package = SCRIPTS / "package.json"
    folder = cache / hashlib.sha256(package.read_bytes()).hexdigest()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(cache / "lock"):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                # Renamed when it is whole: an npm that is killed leaves nothing that looks installed.
                whole = Path(scratch) / "whole"
                whole.mkdir()
                shutil.copy(package, whole)
                _npm_install(whole)
                whole.rename(folder)
    return folder / "node_modules"


def _npm_install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError(f"The official Node.js clients can't be installed: there is no npm. {_REMEDY}")
    # Scripts of packages are not run: none is needed, and they could fetch anything.
    command = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
    if told.returncode:
        raise RuntimeError(f"npm could not install the official clients. {_REMEDY} It said:\n{told.stderr[-2000:]}")


def run_node(arguments: Sequence[str], modules: Path, told: str = "") -> str:
    """What node prints, told something on its standard input."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ALIBABA_CLOUD_")}
    environ["NODE_PATH"] = str(modules)
    done = subprocess.run(["node", *arguments], input=told, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(frozen=True, kw_only=True)
class NodeClient:
    """A client for Node.js, run by a script of `tests/clients/node/`."""

    name: str
    signature: str
    script: str
    options: Mapping[str, Any]
    choices: Mapping[str, str] = field(default_factory=dict)

    def send(self, url: str, keys: Keys, calls: Sequence[Call]) -> list[Outcome]:
        # Keys go by standard input: a command line is there for everyone to see.
        told = {
            "endpoint": url.removeprefix("http://"),
            "credentials": {"accessKeyId": keys.id, "accessKeySecret": keys.secret, "securityToken": keys.token},
            "options": self.options,
            "calls": [
                {
                    "action": call.description.operation,
                    "version": call.description.version,
                    "method": call.description.method,
                    "path": call.description.path,
                    "parameters": call.parameters,
                }
                for call in calls
            ],
        }
        lines = run_node([str(SCRIPTS / self.script)], installed_modules(), json.dumps(told)).splitlines()
        assert len(lines) == len(calls)
        return [_outcome(json.loads(line)) for line in lines]


def _outcome(told: Mapping[str, Any]) -> Outcome:
    body = told.get("body") or {}
    return Outcome(
        error=told.get("error"),
        status=told.get("status"),
        code=told.get("code"),
        message=told.get("message"),
        request_id=told.get("requestId") or body.get("RequestId"),
        retry_after_ms=told.get("retryAfterMs"),
        body=body,
    )


_GET = {"wire.method": "taken"}


def _openapi(package: str, algorithm: str | None = None) -> NodeClient:
    return NodeClient(
        name=package if algorithm is None else f"{package} {algorithm}",
        signature="V3" if algorithm is None else "V1",
        script="openapi.js",
        options={"package": f"@alicloud/{package}", "signatureAlgorithm": algorithm},
    )


CLIENTS = (
    _openapi("openapi-core"),
    _openapi("openapi-core", "v2"),
    _openapi("openapi-client"),
    _openapi("openapi-client", "v2"),
    NodeClient(name="pop-core GET", signature="V1", script="pop-core.js", options={"method": "GET"}, choices=_GET),
    NodeClient(name="pop-core POST", signature="V1", script="pop-core.js", options={"method": "POST"}),
)
