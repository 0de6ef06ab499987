"""Accuracy of forecasts beside peers: `python -m benchmarks.accuracy`."""
