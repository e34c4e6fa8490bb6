"""Load tests with Locust: requests of the descriptions, signed, in as many processes as it takes.

`python -m acs_conformance.load` starts Locust with the locustfile of this package. Nothing is imported here, for Locust
changes what Python's own sockets and threads do as soon as it is imported; only `locustfile` imports it.
"""
