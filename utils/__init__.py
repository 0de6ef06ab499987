"""Shared parts that know nothing of forecasting."""
