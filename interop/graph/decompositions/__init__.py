"""Operators that most frameworks lack, written once in simpler ones, for every target."""
