"""Interpolation, samples and the address of the page, in V8 without a browser."""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from py_mini_racer import MiniRacer

from vae_lab.explorer.page import scripts

FILES = (
    *(
        "maths/random",
        "maths/priors",
        "view/elements",
        "view/classes/labels",
        "view/store",
        "view/address",
    ),
    *("view/strips/paths", "view/strips/decoding", "view/strips/samples", "view/save"),
    "view/head",
)

# Two runs, of three and of one dimension, on six images with labels 0, 0, 0, 0, 0, 1.
RUNS = """
const runOf = (latentDim, principal) => ({
  latentDim, principal, images: { count: 6, label: (index) => Number(index === 5) },
  priorMean: new Float32Array(latentDim),
  model: { knowsEncoder: false },
  posterior: (index) => ({ mean: new Float32Array(latentDim).fill(index) }),
});
const runs = [runOf(3, { share: 0.5 }), runOf(1, null)];
const stateOf = (change) => ({
  run: 0, plane: { kind: "dimensions", across: 2, up: 0 }, points: runs.map((run) => run.priorMean),
  image: null, ends: null, share: 0.5, path: "straight", samples: 1, ...change,
});
"""


class Page:
    """The scripts; values come back as JSON."""

    def __init__(self, engine: MiniRacer) -> None:
        self._engine = engine
        engine.eval(scripts(FILES) + RUNS)

    def value(self, expression: str) -> Any:
        typed = "(key, value) => (ArrayBuffer.isView(value) ? [...value] : value)"
        return json.loads(str(self._engine.eval(f"JSON.stringify({expression}, {typed})")))


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    # An open one keeps the process from ending.
    with MiniRacer() as engine:
        yield Page(engine)


def point(page: Page, path: str, start: Any, end: Any, share: float, centre: Any) -> Any:
    return page.value(f"pointOnPath('{path}', {start}, {end}, {share}, {centre})")


@pytest.mark.parametrize("path", ["straight", "sphere"])
def test_a_path_begins_and_ends_at_its_ends(page: Page, path: str) -> None:
    start, end, centre = [1, 2, -1], [0.5, -3, 2], [0.1, 0.2, 0.3]
    assert point(page, path, start, end, 0, centre) == pytest.approx(start, abs=1e-6)
    assert point(page, path, start, end, 1, centre) == pytest.approx(end, abs=1e-6)


def test_the_sphere_turns_evenly_and_its_distance_to_the_centre_changes_evenly(page: Page) -> None:
    # From (2, 0) to (0, 4), around (1, 1): at a third the angle is 30 degrees, the distance 8 / 3.
    found = point(page, "sphere", [3, 1], [1, 5], 1 / 3, [1, 1])
    distance = 8 / 3
    angle = math.radians(30)
    expected = [1 + distance * math.cos(angle), 1 + distance * math.sin(angle)]
    assert found == pytest.approx(expected, abs=1e-6)
    assert point(page, "straight", [3, 1], [1, 5], 0.5, [1, 1]) == [2, 3]


@pytest.mark.parametrize("end", [[-2, 0], [4, 0], [0, 0]], ids=["opposite", "same", "centre"])
def test_the_sphere_is_a_line_if_no_direction_lies_between(page: Page, end: list[int]) -> None:
    found = point(page, "sphere", [2, 0], end, 0.5, [0, 0])
    assert found == pytest.approx([(2 + end[0]) / 2, 0], abs=1e-6)


def test_the_strip_has_eleven_shares(page: Page) -> None:
    assert page.value("sharesOfStrip()") == pytest.approx([k / 10 for k in range(11)])


def test_random_ends_have_different_labels(page: Page) -> None:
    for seed in range(5):
        ends = page.value(f"randomEnds(runs, stateOf({{}}).points, new Random({seed}))")
        indices = [ends[name]["image"]["index"] for name in ("start", "end")]
        assert sum(index == 5 for index in indices) == 1
        assert ends["end"]["points"] == [[indices[1]] * 3, [indices[1]]]


