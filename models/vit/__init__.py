"""ViT-Tiny/16 (Dosovitskiy et al., 2020; Touvron et al., 2021), six layers."""
