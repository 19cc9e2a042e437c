"""The comparison of runs from their files: a page, and a table for notebooks. No torch.

`load_runs(FOLDER, ...)` gives a pandas data frame, one row per run; `python -m vae_lab.report
FOLDER ...` writes the page.
"""

from vae_lab.report.dataframe import load_runs

__all__ = ["load_runs"]
