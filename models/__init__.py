"""The domain: data, networks, training, forecasts, jobs."""
