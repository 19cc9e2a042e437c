"""A trained model used on a person's pictures: `python -m vae_lab.apply`."""
