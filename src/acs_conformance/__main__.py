"""`python -m acs_conformance`: the command line."""

from acs_conformance.cli import main

main()
