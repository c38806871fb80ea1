"""MobileNetV2 (Sandler et al., 2018), width 1."""
