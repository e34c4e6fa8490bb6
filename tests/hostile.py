"""What a hostile target answers, put on every text of a report that it could reach."""

from __future__ import annotations

import json
from pathlib import Path

SAMPLE = Path(__file__).parent / "data" / "report-sample.json"
#: Members that a writer looks up or the schema enumerates.
_FIXED = {"verdict", "judged", "observed", "started_at", "ended_at", "schema_version", "method", "depth", "sha256"}
_FIXED |= {"state"}


def sample():
    """A report with every kind of outcome in it."""
    return json.loads(SAMPLE.read_text("utf-8"))


def poisoned(value, poison, name=""):
    """The report with a hostile end on every text but empty ones; the same on each, so that references still hold."""
    if isinstance(value, dict):
        return {key: poisoned(item, poison, key) for key, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item, poison, name) for item in value]
    return value + poison if isinstance(value, str) and value and name not in _FIXED else value
