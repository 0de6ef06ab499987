"""Schemathesis against a running service, with what its hooks add."""
