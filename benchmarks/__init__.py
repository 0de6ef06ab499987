"""Measurements: each prints tables of its own. Those of jobs use the tests' helpers."""
