"""Completion: draws of what is missing of an image, given the rest of it."""
