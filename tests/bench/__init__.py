"""Measures the platform against named peers on the same machine, in the same run: `make bench`. Asserts nothing."""
