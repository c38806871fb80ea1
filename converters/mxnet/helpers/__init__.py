"""Functions that are printed into `model.py` where they are used. `mx`, `np` and `npx` are MXNet's
symbols there: a function takes and gives symbols, whose shapes nobody knows before they are bound."""
