"""The emulator that the processes of one pytest run share, as a process of its own.

In: the folder that they share. Out: its address, whoever of them started it. The controller ends it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from filelock import FileLock

_NOTE = "emulator.txt"
_START_S = 20.0


def address(folder: Path, spec_root: Path | None) -> str:
    """The embedded emulator's address; whoever comes first starts it, as a process of its own."""
    note = folder / _NOTE
    with FileLock(folder / ".emulator.lock"):
        if note.exists():
            return note.read_text(encoding="utf-8").split()[0]
        command = [sys.executable, "-m", "acs_conformance", "emulator", "--port", "0"]
        if spec_root is not None:
            command += ["--spec", str(spec_root)]
        environ = {k: v for k, v in os.environ.items() if not k.startswith("ALIBABA_CLOUD_ACCESS_KEY")}
        log = folder / "emulator.log"
        opened = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        # Not a Popen: the process outlives the worker that happens to start it; the controller ends it.
        pid = os.posix_spawn(sys.executable, command, environ, file_actions=[opened, (os.POSIX_SPAWN_DUP2, 1, 2)])
        started = _first_line(log, pid)
        note.write_text(f"{started} {pid}", encoding="utf-8")
        return started


def _first_line(log: Path, pid: int) -> str:
    """The address in "listening on <address>", once the emulator has said it."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        line, ended, _ = log.read_text(encoding="utf-8").partition("\n")
        if ended and line.startswith("listening on "):
            return line.split()[-1]
        if os.waitpid(pid, os.WNOHANG) != (0, 0):
            break
        time.sleep(0.02)
    raise RuntimeError(f"the embedded emulator did not start: {log.read_text(encoding='utf-8') or 'no output'}")


def stop(folder: Path) -> None:
    """End it, if it was started."""
    note = folder / _NOTE
    if not note.exists():
        return
    pid = int(note.read_text(encoding="utf-8").split()[1])
    note.unlink()
    try:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):  # gone already, or the child of a worker
        return
