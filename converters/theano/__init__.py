"""Theano: its pins, its worker, its importer and its exporter."""
