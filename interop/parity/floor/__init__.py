"""How far rounding alone takes an output from the truth, in each precision."""
