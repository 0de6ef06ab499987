"""A cluster under faults, and the check of its history."""
