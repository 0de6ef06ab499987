"""Reading of tables as people have them: files, encodings, dialects, columns, dates, numbers."""
