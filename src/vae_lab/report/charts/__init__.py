"""The charts of a report: curves, the parts of the bound, latent dimensions, interpolations."""

from vae_lab.report.charts.every import draw_all

__all__ = ["draw_all"]
