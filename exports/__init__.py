"""The store → files."""
