"""Makes report.png anew: a real run against a server with one defect, its report.html, and a browser's picture of it.

    python docs/images/remake.py

Needs Chromium or Chrome, on PATH or named by ACS_CHROMIUM. Run it after a change of the report's looks.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from acs_conformance import run_conformance, start_emulator
from acs_conformance.report import pdf

OPERATION = "StartRtcCloudTranscode"
#: A defect that a reader understands at a glance.
FAULT = f"{OPERATION}.AppId.maxLength!limit#65"
PICTURE = Path(__file__).parent / "report.png"
#: Pixels: the column of a README, and about what a screen shows at once.
WIDTH, HEIGHT = 1100, 1000


def main() -> None:
    """Run, report, take the picture."""
    browser = pdf.find(os.environ)
    with tempfile.TemporaryDirectory(prefix="acs-conformance-picture-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with start_emulator(fault=FAULT) as emulator:
            result = run_conformance(
                OPERATION,
                target=emulator.url,
                credentials=emulator.access_key,
                self_check=True,
                report_dir=folder / "report",
            )
        if [finding.requirement for finding in result.findings] != [FAULT.partition("!")[0]]:
            sys.exit(f"the run did not show what the picture is to show:\n{result}")
        command = [
            browser,
            "--headless",
            "--no-sandbox",  # for root, as in containers; the page is our own
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
            "--force-color-profile=srgb",
            f"--user-data-dir={folder / 'profile'}",
            f"--window-size={WIDTH},{HEIGHT}",
            f"--screenshot={PICTURE}",
            (folder / "report/report.html").as_uri(),
        ]
        subprocess.run(command, check=True, timeout=120, stderr=subprocess.DEVNULL)
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
