"""All runs as tables: asked in SQL, printed so that they fit the terminal."""
