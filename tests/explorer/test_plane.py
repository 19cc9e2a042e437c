"""The page's part "The plane": places, ellipses, contours, and work in slices of time.

The scripts run in V8, without a browser.
"""

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from py_mini_racer import MiniRacer

from vae_lab.explorer.page import scripts

FILES = (
    *(
        "maths/posteriors",
        "maths/ellipse",
        "view/classes/labels",
        "view/store",
        "view/plane/geometry/window",
    ),
    *("view/plane/geometry/contours", "view/plane/drawing/slices", "view/plane/drawing/map"),
    *("view/plane/drawing/codes", "view/plane/drawing/axes"),
)
DIAGONAL = {"origin": [0, 0, 0], "directions": [[0.6, 0.8, 0], [0, 0, 1]]}
RUN = {"latentDim": 3, "means": [[1, 2, 3], [-4, 0, 0.5]]}
PRIOR = {"priorMean": [0, 0, 0], "priorScale": [1, 1, 1]}


class Page:
    """The scripts, with values as JSON."""

    def __init__(self, engine: MiniRacer) -> None:
        self.engine = engine
        engine.eval(scripts(FILES))

    def value(self, body: str, **names: Any) -> Any:
        """Returns what the body of a function returns, in which names have values."""
        given = "".join(f"const {name} = {json.dumps(value)};" for name, value in names.items())
        typed = "(key, value) => (ArrayBuffer.isView(value) ? [...value] : value)"
        found = self.engine.eval(f"JSON.stringify((() => {{{given} {body}}})(), {typed})")
        return json.loads(str(found))


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    # An open one keeps the process from ending.
    with MiniRacer() as engine:
        yield Page(engine)


def test_a_pixel_has_the_place_that_is_drawn_there(page: Page) -> None:
    x, y, place = page.value(
        "const w = new PlaneWindow([1, -2], [2, 4]); w.fit(10, 20, 400, 200);"
        "return [w.x(2), w.y(0), w.place(w.x(2), w.y(0))];"
    )
    assert (x, y) == (310, 70)
    assert place == pytest.approx([2, 0])


def test_a_pixel_outside_has_the_nearest_place(page: Page) -> None:
    place = page.value(
        "const w = new PlaneWindow([0, 0], [1, 1]); w.fit(0, 0, 100, 100);return w.place(-50, 75);"
    )
    assert place == [-1, -0.5]


def test_codes_are_projected_onto_the_plane(page: Page) -> None:
    places = page.value("return placesOfCodes(run.means, axes);", run=RUN, axes=DIAGONAL)
    assert places == pytest.approx([2.2, 3, -2.4, 0.5])


def test_the_extent_holds_all_codes_and_two_deviations_of_the_prior(page: Page) -> None:
    extent = page.value("return extentOf(run, axes);", run=RUN | PRIOR, axes=DIAGONAL)
    assert extent[0] == pytest.approx([-2.4, 2.2])
    assert extent[1] == pytest.approx([-2, 3])


@pytest.mark.parametrize(
    ("extent", "half"),
    [
        ([[-1, 1], [-2, 2]], [2.12, 2.12]),  # a circle stays a circle
        ([[-1, 1], [-50, 50]], [1.06, 53]),  # or one axis would be a thin line
        ([[-1, 1]], [1.06, 1]),
    ],
)
def test_units_are_equal_unless_one_axis_is_far_longer(
    page: Page, extent: list[list[float]], half: list[float]
) -> None:
    assert page.value("return windowOf(extent).half;", extent=extent) == pytest.approx(half)


def test_runs_of_about_the_same_extent_share_a_window(page: Page) -> None:
    body = "return windowsOf(extents).map((w) => w.half[0]);"
    near, far = [[-3, 3], [-3, 3]], [[-30, 30], [-30, 30]]
    like = page.value(body, extents=[near, [[-4, 4], [-3, 3]]])
    assert like == pytest.approx([4.24, 4.24])
    assert page.value(body, extents=[near, far]) == pytest.approx([3.18, 31.8])


