"""`python -m vae_lab.board`: TensorBoard on runs and sweeps. No torch."""
