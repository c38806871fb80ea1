"""Semantics too long for one expression: JAX functions that are printed into model.py.

They are read as text and printed where they are used, together with those that they call.
"""
