"""This repository's defaults for pytest and Hypothesis; no logic."""

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent / "tests"))  # helper modules of the tests
settings.register_profile("project", deadline=None, print_blob=True)
settings.load_profile("project")
