"""What codes tell of known factors: metrics of disentanglement, one per file."""
