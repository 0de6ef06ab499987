"""Advice for planners, held to simulated lines: `python -m benchmarks.planning`."""
