"""Factory physics on top of forecasts: when a target is met, which WIP cap, which release rate."""
