"""Instruments and checked numbers for a course on recurrent networks."""

__version__ = "0.1.0"
