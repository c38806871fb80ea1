"""The lowerings, by subject."""
