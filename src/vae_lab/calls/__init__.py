"""Training from Python, `vae_lab.train` and `vae_lab.sweep`, as the command line does it."""
