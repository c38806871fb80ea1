"""Input sets: drawn from the signature and the graph, searched for, or the user's own."""
