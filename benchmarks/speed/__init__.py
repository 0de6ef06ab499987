"""How fast the service is, beside its peers: `python -m benchmarks.speed`."""
