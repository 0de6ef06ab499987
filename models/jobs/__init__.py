"""The job engine (DBOS) and the training worker."""
