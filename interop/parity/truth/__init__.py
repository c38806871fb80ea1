"""The true outputs: the graph evaluated in float64 from end to end."""
