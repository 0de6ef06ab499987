"""The trained models on disk and their documents."""
