"""`python -m vae_lab`: jobs, sweeps, and runs that are resumed. No torch."""
