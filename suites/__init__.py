"""The conformance suites: what is run against a target. One function for each family, one item for each requirement."""
