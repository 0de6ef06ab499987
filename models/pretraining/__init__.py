"""The pretrained network: simulated factories, and a training on them with TensorFlow."""
