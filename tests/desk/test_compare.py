"""Two runs compared: which keys differ, the difference image by image, pictures as text, a page."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drawn_runs import drawn_run
from fake_runs import PROTOCOL, number, write_evaluation, write_run
from html_elements import Elements
from rich.console import Console

from vae_lab.desk import compare
from vae_lab.desk.comparison.page import write_page
from vae_lab.desk.comparison.pair import Pair
from vae_lab.desk.comparison.printing import print_comparison, strips_of
from vae_lab.desk.comparison.sentences import cells, result
from vae_lab.desk.comparison.text_pictures import RAMP, UPPER_HALF, rows_of_images
from vae_lab.errors import UserError


def pair_of(folder: Path, **b: object) -> Pair:
    first = write_run(folder / "a", elbo=-100.0, config={"optimizer": {"lr": 0.01, "eps": 1e-8}})
    settings = {"elbo": -103.0, "seed": 1, "config": {"optimizer": {"lr": 0.02, "eps": 1e-8}}, **b}
    return Pair((first, write_run(folder / "b", **settings)))  # type: ignore[arg-type]  # any fields


def test_keys_that_differ_are_named_with_both_values(tmp_path: Path) -> None:
    pair = pair_of(tmp_path, config={"optimizer": {"lr": 0.02}, "own": {"width": None, "on": True}})
    found = pair.differences
    rows = {it.key: (it.shown("A"), it.shown("B")) for it in found.groups["optimizer"]}
    assert rows == {"optimizer.lr": ("0.01", "0.02"), "optimizer.eps": ("1e-08", "-")}
    assert [it.key for it in found.groups["seed"]] == ["seed"]
    # What is null in one and missing in the other is the same: not set.
    assert [it.key for it in found.groups["own"]] == ["own.on"]
    assert found.num_keys == 4
    same = {key for key in pair.runs[0].settings if key in pair.runs[1].settings}
    assert found.num_equal == len(same) - 2  # lr and seed


def test_circumstances_that_differ_are_no_keys(tmp_path: Path) -> None:
    pair = pair_of(tmp_path, seed=0, config={"optimizer": {"lr": 0.01, "eps": 1e-8}}, epochs=4)
    assert pair.differences.num_keys == 0
    (fact,) = pair.differences.groups["circumstances"]
    assert (fact.key, fact.shown("A"), fact.shown("B")) == ("epochs trained", "3", "4")


def test_the_difference_is_paired_by_image(tmp_path: Path) -> None:
    pair = pair_of(tmp_path)
    bound, recon, kl = pair.terms
    a, b = (np.load(tmp_path / name / "per_image.npz")["elbo"] for name in "ab")
    error = float((a - b).std(ddof=1) / np.sqrt(len(a)))
    assert bound.difference.value == pytest.approx(3.0)
    assert bound.difference.error == pytest.approx(error)
    assert error < 0.2 < 0.9 < (bound.samples[0].error or 0)  # the images are hard for both
    assert recon.difference.value == pytest.approx(-3.0) and kl.difference.value == 0
    low, high = bound.difference.interval or (0, 0)
    assert cells(bound)[3:] == ("3.0", f"{low:.1f} to {high:.1f}")
    first, _ = result(pair)
    assert first.startswith("A has a higher test bound than B: by 3.0 nats per image [2.9 to ")
    share = float((a > b).mean())
    assert pair.share_better == share and f"on {100 * share:.0f} % of the images" in first


def test_the_higher_one_is_named_also_if_it_is_the_second(tmp_path: Path) -> None:
    pair = pair_of(tmp_path, elbo=-90.0)
    first, _ = result(pair)
    assert first.startswith("B has a higher test bound than A: by 10.0 nats per image [9.9 to ")
    assert pair.share_better == 0.0 and "on 100 % of the images" in first


def test_a_difference_that_may_be_chance_is_none(tmp_path: Path) -> None:
    first, _ = result(pair_of(tmp_path, elbo=-100.01, noise=2.0))
    assert first.startswith("The test bounds do not differ significantly: A - B is 0.0 nats per ")
    assert first.endswith("[-0.2 to 0.2].")


def test_extremes_are_the_images_that_differ_most(tmp_path: Path) -> None:
    pair = pair_of(tmp_path)
    a, b = (np.load(tmp_path / name / "per_image.npz")["elbo"] for name in "ab")
    found = pair.extremes()
    assert len(found) == 10
    assert found[0].place == int((a - b).argmax()) and found[-1].place == int((a - b).argmin())
    assert found[0].difference == pytest.approx((a - b).max())
    assert found[0].bounds == (a[found[0].place], b[found[0].place])


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"protocol": PROTOCOL | {"data": "b"}}, "data set: made-up (no fingerprint) in A, b (no"),
        ({"images": 300, "data": {"name": "made-up", "test": 300}}, "number of test images: 400"),
        ({"protocol": {"data": "made-up", "num_samples": 5}}, "posterior samples per image"),
        ({"status": "failed", "metrics": {}}, "B has no test bound (status of the run: failed)"),
    ],
)
def test_numbers_that_are_not_comparable_are_not_compared(
    tmp_path: Path, other: dict[str, object], words: str
) -> None:
    pair = pair_of(tmp_path, **other)
    (sentence,) = result(pair)
    assert sentence.startswith("The numbers cannot be compared. ") and words in sentence
    outcome = pair.outcome()
    assert outcome["test"] == {} and outcome["evaluated"] == {}
    assert outcome["share_of_images_on_which_A_is_better"] is None
    assert outcome["differing_keys"]["optimizer.lr"] == {"A": 0.01, "B": 0.02}


def test_a_bound_that_is_told_the_class_is_not_compared_with_one_that_is_not(
    tmp_path: Path,
) -> None:
    pair = pair_of(tmp_path, protocol=PROTOCOL | {"condition": "label"})
    sentence, why = result(pair)
    assert "condition: none (log p(x)) in A, label (log p(x given y)) in B" in sentence
    assert why.startswith("A bound on log p(x given y) is told the class of each image")
    assert pair.terms == [] and pair.per_image is None


def test_two_bounds_that_are_told_the_class_are_compared(tmp_path: Path) -> None:
    pair = pair_of(tmp_path, protocol=PROTOCOL | {"condition": "label"})
    pair.runs[0].result.protocol["condition"] = "label"
    assert pair.obstacles == [] and pair.terms[0].name == "elbo"
    assert "test bound on log p(x given y)" in result(pair)[0]


def test_the_same_run_twice_has_no_difference(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", elbo=-100.0)
    pair = Pair((run, run))
    assert pair.differences.groups == {}
    assert result(pair) == ["Both runs have the same test bound."]


def test_evaluations_by_one_protocol_are_compared(tmp_path: Path) -> None:
    pair = pair_of(tmp_path)
    for name, bound in (("a", -95.0), ("b", -99.0)):
        write_evaluation(tmp_path / name, {"iw_bound": number(bound, 0.3)})
    pair = Pair((tmp_path / "a", tmp_path / "b"))
    (row,) = pair.evaluated
    assert (row.name, row.difference.value) == ("iw_bound", 4.0)
    assert row.difference.error == pytest.approx(0.3 * np.sqrt(2))
    assert pair.outcome()["evaluation"] == "evaluation-test-best-k500-0.json"
    (tmp_path / "other").mkdir()
    pair = pair_of(tmp_path / "other")
    write_evaluation(tmp_path / "other" / "a", {"iw_bound": number(-95.0, 0.3)})
    assert Pair((tmp_path / "other" / "a", tmp_path / "other" / "b")).evaluated == []


def console(width: int, **options: object) -> Console:
    return Console(width=width, file=io.StringIO(), **options)  # type: ignore[arg-type]  # any options


def test_images_are_characters_if_there_are_no_colours() -> None:
    image = np.zeros((28, 28), dtype=np.uint8)
    image[:14] = 255
    (lines,) = rows_of_images([[image] * 12], console(100))
    # As many images as fit; a character is twice as high as wide.
    widths = {len(line.plain) for line in lines}
    assert len(widths) == 1 and widths.pop() <= 100
    columns = lines[0].plain.split(" ")[0]
    assert set(columns) == {RAMP[-1]} and len(lines) == round(len(columns) / 2)
    assert set(lines[-1].plain) == {" "}


@pytest.mark.parametrize("depth", [1, 3])
def test_in_colour_a_character_holds_two_pixels(depth: int) -> None:
    image = np.zeros((2, 2, 3), dtype=np.uint8)
    image[0], image[1] = (200, 100, 50), (10, 20, 30)
    picture = image if depth == 3 else image[..., 0]
    screen = console(14, force_terminal=True, color_system="truecolor", no_color=False,
                     legacy_windows=False)  # fmt: skip
    (lines,) = rows_of_images([[picture]], screen)
    assert {character for line in lines for character in line.plain} == {UPPER_HALF}
    colours = {
        (style.color.triplet, style.bgcolor.triplet)
        for line in lines
        for span in line.spans
        if not isinstance(style := span.style, str) and style.color and style.bgcolor
    }
    above, below = ((200, 100, 50), (10, 20, 30)) if depth == 3 else ((200,) * 3, (10,) * 3)
    assert {tuple(it or ()) for pair in colours for it in pair} == {above, below}


def test_reconstructions_of_the_same_originals_are_below_them_once(tmp_path: Path) -> None:
    (first, originals, decoded), (second, _, others) = (
        drawn_run(tmp_path / name, seed) for seed, name in enumerate("ab")
    )
    strips = [*strips_of(Pair((first, second)))]
    assert [label for _, label, _ in strips] == ["originals", "A: a", "B: b"]
    for (_, _, images), expected in zip(strips, (originals, decoded, others), strict=True):
        assert len(images) == 10
        for image, tensor in zip(images, expected, strict=False):
            assert np.array_equal(image, tensor[0].numpy())


def test_the_page_is_one_file_with_both_runs(tmp_path: Path) -> None:
    (first, *_), (second, *_) = (
        drawn_run(tmp_path / name, seed, elbo=-100.0 - seed) for seed, name in enumerate("ab")
    )
    target = tmp_path / "new" / "compare.html"
    write_page(Pair((first, second)), target)
    page = Elements(target.read_text(encoding="utf-8"))
    assert "A has a higher test bound than B: by 1.0\u00a0nats per image" in page.text
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert page.text.count("B: b") >= 3 and "Images that differ most" in page.text
    assert page.names.count("img") >= 6 and page.names.count("svg") >= 1


def test_what_is_printed_has_no_colours_in_a_pipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (first, *_), (second, *_) = (drawn_run(tmp_path / it, seed) for seed, it in enumerate("ab"))
    pair = Pair((first, second))
    print_comparison(pair, pictures=True)
    printed = capsys.readouterr().out
    assert "\x1b" not in printed and UPPER_HALF not in printed
    assert "1 key differs" in printed and "originals" in printed
    print_comparison(pair, pictures=False)
    assert "originals" not in capsys.readouterr().out


def test_with_json_the_outcome_is_one_document(tmp_path: Path) -> None:
    pair_of(tmp_path)
    words = ["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--to", str(tmp_path), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "vae_lab", *words],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    outcome = json.loads(done.stdout)
    assert outcome["test"]["elbo"]["difference"]["value"] == pytest.approx(3.0)
    assert outcome["test"]["elbo"]["is_paired"] is True
    assert (
        Path(outcome["page"]) == tmp_path / "compare.html" and (tmp_path / "compare.html").exists()
    )
    assert [outcome[letter]["name"] for letter in "AB"] == ["a", "b"]


def test_wrong_input_is_one_line(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", elbo=-1.0)
    with pytest.raises(UserError, match="is not a folder"):
        compare._main([str(run), str(tmp_path / "nowhere")])
    with pytest.raises(UserError, match="see python -m vae_lab compare --help"):
        compare._main([str(run)])
    (tmp_path / "notes.html").write_text("my notes")
    with pytest.raises(UserError, match="was not written by VAE Lab"):
        compare._main([str(run), str(run), "--to", str(tmp_path / "notes.html")])
