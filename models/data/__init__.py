"""Stored data sets: reading tables, cleaning, quality, the Little's Law test over windows."""
