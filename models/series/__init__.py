"""Panels of series: calendar, windows, scaling, features, error measures."""
