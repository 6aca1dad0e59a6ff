"""Geospatial data platform of a citizen network rooted in each French commune."""

__version__ = "0.1.0"