def test_runs_of_any_dimension_share_their_random_numbers(page: Page) -> None:
    small, large = (
        page.value(f"priorDraws(makePrior({{ kind: 'standard' }}, {size}), 7, 4)")
        for size in (2, 5)
    )
    assert len(large) == 4
    assert [z[:2] for z in large] == small
    assert small[0] != small[1]


def test_an_address_brings_its_state_back(page: Page) -> None:
    change = """{ run: 1, share: 0.25, path: "sphere", samples: 3,
      points: [Float32Array.of(0.5, -1.25, 3), Float32Array.of(-2)],
      ends: { start: endOfImage(runs, [], { kind: "test", index: 5 }),
              end: { points: [Float32Array.of(1, 2, 3), Float32Array.of(4)], image: null } } }"""
    text = page.value(f"formatAddress(stateOf({change}), runs)")
    assert text == (
        "#run=1&plane=2,0&z=0.5,-1.25,3;-2&ends=image5/1,2,3;4&share=0.25&path=sphere&samples=3"
    )
    found = page.value(f"parsedAddress({json.dumps(text)}, runs)")
    assert found["points"] == [[0.5, -1.25, 3], [-2]]
    assert found["plane"] == {"kind": "dimensions", "across": 2, "up": 0}
    assert found["ends"]["start"] == {"points": [[5, 5, 5], [5]], "image": page_image(5)}
    assert (found["run"], found["share"], found["path"], found["samples"]) == (1, 0.25, "sphere", 3)
    assert page.value(f"parsedAddress({json.dumps(text.replace(',', '%2C'))}, runs)") == found


def page_image(index: int) -> dict[str, Any]:
    return {"kind": "test", "index": index}


def test_an_image_needs_no_points_in_the_address(page: Page) -> None:
    state = "stateOf({ image: { kind: 'test', index: 4 }, points: [[4, 4, 4], [4]] })"
    assert page.value(f"formatAddress({state}, runs)") == "#run=0&plane=2,0&image=4"
    found = page.value("parsedAddress('#image=4', runs)")
    assert found == {"image": page_image(4), "points": [[4, 4, 4], [4]]}


def test_a_drawn_image_leaves_its_code_in_the_address(page: Page) -> None:
    state = "stateOf({ image: { kind: 'drawn', pixels: [] }, points: [[1, 0, 0], [2]] })"
    encoder = "runs.forEach((run) => { run.model = { knowsEncoder: false }; })"
    page.value(f"({encoder}, null)")
    assert page.value(f"formatAddress({state}, runs)").endswith("&z=1,0,0;2")


@pytest.mark.parametrize(
    "part",
    [
        *("run=2", "run=-1", "run=1.5", "run=", "run=<script>", "__proto__=1", "toString=1"),
        *("plane=0,3", "plane=1,1", "plane=1", "plane=0,1,2", "plane=a,b"),
        *("z=1,2,3", "z=1,2;3", "z=NaN,1,2;3", "z=1e999,1,1;1", "z=Infinity,0,0;0", "z=,,;"),
        *("image=6", "image=-1", "image=1e0", "image=%", "ends=image5", "ends=image9/image1"),
        *("ends=1/2", "share=1.1", "share=-0.1", "share=0x1", "path=circle", "samples=0"),
        *("samples=99999999999", "nothing", "=", "&&&", "%E0%A4%A"),
    ],
)
def test_a_wrong_part_of_an_address_is_left_out_and_the_others_are_read(
    page: Page, part: str
) -> None:
    found = page.value(f"parsedAddress({json.dumps(f'#{part}&share=0.75')}, runs)")
    assert found == {"share": 0.75}


def test_the_name_of_a_file_has_no_signs_that_a_system_forbids(page: Page) -> None:
    assert page.value("fileName('../a/b <c>: \"d\" Größe plane')") == "a-b-c-d-Größe-plane"
    assert page.value("fileName('//')") == "explorer"


@pytest.mark.parametrize(
    ("value", "text"), [(0.00012, "0.0002"), (0.003, "0.003"), (1.2, "2"), (0, "0")]
)
def test_deviations_are_rounded_up(page: Page, value: float, text: str) -> None:
    assert page.value(f"roundedUp({value})") == text
