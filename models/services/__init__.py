"""Trainings, backtests, the operation page, master data: what several endpoints share."""
