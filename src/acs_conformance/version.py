"""The version, where modules can read it without importing the public names of the package."""

__version__ = "0.1.0"
