"""The one place the version is written down; the build reads it from here."""

__version__ = "0.1.0"
