"""One folder a framework: all that is known about it, and nothing about any other."""
