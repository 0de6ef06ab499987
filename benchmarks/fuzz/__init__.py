"""Schemathesis against a running service: what it is shown, and where it may not be held to it."""
