"""Files in a folder or an object store, published whole; the database engine."""
