"""Measured, in Chromium: how large report.html is, and how long it takes to open and to filter.

The report is a real one, of a run against the emulator, grown to the wanted size: copies of its operations under other
names, each with its statements, requirements and exchanges, and some requirements made to fail. Times are Chromium's
own (PerformanceNavigationTiming, and marks around a filter until the next frame is drawn); each turn is a new page.

Figures: bytes of report.html and of the files beside it, seconds to write them, milliseconds to DOMContentLoaded, to
the load event, to the first paint with content, and from a typed text to the filtered list.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import measure

#: Of so many requirements one fails.
_FAILING = 50
#: Waits for the filter's own delay, then for the frame that shows its result.
_FILTER = """([text]) => new Promise((done) => {
  const field = document.querySelector("#filter input[type=search]");
  field.value = text;
  const start = performance.now();
  new MutationObserver((_, watch) => {
    watch.disconnect();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
  }).observe(document.querySelector("#filter .hits"), {childList: true, characterData: true, subtree: true});
  field.dispatchEvent(new Event("input", {bubbles: true}));
})"""
_TIMING = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return {dom: page.domContentLoadedEventEnd, load: page.loadEventEnd, paint: paint ? paint.startTime : NaN};
}"""


def real_report() -> dict[str, Any]:
    """The report of a run against the embedded emulator."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "acs_conformance", "run", "--no-self-check", "--report-dir", f"{folder}/run"]
        subprocess.run(command, check=True, capture_output=True, env=measure.environment())
        found: dict[str, Any] = json.loads(Path(folder, "run", "report.json").read_text("utf-8"))
        return found


def grown(report: Mapping[str, Any], requirements: int, exchanges: int) -> dict[str, Any]:
    """The report with so many requirements and exchanges."""
    names = {d["operation"] for d in report["descriptions"]}
    copies = -(-requirements // len(report["requirements"]))
    each = -(-exchanges // copies)
    grown: dict[str, Any] = {**report, "run": {**report["run"]}}
    parts = ("descriptions", "statements", "requirements", "readings", "findings", "exchanges")
    grown |= {part: [] for part in parts}

    def renamed(value: Any, copy: int, shift: int) -> Any:  # noqa: ANN401 - JSON
        """The same of another operation, with the numbers of that operation's exchanges."""
        if isinstance(value, str):
            name = value.partition(".")[0]
            return value.replace(name, f"{name}{copy:02d}", 1) if name in names else value
        if isinstance(value, list):
            return [renamed(item, copy, shift) for item in value]
        if isinstance(value, dict):
            return {key: renamed(item, copy, shift) for key, item in value.items()}
        return value + shift if isinstance(value, int) and not isinstance(value, bool) else value

    for copy in range(copies):
        shift = copy * each
        for part in ("descriptions", "statements"):
            grown[part] += renamed(report[part], copy, 0)
        for part in ("requirements", "readings"):
            for entry in report[part]:
                evidence = renamed(entry["evidence"], copy, shift)
                grown[part].append({**renamed(entry, copy, 0), "evidence": evidence})
        for index, exchange in enumerate(itertools.islice(itertools.cycle(report["exchanges"]), each)):
            number = shift + index + 1
            moved = {"number": number, "sent_at": exchange["sent_at"] + number / 1000}
            grown["exchanges"].append({**renamed(exchange, copy, 0), **moved})
    del grown["requirements"][requirements:], grown["exchanges"][exchanges:]
    _break_some(grown)
    return grown


