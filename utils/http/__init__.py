"""Everything that imports Flask besides `app.py`: bodies, errors, headers, streams, limits."""