def test_the_nearest_code_within_reach_is_chosen_of_those_shown(page: Page) -> None:
    body = (
        "const w = new PlaneWindow([0, 0], [1, 1]); w.fit(0, 0, 200, 200);"
        "return nearestCode([0, 0, 0.04, 0, 1, 1], w, [103, 100], reach, (n) => n !== hidden);"
    )
    assert page.value(body, reach=6, hidden=None) == 1
    assert page.value(body, reach=6, hidden=1) == 0
    assert page.value(body, reach=2, hidden=1) is None


def test_an_ellipse_is_that_of_the_covariance_on_the_plane(page: Page) -> None:
    random = np.random.default_rng(0)
    log_var = random.normal(size=5)
    directions = np.linalg.qr(random.normal(size=(5, 2)))[0].T
    found = page.value(
        "return covarianceOnPlane(new Gaussian(logVar, logVar), directions);",
        logVar=log_var.tolist(),
        directions=directions.tolist(),
    )
    covariance = directions @ np.diag(np.exp(log_var)) @ directions.T
    assert found == pytest.approx([covariance[0, 0], covariance[0, 1], covariance[1, 1]])

    ellipse = page.value("return ellipseOf(covariance);", covariance=found)
    variances, vectors = np.linalg.eigh(covariance)
    assert ellipse["major"] == pytest.approx(math.sqrt(variances[1]))
    assert ellipse["minor"] == pytest.approx(math.sqrt(variances[0]))
    along = [math.cos(ellipse["angle"]), math.sin(ellipse["angle"])]
    assert abs(np.dot(along, vectors[:, 1])) == pytest.approx(1)


NORMAL = (
    "const gaussian = new Gaussian(Float32Array.of(1, -1, 7), Float32Array.of(0, 0, 2));"
    "const mixture = {logWeights: [0], components: [gaussian]};"
    "const axes = {origin: [0, 0, 0], directions: [[1, 0, 0], [0, 1, 0]]};"
    "const components = componentsOnPlane(mixture, axes);"
    "const w = new PlaneWindow([1, -1], [4, 4]);"
    "const grid = densityOnGrid(components, w, 161);"
)


def test_contours_of_a_normal_distribution_are_its_circles(page: Page) -> None:
    lines = page.value(
        NORMAL
        + "return levelsOf(grid, 0.05 ** 2, MASSES).map((level) => contourOf(grid, 161, level));"
    )
    for radius, line in zip((1, 2), lines, strict=True):
        points = np.array(line).reshape(-1, 2) * 0.05 - 4
        assert np.hypot(*points.T) == pytest.approx(radius, abs=0.03)
        # All around: the pieces have the length of the circle.
        pieces = np.diff(points.reshape(-1, 2, 2), axis=1)
        assert np.linalg.norm(pieces, axis=-1).sum() == pytest.approx(
            2 * math.pi * radius, rel=0.02
        )


def test_a_density_has_no_level_of_a_mass_that_lies_outside(page: Page) -> None:
    # JSON has no NaN.
    assert page.value(NORMAL + "return levelsOf(grid, 0.05 ** 2 / 2, [0.39, 0.87]);")[1] is None


def test_a_density_on_a_line_is_that_of_its_components(page: Page) -> None:
    density = page.value(
        "const components = [{weight: 0.5, place: [-1], covariance: [1]},"
        " {weight: 0.5, place: [1], covariance: [4]}];"
        "return densityOnLine(components, new PlaneWindow([0, 0], [1, 1]), 3);"
    )
    normal = [math.exp(-0.5) / math.sqrt(2 * math.pi), math.exp(-0.125) / math.sqrt(8 * math.pi)]
    assert density[1] == pytest.approx(sum(normal) / 2)


