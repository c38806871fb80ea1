"""One function an operator: what it is called in Caffe2."""
