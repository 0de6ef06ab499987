"""Files in a folder or an object store, published atomically; the database engine."""