@pytest.mark.parametrize(
    ("corners", "pairs"),
    [
        ([3, -1, 3, -1], [[0.75, 0, 1, 0.25], [0.25, 1, 0, 0.75]]),  # high corners are joined
        ([1, -3, 1, -3], [[1, 0.75, 0.75, 1], [0, 0.25, 0.25, 0]]),  # low corners are joined
        ([1, 1, 1, 1], []),
    ],
)
def test_a_saddle_joins_the_corners_that_its_centre_belongs_to(
    page: Page, corners: list[int], pairs: list[list[float]]
) -> None:
    pieces = page.value(
        "const pieces = []; addCell(pieces, corners, 0, 0); return pieces;", corners=corners
    )
    assert np.reshape(pieces, (-1, 4)).tolist() == pairs


@pytest.mark.parametrize(
    ("milliseconds", "side", "ratio", "cells"),
    [
        (0.1, 550, 1, [20, 20]),  # as small as can be seen
        (10, 550, 1, [12, 12]),  # two seconds of decoding
        (400, 550, 1, [8, 8]),
        (0.1, 550, 2, [20, 40]),  # wide images: more rows
    ],
)
def test_the_cells_of_a_map_follow_from_the_time_of_one_image(
    page: Page, milliseconds: float, side: float, ratio: float, cells: list[int]
) -> None:
    body = "return cellsOfMap(milliseconds, side, ratio);"
    assert page.value(body, milliseconds=milliseconds, side=side, ratio=ratio) == cells


def test_blocks_cover_every_cell_once_from_the_centre(page: Page) -> None:
    blocks = page.value("return blocksOf(8, 8, 4).concat(blocksOf(8, 8, 1));")
    coarse, fine = blocks[:4], blocks[4:]
    covered = np.zeros((8, 8))
    for block in coarse:
        rows = slice(block["row"], block["row"] + block["height"])
        covered[rows, block["column"] : block["column"] + block["width"]] += 1
    assert (covered == 1).all()
    assert len({(block["column"], block["row"]) for block in fine}) == 64
    assert {fine[0]["column"], fine[0]["row"]} <= {3, 4}


SLICES = (
    "let time = 0; const frames = []; const log = [];"
    "const slices = new TimeSlices({limit: 10, mayWork: () => mayWork, now: () => time,"
    " nextFrame: (action) => frames.push(action)});"
    "const task = (name, count) => ({"
    " step: () => { time += 4; log.push(name); return --count > 0; },"
    " shown: () => log.push('shown ' + name)});"
)


def test_a_frame_does_no_more_than_its_share_and_tasks_take_turns(page: Page) -> None:
    log, left = page.value(
        SLICES + "let mayWork = true; slices.add(task('a', 3)); slices.add(task('b', 1));"
        "frames.shift()(); log.push('next'); frames.shift()(); return [log, frames.length];"
    )
    assert log == ["b", "a", "a", "shown a", "shown b", "next", "a", "shown a"]
    assert left == 0


def test_a_frame_without_time_waits_for_the_next(page: Page) -> None:
    log, left = page.value(
        SLICES + "let mayWork = false; slices.add(task('a', 1)); frames.shift()();"
        "return [log, frames.length];"
    )
    assert (log, left) == ([], 1)


def test_codes_on_a_line_have_a_row_per_label(page: Page) -> None:
    rows = page.value(
        "const places = new Float32Array(8);"
        "const images = {labels: [3, 7], label: (n) => [3, 7, 3, 7][n]};"
        "spreadInRows(places, images); return places;"
    )[1::2]
    assert all(0 < row < 1 for row in rows[::2])
    assert all(-1 < row < 0 for row in rows[1::2])


def test_ticks_are_round_numbers_within_the_axis(page: Page) -> None:
    assert page.value("return ticksBetween(0.1, 4.3);") == [-4, -2, 0, 2, 4]
    assert page.value("return ticksBetween(0, 0.09).map(tickText);")[0] == "\N{MINUS SIGN}0.05"
