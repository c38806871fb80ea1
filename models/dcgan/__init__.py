"""The generator of DCGAN (Radford et al., 2015), 64x64 images."""
