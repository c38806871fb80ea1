"""ResNet-18 and ResNet-50 (He et al., 2015), in torchvision's layout."""
