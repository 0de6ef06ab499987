"""Speed of the service beside its peers: `python -m benchmarks.speed`."""
