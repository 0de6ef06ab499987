"""Compression of models and the import of legacy ones."""
