"""Why the bound is below log p(x): both gaps of each setting, the finding on them, the pictures."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_runs import drawn_run
from fake_runs import number, write_anatomy, write_evaluation, write_events, write_run
from html_elements import Elements
from PIL import Image

from vae_lab.cli.command_lines import parse_words
from vae_lab.cli.jobs import jobs_of
from vae_lab.config.compose import Composer
from vae_lab.report import load_runs
from vae_lab.report.anatomy import section
from vae_lab.report.blocks import Block, Cards, Commands, Finding, Note, Table
from vae_lab.report.charts import anatomy as chart
from vae_lab.report.comparisons import Comparisons
from vae_lab.report.findings import answer
from vae_lab.report.grouping import Group, group_runs
from vae_lab.report.page import write_report
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import find_runs

ENCODER = {"model": {"encoder": {"hidden_dims": [64]}}}

# What a field can hold.
HARMLESS = {"standard_error": ("NaN", "1e999", "null"), "protocol": ("{}",)}

FALL: dict[str, Sequence[float]] = {
    "elbo/train": [-200.0, -90.0, -80.0],
    "elbo/val": [-200.0, -100.0, -110.0],
}


def group_of(folder: Path) -> Group:
    (group,), _ = group_runs(find_runs([folder])[0])
    return group


def finding(folder: Path) -> Finding | None:
    metrics = PictureMetrics(group_of(folder))
    found = answer(metrics, Comparisons([metrics])).findings
    return next((it for it in found if it.subject == "gaps"), None)


def told(folder: Path) -> str:
    found = finding(folder)
    assert found is not None
    return found.text


def blocks_of(folder: Path) -> list[Block]:
    return section(group_of(folder), None, "")


def rows(blocks: list[Block]) -> list[dict[str, str]]:
    (table,) = (block for block in blocks if isinstance(block, Table))
    return [
        dict(zip(table.headings, (cell.text for cell in row), strict=True)) for row in table.rows
    ]


def notes(blocks: list[Block]) -> str:
    return " ".join(block.text for block in blocks if isinstance(block, Note))


def run_with(folder: Path, approximation: float, amortisation: float, **more: Any) -> Path:
    """A run with an encoder of 64 units, and the gaps of its images."""
    options = {"elbo": -100.0, "config": ENCODER} | more.pop("run", {})
    run = write_run(folder, **options)
    write_anatomy(run, approximation, amortisation, **more)
    return run


def test_the_larger_amortisation_gap_asks_for_a_wider_encoder_or_more_epochs(
    tmp_path: Path,
) -> None:
    run_with(tmp_path / "only", 1.2, 3.9)
    found = finding(tmp_path)
    assert found is not None
    assert found.title == "Distance from log p(x)" and found.evidence == "anatomy"
    distance, error = found.numbers["distance"]["mean"], found.numbers["distance"]["standard_error"]
    assert distance == pytest.approx(5.1)
    assert found.text == (
        f"The bound is 5.100 ± {error:.3f} nats below log p(x). The larger part is the "
        "amortisation gap, 3.900 ± 0.050 nats (approximation gap: 1.200 ± 0.050): the encoder does "
        "not find the best diagonal Gaussian."
    )
    assert found.remedies == ("model.encoder.hidden_dims=[128]", "trainer.max_epochs=6")
    assert found.numbers["larger"] == {"only": "amortisation_gap"}


def test_the_larger_approximation_gap_asks_for_a_full_covariance(tmp_path: Path) -> None:
    run_with(tmp_path / "only", 3.9, 1.2)
    found = finding(tmp_path)
    assert found is not None and found.remedies == ("posterior=full",)
    assert found.text.endswith(
        "The larger part is the approximation gap, 3.900 ± 0.050 nats (amortisation gap: "
        "1.200 ± 0.050): even the best diagonal Gaussian differs from the true posterior."
    )


@pytest.mark.parametrize(("active", "remedies"), [(2, ("latent_dim=4",)), (1, ())])
def test_the_full_family_asks_for_more_dimensions_if_it_uses_all(
    active: int, remedies: tuple[str, ...], tmp_path: Path
) -> None:
    latent = {"active_units": active}
    run_with(tmp_path / "only", 3.9, 1.2, run={"choices": {"posterior": "full"}, "latent": latent})
    found = finding(tmp_path)
    assert found is not None and found.remedies == remedies
    assert "even the best Gaussian with a full covariance differs from" in found.text


def test_one_dimension_has_no_full_covariance(tmp_path: Path) -> None:
    run_with(tmp_path / "only", 3.9, 1.2, run={"latent_dim": 1})
    found = finding(tmp_path)
    assert found is not None and found.remedies == ("latent_dim=2",)


def test_a_family_that_was_tried_beside_it_is_not_proposed(tmp_path: Path) -> None:
    run_with(tmp_path / "a", 3.9, 1.2)
    config = ENCODER | {"posterior": {"_target_": "vae_lab.posteriors.Full"}}
    full = {"elbo": -104.0, "choices": {"posterior": "full"}, "config": config}
    run_with(tmp_path / "b", 0.0, 6.0, run=full)
    found = finding(tmp_path)
    assert found is not None and found.remedies == ("latent_dim=4",)
    assert found.text.endswith("For full the amortisation gap is the larger.")


def test_parts_that_do_not_differ_have_no_remedy(tmp_path: Path) -> None:
    run_with(tmp_path / "only", 2.0, 2.05)
    found = finding(tmp_path)
    assert found is not None and found.remedies == ()
    assert found.text.endswith(
        "Its parts do not differ significantly: the approximation gap (2.000 ± 0.050 nats) and the "
        "amortisation gap (2.050 ± 0.050 nats)."
    )
    assert found.numbers["difference"]["differs"] is False


def test_without_the_values_of_the_images_the_errors_add_up(tmp_path: Path) -> None:
    # Of independent parts, 0.18 would be 2.5 standard errors; of these it may be 1.8.
    run_with(tmp_path / "only", 2.0, 2.18, per_image=False)
    found = finding(tmp_path)
    assert found is not None
    assert found.numbers["difference"]["standard_error"] == pytest.approx(0.1)
    assert "do not differ significantly" in found.text


def test_the_error_of_the_difference_is_that_of_the_images_differences(tmp_path: Path) -> None:
    run = run_with(tmp_path / "only", 2.0, 2.1)
    shared = np.random.default_rng(0).normal(size=100)
    approximation = 2.0 + shared - shared.mean()
    (path,) = run.glob("evaluation-*.npz")
    noise = np.where(np.arange(100) % 2, 0.05, -0.05)
    np.savez(path, approximation_gap=approximation, amortisation_gap=approximation + 0.1 + noise)
    found = finding(tmp_path)
    assert found is not None
    error = found.numbers["difference"]["standard_error"]
    assert error == pytest.approx(noise.std(ddof=1) / 10)
    assert found.numbers["larger"] == {"only": "amortisation_gap"}


def test_an_estimate_that_is_too_low_by_more_than_the_difference_decides_nothing(
    tmp_path: Path,
) -> None:
    for place, (width, larger) in enumerate(((0.5, True), (1.5, False))):
        run_with(tmp_path / str(place) / "only", 2.0, 3.0, sandwich=width)
        assert ("The larger part is the amortisation gap" in told(tmp_path / str(place))) is larger
    assert told(tmp_path / "1").endswith(
        "(3.000 ± 0.050 nats): log p(x) is not known well enough to say which is larger."
    )
    # If it is too low, the approximation gap is even larger.
    run_with(tmp_path / "2" / "only", 3.0, 2.0, sandwich=1.5)
    assert "The larger part is the approximation gap" in told(tmp_path / "2")


def test_more_epochs_are_no_remedy_if_it_overfits_or_ended_by_itself(tmp_path: Path) -> None:
    write_events(run_with(tmp_path / "a" / "only", 1.2, 3.9), FALL)
    stopped = {"ended_by": "early_stopping: it did not improve"}
    run_with(tmp_path / "b" / "only", 1.2, 3.9, run=stopped)
    for name in "ab":
        found = finding(tmp_path / name)
        assert found is not None and found.remedies == ("model.encoder.hidden_dims=[128]",)


def test_an_encoder_of_default_channels_is_doubled_and_an_unknown_one_is_not(
    tmp_path: Path,
) -> None:
    for place, (encoder, remedy) in enumerate(
        (
            ({"channels": None}, "model.encoder.channels=[128,256]"),
            ({"channels": [8]}, "model.encoder.channels=[16]"),
            ({"hidden_dims": "x"}, None),
            ({"width": 3}, None),
        )
    ):
        shape = {"config": {"model": {"encoder": encoder}}, "image_shape": [1, 28, 28]}
        run_with(tmp_path / str(place) / "only", 1.2, 3.9, run=shape)
        found = finding(tmp_path / str(place))
        assert found is not None
        assert found.remedies == (*([remedy] if remedy else []), "trainer.max_epochs=6")


@pytest.mark.parametrize("words", ["model=linear", "model=conv", "model=resnet", "model=burda"])
def test_the_remedies_compose_with_the_command(words: str, tmp_path: Path) -> None:
    overrides = parse_words(["data=digits", words])
    (job,) = jobs_of(Composer(), overrides, datetime(2026, 1, 2)).jobs
    config = json.loads(json.dumps(job.values, default=str))
    shape = {"config": {"model": config["model"]}, "image_shape": [1, 8, 8]}
    run_with(tmp_path / "a" / "only", 1.2, 3.9, run=shape)
    run_with(tmp_path / "b" / "only", 3.9, 1.2, run=shape)
    for name, count in (("a", 2), ("b", 1)):
        found = finding(tmp_path / name)
        assert found is not None and len(found.remedies) == count
        for remedy in found.remedies:
            again = parse_words(["data=digits", words, remedy])
            assert len(jobs_of(Composer(), again, datetime(2026, 1, 2)).jobs) == 1


def four(folder: Path, *, without: str = "") -> None:
    gaps = {"a": (1.0, 4.0), "b": (3.0, 1.0), "c": (2.0, 2.02), "d": (1.0, 3.0)}
    for place, (name, (approximation, amortisation)) in enumerate(gaps.items()):
        run = write_run(folder / name, elbo=-100.0 - place, latent_dim=place + 2, config=ENCODER)
        if name != without:
            write_anatomy(run, approximation, amortisation, sandwich=0.2 if place else None)


def test_of_several_settings_the_best_is_told_and_the_others_are_named(tmp_path: Path) -> None:
    four(tmp_path)
    text = told(tmp_path)
    assert text.startswith("The bound of z2 is 5.000 ± 0.0")
    assert text.endswith(
        "For z5 the amortisation gap is the larger too. For z3 the approximation gap is the "
        "larger. For z4 neither is clearly larger."
    )
    metrics = PictureMetrics(group_of(tmp_path))
    # Each setting's two gaps are one of the comparisons that are corrected together.
    assert Comparisons([metrics]).count == 3 * 6 + 4


def test_if_the_best_was_not_measured_the_best_of_the_others_is_told(tmp_path: Path) -> None:
    four(tmp_path, without="a")
    assert told(tmp_path).startswith("The bound of z3 is 4.000 ± 0.0")
    (commands,) = (block for block in blocks_of(tmp_path) if isinstance(block, Commands))
    assert commands.lines[0].endswith(f"vae_lab.evaluate {tmp_path / 'a'} anatomy=true")


def test_several_seeds_are_one_setting_with_the_interval_over_them(tmp_path: Path) -> None:
    for seed, shift in enumerate((-0.3, 0.0, 0.3)):
        seeded = {"seed": seed}
        run_with(tmp_path / f"s{seed}", 1.0 + shift, 4.0 - shift, run=seeded)
    found = finding(tmp_path)
    assert found is not None
    (row,) = rows(blocks_of(tmp_path))
    assert row["amortisation gap"] == "4.00 (sd 0.30)"
    assert found.numbers["difference"]["value"] == pytest.approx(3.0)
    # Both gaps of a seed move together: the differences have a standard deviation of 0.6.
    over_seeds = 0.6**2 / 3
    assert found.numbers["difference"]["standard_error"] ** 2 == pytest.approx(over_seeds, rel=0.05)
    assert "The larger part is the amortisation gap, 4.0 nats [" in found.text
    write_run(tmp_path / "s3", elbo=-100.0, seed=3, config=ENCODER)
    assert finding(tmp_path) is None, "one seed was not measured"


def test_the_table_has_every_number_and_how_log_p_was_computed(tmp_path: Path) -> None:
    four(tmp_path)
    blocks = blocks_of(tmp_path)
    first, second, *_ = rows(blocks)
    assert list(first) == [
        *("setting", "approximation gap", "amortisation gap", "log p(x)", "by", "best bound"),
        *("encoder's bound", "sandwich"),
    ]
    assert list(first.values()) == [
        *("z2", "1.000 ± 0.050", "4.000 ± 0.050", "-100.0 ± 1.0", "grid", "-101.0 ± 1.0"),
        *("-105.0 ± 1.0", "–"),
    ]
    assert (second["by"], second["sandwich"]) == ("AIS", "0.200 ± 0.010")
    text = notes(blocks)
    assert "anatomy=true: 100 test images, 64 samples, 300 steps, best weights, seed 0" in text
    assert "AIS, annealed importance sampling, is too low on average" in text
    assert "not likelihoods" not in text


def test_what_speaks_against_the_gaps_is_said(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", elbo=-100.0)
    path = write_anatomy(run, 1.0, 4.0)
    record = json.loads(path.read_text())
    record["numbers"]["best_bound"]["warning"] = "it has not settled"
    record["numbers"]["approximation_gap"]["protocol"]["targets_are_means"] = True
    path.write_text(json.dumps(record))
    text = notes(blocks_of(tmp_path))
    assert "a: it has not settled." in text and "these are not likelihoods" in text


def test_a_group_without_gaps_has_no_section_and_no_finding(tmp_path: Path) -> None:
    write_evaluation(write_run(tmp_path / "a", elbo=-1.0), {"iw_bound": number(-1.0, 0.1)})
    assert blocks_of(tmp_path) == [] and finding(tmp_path) is None
    assert chart.draw(group_of(tmp_path)) is None


def test_the_likelihoods_are_of_the_evaluation_with_more_numbers(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", elbo=-100.0)
    weighted = {"iw_bound": number(-99.0, 0.1)}
    write_evaluation(run, weighted, digest="2")
    write_anatomy(run, 1.0, 4.0, numbers=weighted)
    written = write_report([tmp_path], tmp_path, latex=True)
    (part,) = json.loads((tmp_path / "report.json").read_text())["parts"]
    assert part["evaluation"] == part["evaluation_of_gaps"] == "evaluation-test-best-k500-1.json"
    gaps = part["settings"][0]["gaps"]
    assert gaps["amortisation_gap"]["mean"] == pytest.approx(4.0)
    assert gaps["difference"]["value"] == pytest.approx(3.0)
    frame = load_runs(tmp_path)
    assert frame["approximation_gap"].tolist() == [1.0] and frame["posterior"][0] == "diagonal"
    assert "approximation gap $\\downarrow$" in (tmp_path / "results.tex").read_text()
    assert "1,log_likelihood" not in (tmp_path / "summary.csv").read_text()
    html = Elements(written.page.read_text())
    assert "Why the bound is below log p(x)" in html.text


def test_a_bar_begins_at_log_p_and_ends_at_the_bound(tmp_path: Path) -> None:
    four(tmp_path)
    drawing = chart.draw(group_of(tmp_path))
    assert drawing is not None
    figure, alt, _ = drawing
    (axis,) = figure.axes
    # All patches of this chart are rectangles.
    bars = [(it.get_x(), it.get_width()) for it in axis.patches][:8]  # type: ignore[attr-defined]
    assert bars[:4] == [
        pytest.approx(it) for it in ((0.0, 1.0), (1.0, 4.0), (0.0, 3.0), (3.0, 1.0))
    ]
    sums = [text.get_text().split(" ± ")[0] for text in axis.texts]
    assert [float(it) for it in sums] == pytest.approx([5.0, 4.0, 4.02, 4.0], abs=0.01)
    assert axis.get_title() == "Distance of the bound from log p(x)"
    assert "z2: 1.00 and 4.00; z3: 3.00 and 1.00" in alt


def test_the_posteriors_of_a_plane_are_shown(tmp_path: Path) -> None:
    for z in (2, 3):
        run, _, _ = drawn_run(tmp_path / f"z{z}", seed=0, latent_dim=z)
        if z == 2:
            Image.new("RGB", (800, 400)).save(run / "figures" / "posteriors_0003.png")
    (cards,) = (block for block in blocks_of(tmp_path) if isinstance(block, Cards))
    (picture,) = cards.pictures
    assert (picture.label, picture.width) == ("z2", 800) and cards.is_large
    assert "True posteriors of test images by z2" in picture.alt


@pytest.mark.parametrize("value", ['"x"', "NaN", "1e999", "true", "[1]", "{}", "null"])
@pytest.mark.parametrize("field", ["value", "standard_error", "protocol", "warning"])
def test_a_strangers_numbers_are_left_out_or_without_an_error(
    value: str, field: str, tmp_path: Path
) -> None:
    path = write_anatomy(write_run(tmp_path / "a", elbo=-100.0), 1.0, 4.0, per_image=False)
    record = json.loads(path.read_text())
    record["numbers"]["amortisation_gap"][field] = "PLACE"
    path.write_text(json.dumps(record).replace('"PLACE"', value))
    written = write_report([tmp_path], tmp_path, latex=True)
    assert written.num_runs == 1 and not written.skipped
    assert "nan" not in (tmp_path / "report.md").read_text().lower()
    # A field of another kind leaves the number out; an error that is not finite, the error only.
    is_told = finding(tmp_path) is not None
    assert is_told is (field == "warning" or value in HARMLESS.get(field, ()))
    if is_told and field == "standard_error":
        assert "nothing tells how much of their difference is chance" in told(tmp_path)


@pytest.mark.parametrize("kind", ["empty", "text", "lengths", "nan", "packed", "one"])
def test_a_damaged_file_of_gaps_counts_as_none(kind: str, tmp_path: Path) -> None:
    run = run_with(tmp_path / "only", 2.0, 2.18)
    (path,) = run.glob("evaluation-*.npz")
    ones, first = np.ones(100), np.ones(1)
    second = {"text": np.array(["x"] * 100), "lengths": first, "nan": ones * np.nan, "one": first}
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "packed":
        np.savez_compressed(path, approximation_gap=ones, amortisation_gap=ones)
    else:
        one = first if kind == "one" else ones
        np.savez(path, approximation_gap=one, amortisation_gap=second[kind])
    found = finding(tmp_path)
    assert found is not None
    error = found.numbers["difference"]["standard_error"]
    assert error is None if kind == "one" else error == pytest.approx(0.1)


def test_an_old_run_is_a_diagonal_one(tmp_path: Path) -> None:
    new = {"posterior": {"_target_": "vae_lab.posteriors.Diagonal"}}
    write_run(tmp_path / "old", elbo=-100.0)
    diagonal = {"posterior": "diagonal"}
    write_run(tmp_path / "new", elbo=-101.0, choices=diagonal, config=new, seed=1)
    group = group_of(tmp_path)
    assert group.keys == [] and len(group.settings) == 1
    full = {"posterior": {"_target_": "vae_lab.posteriors.Full"}}
    write_run(tmp_path / "full", elbo=-99.0, choices={"posterior": "full"}, config=full, seed=2)
    assert group_of(tmp_path).keys == ["posterior"]
    assert [it.label for it in group_of(tmp_path).settings] == ["diagonal", "full"]
