"""A GPT-2-like decoder (Radford et al., 2019), four layers of width 256, tied head."""
