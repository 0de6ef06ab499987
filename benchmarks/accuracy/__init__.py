"""How good forecasts are, side by side with peers: `python -m benchmarks.accuracy`."""