def _break_some(report: dict[str, Any]) -> None:
    """Let some requirements fail, each with a finding."""
    by_number = {exchange["number"]: exchange for exchange in report["exchanges"]}
    texts = {(s["operation"], s["id"]): s["text"] for s in report["statements"]}
    for requirement in [r for r in report["requirements"] if r["evidence"]][::_FAILING]:
        shown = by_number[requirement["evidence"][0]]
        requirement |= {"verdict": "fail", "failed": len(requirement["evidence"]), "reason": "received 200, accepted"}
        operation, request = requirement["operation"], shown["request"]
        again = {
            "exchange": shown["number"],
            "operation": operation,
            "action": shown["action"] or operation,
            "version": "2016-11-01",
            "signing": "",
            "method": request["method"],
            "target": [request["target"]],
            "headers": [],
            "body": [],
        }
        report["findings"].append(
            {
                "id": f"{requirement['id']}~0",
                "requirement": requirement["id"],
                "requirements": [requirement["id"]],
                "claim": requirement["claim"],
                "statements": [{"id": s, "text": texts[operation, s]} for s in requirement["statements"]],
                "source": f"openapi.yaml:{requirement['line']}",
                "case": shown["case"],
                "received": "200, accepted",
                "allowed": "400 InvalidParameter…",
                "cause": "accepted",
                "exchange": shown["number"],
                "exchanges": requirement["evidence"],
                "rate": {"failed": len(requirement["evidence"]), "tried": len(requirement["evidence"])},
                "curl": f'curl -sS -X POST "$ACS_ENDPOINT{request["target"]}"',
                "requests": [again],
                "replay": f"acs-conformance replay report.json '{requirement['id']}'",
                "again": f"acs-conformance run --only '{requirement['id']}'",
                "is_covered": False,
                "deviations": [],
            }
        )
        for number in requirement["evidence"]:
            by_number[number]["judged"] = "wrong"
    verdicts = [requirement["verdict"] for requirement in report["requirements"]]
    report["run"]["counts"] = {name: verdicts.count(name) for name in report["run"]["counts"]}
    report["run"] |= {"verdict": "fails", "exit_code": 1, "selected": len(verdicts)}


def main() -> None:
    parser = measure.parser(__doc__)
    parser.add_argument("--requirements", type=measure.between(100, 20_000), default=5_000)
    parser.add_argument("--exchanges", type=measure.between(100, 200_000), default=50_000)
    parser.add_argument("--repeats", type=measure.between(1, 50), default=5, help="how often the page is opened")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the report there and leave it")
    options = parser.parse_args()

    from playwright.sync_api import sync_playwright

    from acs_conformance import report as reports
    from acs_conformance.report import pdf

    report = grown(real_report(), options.requirements, options.exchanges)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        start = time.perf_counter()
        reports.write_json(report, folder / "report.json")
        stored = time.perf_counter()
        pages = reports.write_page(report, folder)
        written = time.perf_counter()
        page, beside = pages[0], pages[1:]
        measure.say("requirements, exchanges", f"{len(report['requirements']):,}, {len(report['exchanges']):,}")
        measure.say("report.json, bytes", f"{(folder / 'report.json').stat().st_size:,}")
        measure.say("report.html, bytes", f"{page.stat().st_size:,}")
        measure.say("files beside it", f"{len(beside):,} with {sum(each.stat().st_size for each in beside):,} bytes")
        measure.say("seconds to write report.json", f"{stored - start:.2f}")
        measure.say("seconds to write report.html and the files beside it", f"{written - stored:.2f}")
        with sync_playwright() as playwright:
            arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
            browser = playwright.chromium.launch(executable_path=pdf.find(os.environ), args=arguments)
            taken: list[dict[str, float]] = []
            for _ in range(options.repeats):
                tab = browser.new_page(viewport={"width": 1280, "height": 900})
                tab.goto(page.resolve().as_uri(), wait_until="load")
                found = tab.evaluate(_TIMING)
                for name, text in (("first", "token"), ("next", "maxlength"), ("none", "no such text")):
                    found[name] = tab.evaluate(_FILTER, [text])
                found["elements"] = tab.evaluate("document.getElementsByTagName('*').length")
                tab.close()
                taken.append(found)
            browser.close()
    measure.say("elements", f"{taken[0]['elements']:,.0f}")
    for name, words in (
        ("paint", "to the first paint with content"),
        ("dom", "to DOMContentLoaded"),
        ("load", "to the load event"),
        ("first", "from the first typed text to its list"),
        ("next", "from the next text to its list"),
        ("none", "from a text that is nowhere to the empty list"),
    ):
        measure.say(f"ms {words}", measure.spread([each[name] for each in taken], digits=0))


if __name__ == "__main__":
    main()
