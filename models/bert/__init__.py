"""A BERT-like encoder (Devlin et al., 2018), four layers of width 256."""
