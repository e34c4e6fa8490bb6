"""`python -m acs_conformance.load`: Locust with this package's locustfile, and with Locust's own options."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_USAGE = 2


def main() -> None:
    """Hand over to Locust, which ends the process."""
    if importlib.util.find_spec("locust") is None:
        sys.stderr.write("Locust is not installed. Install it with this package: pip install 'acs-conformance[load]'\n")
        sys.exit(_USAGE)
    if {"-h", "--help"} & set(sys.argv[1:]):
        # Locust prints its help before it reads a locustfile; what is imported has told its options by then.
        importlib.import_module("acs_conformance.load.locustfile")
    sys.argv[:1] = ["python -m acs_conformance.load", "-f", str(Path(__file__).with_name("locustfile.py"))]
    importlib.import_module("locust.main").main()


if __name__ == "__main__":
    main()
