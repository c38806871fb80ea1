"""Functions that written models carry with them, printed as they stand here when they are used.

They run while the functional model is built, so they see KerasTensors, whose dynamic sizes are None.
"""
