"""Pages on paper, by the Chromium that is there.

In: the HTML of a page that loads nothing. Out: the bytes of a PDF. The browser gets a profile of its own and no network
to speak of: the page's policy forbids to load or to run anything.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from acs_conformance.errors import ReportError

#: The variable that names a browser, and the names that one is looked for by.
VARIABLE = "ACS_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
#: Seconds that a page of any size is printed in.
_TIMEOUT_S = 90
_REMEDY = (
    f"Install Chromium or Chrome, or let {VARIABLE} name it; or use --format html and print the page in a browser."
)


def find(environ: Mapping[str, str]) -> str:
    """The path of the browser: what ACS_CHROMIUM names, else the first of the usual names on PATH.

    Raises:
        ReportError: there is none.
    """
    if named := environ.get(VARIABLE):
        if found := shutil.which(named, path=environ.get("PATH")):
            return found
        raise ReportError(f"{VARIABLE} names {named}, where no program is. {_REMEDY}")
    for name in _NAMES:
        if found := shutil.which(name, path=environ.get("PATH")):
            return found
    raise ReportError(f"a PDF is printed by Chromium, and there is none on PATH. {_REMEDY}")


def render(html: str, browser: str) -> bytes:
    """The page as a PDF.

    Raises:
        ReportError: the browser failed or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="acs-conformance-pdf-", ignore_cleanup_errors=True) as folder:
        page, printed = Path(folder) / "page.html", Path(folder) / "page.pdf"
        page.write_text(html, encoding="utf-8", errors="backslashreplace")
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            f"--user-data-dir={folder}/profile",
            "--no-pdf-header-footer",
            f"--print-to-pdf={printed}",
            page.as_uri(),
        ]
        # Chromium has no sandbox for root, as in containers of build servers. The page is our own and runs nothing.
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.insert(1, "--no-sandbox")
        code, said = _run(command)
        if code or not printed.exists():
            raise ReportError(f"{browser} printed no PDF (exit code {code}): {said or 'it said nothing'}. {_REMEDY}")
        return printed.read_bytes()


def _run(command: list[str]) -> tuple[int, str]:
    """Exit code and last line of its errors; a browser that hangs is ended with its children."""
    process = subprocess.Popen(  # noqa: S603 - the user's own browser
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        _, errors = process.communicate(timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise ReportError(f"{command[0]} did not print within {_TIMEOUT_S} s. {_REMEDY}") from None
    lines = errors.decode("utf-8", "replace").strip().splitlines()
    return process.returncode, lines[-1][:300] if lines else ""
