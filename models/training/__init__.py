"""Training with TensorFlow: prepare, fit, evaluate, publish."""
