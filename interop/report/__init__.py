"""Renderings of the evidence. None of them computes anything."""
