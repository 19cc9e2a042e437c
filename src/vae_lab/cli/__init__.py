"""`python -m vae_lab`: jobs, sweeps, and runs that go on. No torch."""
