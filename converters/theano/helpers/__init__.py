"""Functions that are printed into `model.py` where they are used. Python 3.6; T is theano.tensor."""
