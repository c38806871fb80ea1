"""A DLRM-like recommender (Naumov et al., 2019)."""
