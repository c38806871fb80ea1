"""Caffe2: its pins, its worker, its importer and its exporter."""
