"""U-Net (Ronneberger et al., 2015) with batch norm, four levels."""
