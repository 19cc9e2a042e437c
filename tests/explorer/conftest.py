"""The page's maths in one V8 per file of tests."""

from collections.abc import Iterator

import pytest
from page_maths import PageMaths, page_maths


@pytest.fixture(scope="module")
def maths() -> Iterator[PageMaths]:
    with page_maths() as started:
        yield started
