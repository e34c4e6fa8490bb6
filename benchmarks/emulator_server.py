"""The emulator with settings that its command has no options for; used by the benchmarks.

It knows the key that the command prints, and says as the command does where it listens.
"""

from __future__ import annotations

import argparse

import measure


def main() -> None:
    parser = measure.parser(__doc__)
    parser.add_argument("--port", type=measure.between(0, 65535), default=0, help="0 takes a free one")
    parser.add_argument("--unchecked", action="store_true", help="check no signature, nonce or date")
    parser.add_argument("--capacity", type=measure.between(1, 1_000_000), help="nonces and jobs that are remembered")
    options = parser.parse_args()

    from acs_conformance import spec_folder
    from acs_conformance.emulator.access_keys import AccessKeys
    from acs_conformance.emulator.core import Emulator, Settings
    from acs_conformance.emulator.server import serve
    from acs_conformance.target import EMULATOR_CREDENTIALS as KEY

    keys = AccessKeys(secrets={KEY.access_key_id: KEY.access_key_secret})
    settings = Settings(authenticate=not options.unchecked, access_keys=keys, **_capacities(options))
    serve(
        Emulator(spec_folder.load_all(), settings=settings),
        "127.0.0.1",
        options.port,
        lambda url: print(f"listening on {url}", flush=True),
    )


def _capacities(options: argparse.Namespace) -> dict[str, int]:
    if options.capacity is None:
        return {}
    return {"nonce_capacity": options.capacity, "job_capacity": options.capacity}


if __name__ == "__main__":
    main()
