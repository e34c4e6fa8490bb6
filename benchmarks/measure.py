"""What the benchmarks share: an emulator in a process of its own, turns of A B A B, medians, and printing.

Nothing here leaves the loopback interface.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
OPERATION = "StartRtcCloudTranscode"
OPENAPI = ROOT / "spec" / "live" / "2016-11-01" / OPERATION / "openapi.yaml"
CACHE = ROOT / ".cache"

#: Seconds in which a server has to start, and in which a process that is told to end has to.
_START_S = 30.0
_END_S = 10.0

T = TypeVar("T")


def parser(docstring: str | None) -> argparse.ArgumentParser:
    """A parser whose help is what the script's docstring says."""
    return argparse.ArgumentParser(description=docstring, formatter_class=_Formatter)


class _Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    pass


def between(least: int, most: int) -> Callable[[str], int]:
    """The type of an option that takes a whole number within limits."""

    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{value} is not between {least} and {most}")
        return value

    return number


def environment(**more: str) -> dict[str, str]:
    """The environment for a child: without anybody's cloud credentials."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ALIBABA_CLOUD_")} | more


# --- processes --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def process(command: Sequence[str], **more: str) -> Iterator[subprocess.Popen[str]]:
    """A child with its output in a pipe, which is ended with the context."""
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment(**more), cwd=ROOT
    )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(_END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()


def emulator_command(port: int = 0, *settings: str) -> list[str]:
    """The command that serves the emulator as users start it; with `settings`, emulator_server.py with these."""
    server = (
        [str(Path(__file__).with_name("emulator_server.py"))] if settings else ["-m", "acs_conformance", "emulator"]
    )
    return [sys.executable, *server, "--port", str(port), *settings]


@contextlib.contextmanager
def emulator(*settings: str) -> Iterator[tuple[str, int]]:
    """The emulator in a process of its own: its URL and its process id. For `settings` see `emulator_command`."""
    with process(emulator_command(0, *settings)) as child:
        url = ""
        for line in child.stdout or ():
            if line.startswith("listening on "):
                url = line.split()[-1]
                break
        if not url:
            raise SystemExit("the emulator did not start")
        wait_for(url)
        yield url, child.pid


def wait_for(url: str) -> None:
    """Wait until somebody listens."""
    parts = urlsplit(url)
    deadline = time.monotonic() + _START_S
    while True:
        try:
            socket.create_connection((parts.hostname or "", parts.port or 0), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise SystemExit(f"nothing listens at {url} after {_START_S:g} s") from None
            time.sleep(0.005)
        else:
            return


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def cpu_seconds(pid: int) -> float | None:
    """Processor seconds that a process has used; None where the system doesn't tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int | None:
    """Memory that a process has in use (RSS); None where the system doesn't tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


# --- figures ----------------------------------------------------------------------------------------------------------


def alternate(runs: Mapping[str, Callable[[], T]], repeats: int) -> dict[str, list[T]]:
    """Run each in turn, so many times, A B A B: what slows the machine down for a while then slows down both."""
    found: dict[str, list[T]] = {name: [] for name in runs}
    for number in range(repeats):
        for name, run in runs.items():
            print(f"  turn {number + 1} of {repeats}: {name}", file=sys.stderr)
            found[name].append(run())
    return found


def spread(values: Sequence[float], unit: str = "", digits: int = 2) -> str:
    """Median, least and greatest."""
    shown = [f"{value:,.{digits}f}" for value in (statistics.median(values), min(values), max(values))]
    return f"{shown[0]}{unit} (from {shown[1]} to {shown[2]})"


def ratio(over: Sequence[float], under: Sequence[float]) -> str:
    """Median of the ratios, turn by turn, and their range."""
    return spread([a / b for a, b in zip(over, under, strict=True)])


def say(name: str, value: object) -> None:
    """One figure."""
    print(f"{name:<64} {value}", flush=True)
