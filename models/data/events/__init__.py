"""Event logs: a row a unit, a step of a unit, or a change of its state → series, flow figures."""
