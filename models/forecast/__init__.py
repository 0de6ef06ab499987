"""Forecasts of a published model, with NumPy and ONNX Runtime only."""
