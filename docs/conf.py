"""Sphinx: the site of docs/, built by `make docs`, without a network.

The pages stay readable where the repository is shown: plain links between files, formulas in
dollars. Notebooks are scripts (jupytext), executed while the site is built.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

from vae_lab import __version__

project = "VAE Lab"
author = "VAE Lab authors"
version = release = __version__

# MathJax is part of the site: formulas need no network.
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx-mathjax-offline"]
exclude_patterns = ["_build", "conf.py", "traps/**.py"]

# A name in backticks is code in docstrings too. Members stand in the order of the source.
default_role = "code"
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "cache"
nb_execution_timeout = 900  # seconds of a cell, on a busy machine too
nb_execution_raise_on_error = True

html_theme = "furo"
html_title = "VAE Lab"
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["site.css"]

# A page of the site -> the file of the repository that it shows.
OUTSIDE = {
    "developers/contributing": "CONTRIBUTING.md",
    "developers/changelog": "CHANGELOG.md",
    "developers/security": "SECURITY.md",
    "developers/benches": "bench/README.md",
    "developers/tests": "tests/README.md",
}
ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def read_source(app: Sphinx, page: str, source: list[str]) -> None:
    """Shows a file from outside of docs/ as its page, and leads links to it there."""
    text = source[0]
    folder = (ROOT / "docs" / page).parent
    if page in OUTSIDE:
        path = ROOT / OUTSIDE[page]
        app.env.note_dependency(str(path))  # else a change of it would not be built
        text, folder = path.read_text(encoding="utf-8"), path.parent
    pages = {(ROOT / name).resolve(): page for page, name in OUTSIDE.items()}

    def absolute(link: re.Match[str]) -> str:
        target = (folder / link[1]).resolve()
        if target in pages:
            return f"](/{pages[target]}.md{link[2] or ''})"
        if page in OUTSIDE and target.is_relative_to(ROOT / "docs"):
            return f"](/{target.relative_to(ROOT / 'docs')}{link[2] or ''})"
        return link[0]

    source[0] = LINK.sub(absolute, text)


def setup(app: Sphinx) -> None:
    """Is called by Sphinx."""
    app.connect("source-read", read_source)
