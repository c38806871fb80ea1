"""Semantics too long for one expression: TensorFlow functions that are printed into model.py.

They are read as text and printed where they are used, together with those of the same file that they
call; a file names nothing of another.
"""
