"""Lowering by writing source: a node becomes an expression, a graph a readable module."""
