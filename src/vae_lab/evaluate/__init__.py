"""`python -m vae_lab.evaluate`: the numbers of a trained model, a subject a file."""
