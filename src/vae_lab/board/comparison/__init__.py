"""The runs of a sweep in one picture for each kind: the run `comparison` in TensorBoard."""
