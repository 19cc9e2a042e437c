"""Labels at what they name."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from vae_lab.report.charts.labels import HEIGHT, MOST_STEPS, Label, apart, at_ends, beside

AREA = 120.0  # points


@given(st.lists(st.floats(0, 1), max_size=9).map(sorted), st.floats(0.01, 0.3))
def test_places_are_apart_in_their_order_and_not_moved_as_a_whole(
    values: list[float], pitch: float
) -> None:
    places = apart(values, pitch)
    gaps = [high - low for low, high in pairwise(places)]
    assert all(gap >= pitch - 1e-9 for gap in gaps)
    assert sum(places) == pytest.approx(sum(values))


def test_what_is_apart_stays() -> None:
    assert apart([0.1, 0.5, 0.9], 0.2) == pytest.approx([0.1, 0.5, 0.9])
    assert apart([0.5, 0.5], 0.2) == pytest.approx([0.4, 0.6])


def labelled(heights: list[float]) -> list[Annotation] | None:
    """The labels at the ends of lines of some heights in [0, 1], if they have room."""
    axis = Figure().subplots()
    axis.set(xlim=(0, 1), ylim=(0, 1))
    labels = [Label(str(k), 1.0, height, "#468de5") for k, height in enumerate(heights)]
    if not at_ends(axis, labels, height=AREA):
        assert not axis.texts
        return None
    assert all(isinstance(text, Annotation) for text in axis.texts)
    return [text for text in axis.texts if isinstance(text, Annotation)]


def test_labels_stand_at_the_ends_of_their_lines_if_they_have_room() -> None:
    texts = labelled([0.5, 0.5, 1.0])
    assert texts is not None
    places = [text.xyann[1] for text in texts]
    assert places == pytest.approx([0.45, 0.55, 1.0])
    assert [text.arrow_patch is not None for text in texts] == [True, True, False]
    count = int(AREA / HEIGHT)
    assert labelled([k / count for k in range(count + 1)]) is None, "more than fit"
    assert labelled([0.5] * (2 * MOST_STEPS + 2)) is None, "too far from their lines"


def test_labels_beside_points_cover_nothing() -> None:
    axis = Figure().subplots()
    axis.set(xlim=(0, 100), ylim=(0, 100))
    points = [Label("a", 50, 50, ""), Label("b", 58, 50, ""), Label("c", 97, 50, "")]
    assert beside(axis, points, [], width=100, height=100)
    texts = [text for text in axis.texts if isinstance(text, Annotation)]
    # A neighbour at the right, then a neighbour at the left, then the edge at the right.
    assert texts[0].xyann[0] < 0 < texts[1].xyann[0] and texts[2].xyann[0] < 0
    covered = Figure().subplots()
    covered.set(xlim=(0, 100), ylim=(0, 100))
    assert beside(covered, points[:1], [Label("bound", 55, 60, "")], width=100, height=100)
    assert [text.xyann[0] < 0 for text in covered.texts if isinstance(text, Annotation)] == [True]
    crowd = [Label("a long label", 50, 50 + k / 10, "") for k in range(30)]
    assert not beside(Figure().subplots(), crowd, [], width=100, height=100)
