"""Inference for a trained decoder: estimators of the true posterior and of log p(x)."""
