"""The zoo: architectures defined once in each framework, on one shared set of weights."""
