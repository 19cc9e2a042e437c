"""VAE Lab: train variational auto-encoders, compare them, and see what they learned."""

__version__ = "0.1.0"
