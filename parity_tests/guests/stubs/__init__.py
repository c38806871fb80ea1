"""Guests with planted faults, for tests of what becomes of them."""
