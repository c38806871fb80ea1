"""Lowerings, by subject."""
