"""Pictures and reports of a model."""
