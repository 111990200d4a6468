"""Other libraries in and out. Nothing is imported before it is asked for."""
