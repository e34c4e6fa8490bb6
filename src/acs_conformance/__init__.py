"""Contract tests for cloud APIs: a verdict for every documented sentence, from a machine-readable description."""

__version__ = "0.1.0"

__all__ = ["__version__"]
