"""Backtests of a published model from rolling origins."""
