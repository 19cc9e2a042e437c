"""What the report says: of results that differ clearly, that do not, and that have one seed."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from fake_runs import BY_DRAWS, number, picture_metrics, write_run

from vae_lab.report import conclusions_bound, conclusions_pictures, tables
from vae_lab.report.comparisons import Comparisons
from vae_lab.report.grouping import Group, group_runs
from vae_lab.report.page import write_report
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import find_runs
from vae_lab.report.wording import shown, with_error


def group_of(folder: Path) -> Group:
    (group,), _ = group_runs(find_runs([folder])[0])
    return group


def said(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Every sentence with its verdict, by topic."""
    metrics = PictureMetrics(group_of(folder))
    comparisons = Comparisons([metrics])
    topics = [
        *conclusions_bound.topics(metrics, comparisons),
        *conclusions_pictures.topics(metrics, comparisons),
    ]
    return {topic.title: [(one.text, one.verdict) for one in topic.sentences] for topic in topics}


def pair(folder: Path, low: float, high: float, **more: Any) -> None:
    """Two runs of one seed: a linear model with one bound, a convolutional one with another."""
    write_run(folder / "linear", elbo=low, **more)
    write_run(folder / "conv", elbo=high, choices={"model": "conv"}, **more)


def test_one_seed_and_a_clear_difference(tmp_path: Path) -> None:
    pair(tmp_path, -155.0, -150.0)
    sentences = said(tmp_path)["Which is better"]
    (better,) = [text for text, verdict in sentences if verdict == "differs"]
    assert better.startswith(
        "The test bound of these weights of conv is higher (better) than that of these weights of "
        "linear by 5.00"
    )
    assert "± 0.0" in better and "image by image, 400 test images" in better
    assert any("choice made on these very test images" in text for text, _ in sentences)


def test_one_seed_speaks_of_these_weights_and_never_of_the_model(tmp_path: Path) -> None:
    found = picture_metrics(sharpness=0.5, precision=0.8)
    pair(tmp_path, -155.0, -150.0, picture_metrics=found)
    for sentences in said(tmp_path).values():
        for text, verdict in sentences:
            assert "the model" not in text.lower() and "seeds" not in text
            if verdict in ("differs", "tie") and "told apart from" not in text:
                assert "these weights of linear" in text and "these weights of conv" in text


def test_one_seed_and_no_difference(tmp_path: Path) -> None:
    pair(tmp_path, -150.01, -150.0)
    sentences = said(tmp_path)["Which is better"]
    assert ("It cannot be told apart from linear.", "tie") in sentences
    assert not [text for text, verdict in sentences if verdict == "differs"]
    assert any("cannot be told apart: 0.0" in text for text, _ in sentences)


@pytest.mark.parametrize(("gap", "verdict"), [(5.0, "differs"), (0.1, "tie")])
def test_several_seeds_speak_of_means_with_a_t_interval(
    gap: float, verdict: str, tmp_path: Path
) -> None:
    for seed, off in enumerate((-0.4, 0.0, 0.4)):
        write_run(tmp_path / f"linear{seed}", elbo=-150.0 + off, seed=seed)
        options = {"model": "conv"}
        write_run(tmp_path / f"conv{seed}", elbo=-150 + gap + off, seed=seed, choices=options)
    sentences = said(tmp_path)["Which is better"]
    (text,) = [text for text, own in sentences if own == verdict and "mean of" in text]
    # Welch: 2.776 sqrt(2 (0.4^2) / 3), four degrees of freedom.
    assert f"(95 % interval {gap - 0.907:.2f} to {gap + 0.907:.2f}, over 3 and 3 seeds)" in text
    assert "conv (mean of 3 seeds)" in text and "these weights" not in text
    assert any(
        "a choice among 3" in text and "best of the 3 seeds" in text for text, _ in sentences
    )


def test_one_seed_against_three_says_what_is_assumed(tmp_path: Path) -> None:
    for seed, off in enumerate((-0.4, 0.0, 0.4)):
        write_run(tmp_path / f"linear{seed}", elbo=-150.0 + off, seed=seed)
    write_run(tmp_path / "conv", elbo=-140.0, choices={"model": "conv"})
    (text,) = [text for text, verdict in said(tmp_path)["Which is better"] if verdict == "differs"]
    assert "these weights of conv is higher" in text and "linear (mean of 3 seeds)" in text
    assert text.endswith(
        "as if both had the spread of the one with 3 seeds); it lies beyond all 3."
    )


def test_the_latent_dimension_has_its_sentences(tmp_path: Path) -> None:
    write_run(tmp_path / "two", elbo=-150.0)
    write_run(tmp_path / "ten", elbo=-110.0, latent_dim=10)
    texts = [text for text, _ in said(tmp_path)["The number of latent dimensions"]]
    assert any(
        text.startswith("The test bound of these weights of z10 is higher") for text in texts
    )
    assert any(text.startswith("The reconstruction term of these weights of z2") for text in texts)
    assert "Z10 uses 10 of its 10 dimensions." in texts


def test_metrics_that_differ_and_metrics_that_do_not(tmp_path: Path) -> None:
    write_run(
        tmp_path / "a", elbo=-150.0, picture_metrics=picture_metrics(sharpness=0.3, precision=0.9)
    )
    other = picture_metrics(sharpness=0.5, precision=0.9)
    write_run(tmp_path / "b", elbo=-110.0, latent_dim=10, picture_metrics=other)
    topics = said(tmp_path)
    looks = topics["Sharpness and contrast"]
    assert any(
        verdict == "differs"
        and text.startswith("The sharpness of the samples of these weights of z10")
        for text, verdict in looks
    )
    assert any(
        text.startswith("Of these weights of z2, reconstructions have 50 %") for text, _ in looks
    )
    assert any(verdict == "tie" and "contrast of the samples" in text for text, verdict in looks)
    ways = topics["Plausibility on interpolations"]
    assert any("least, 50 %, 25 % of the way" in text for text, _ in ways)
    centre = topics["The centre of the latent space, and each label's share"]
    assert centre[0][0].startswith(
        "At the centre of these weights of z2 lies label 8 (the classifier's nearest to what is "
        "decoded at the prior's mean)"
    )
    assert "8: 80 %, 1: 20 %" in centre[0][0] and "codes of the 8 lie nearest to 0" in centre[0][0]


CLOSENESS = "Closeness to the prior"
OF_GAUSSIAN = "that of a Gaussian of the same mean and covariance: at most the whole distance."
# What a run said before its protocol had the key `distance`.
OLD_DRAWS = "KL(q(z) || p(z)) by draws, each without its own image"
OF_DRAWS = "an estimate of the whole distance by draws: too low on average."


def with_priors(folder: Path, *priors: tuple[str, float]) -> list[tuple[str, str]]:
    """The sentences on closeness of one run each of some priors, with their distances."""
    for name, distance in priors:
        found = picture_metrics(sharpness=0.3, precision=0.9)
        if name != "standard":
            protocol = {"latent": OLD_DRAWS} if name == "vamp" else {"distance": BY_DRAWS}
            found["distance_from_prior"] = number(distance, 0.01, **protocol)
        write_run(folder / name, elbo=-150.0, choices={"prior": name}, picture_metrics=found)
    return said(folder)[CLOSENESS]


def test_a_distance_by_moments_is_that_of_a_gaussian(tmp_path: Path) -> None:
    sentences = with_priors(tmp_path, ("standard", 0.2))
    texts = [text for text, _ in sentences]
    assert f"The distance is {OF_GAUSSIAN}" in texts
    assert "All codes of these weights of standard together: 0.200 ± 0.010 nats." in texts
    assert not any("draws:" in text or "not compared" in text for text in texts)


def test_a_distance_from_learned_priors_is_an_estimate_and_compared(tmp_path: Path) -> None:
    sentences = with_priors(tmp_path, ("gaussian_mixture", 2.5), ("vamp", 1.5))
    assert (f"The distance is {OF_DRAWS}", "fact") in sentences
    assert not any("Gaussian of" in text or "not compared" in text for text, _ in sentences)
    (text,) = [text for text, verdict in sentences if verdict == "differs"]
    assert text.startswith(
        "The distance of all codes together from the prior of these weights of gaussian_mixture is "
        "higher than that of these weights of vamp by 1.000"
    )


def test_a_distance_below_0_says_nothing_and_is_not_compared(tmp_path: Path) -> None:
    sentences = with_priors(tmp_path, ("gaussian_mixture", -0.67), ("vamp", 1.5))
    (text,) = [text for text, _ in sentences if "weights of gaussian_mixture together" in text]
    assert text.endswith("nats; below 0, which no distance is, it says nothing.")
    assert not [text for text, verdict in sentences if verdict in ("differs", "tie")
                and "distance" in text]  # fmt: skip


def test_distances_found_in_two_ways_are_not_compared(tmp_path: Path) -> None:
    sentences = with_priors(tmp_path, ("standard", 0.2), ("gaussian_mixture", 2.5), ("vamp", 1.5))
    texts = [text for text, _ in sentences]
    assert f"The distance by mean and covariance is {OF_GAUSSIAN}" in texts
    assert f"The distance by draws is {OF_DRAWS}" in texts
    assert "Distances found in different ways are not compared with one another." in texts
    assert (
        "All codes of these weights of standard together: 0.200 ± 0.010 nats, by mean and "
        "covariance." in texts
    )
    assert "All codes of these weights of vamp together: 1.500 ± 0.010 nats, by draws." in texts
    compared = [text for text in texts if text.startswith("The distance of all codes")]
    assert len(compared) == 1 and "weights of standard" not in compared[0]


def test_what_was_never_measured_is_named_with_the_remedy(tmp_path: Path) -> None:
    pair(tmp_path, -155.0, -150.0)
    sentences = said(tmp_path)["Sharpness and contrast"]
    assert [verdict for _, verdict in sentences] == ["open"]
    assert "python -m vae_lab.evaluate" in sentences[0][0]


def test_metrics_of_another_protocol_are_not_mixed_in(tmp_path: Path) -> None:
    finer = picture_metrics(sharpness=0.3, precision=0.9)
    finer["sharpness_of_data"]["protocol"]["images"] = 5000
    write_run(tmp_path / "a", elbo=-150.0, picture_metrics=finer)
    coarse = picture_metrics(sharpness=0.5, precision=0.9)
    write_run(tmp_path / "b", elbo=-110.0, latent_dim=10, picture_metrics=coarse)
    write_run(tmp_path / "c", elbo=-110.0, latent_dim=3, picture_metrics=coarse)
    group = group_of(tmp_path)
    metrics = PictureMetrics(group)
    lacking = [it for it in group.settings if not metrics.numbers(it, "sharpness_of_data")]
    assert [setting.runs[0].name for setting in lacking] == ["a"]


def test_one_run_alone_has_its_sentences(tmp_path: Path) -> None:
    write_run(
        tmp_path / "only",
        elbo=-150.0,
        picture_metrics=picture_metrics(sharpness=0.3, precision=0.9),
    )
    topics = said(tmp_path)
    assert topics["Which is better"][0][0].startswith(
        "The test bound of these weights of only is -150"
    )
    assert all(verdict == "fact" for own in topics.values() for _, verdict in own)


def test_forty_settings_do_not_make_a_hundred_sentences(tmp_path: Path) -> None:
    for place in range(40):
        write_run(
            tmp_path / f"run{place}",
            elbo=-150.0 - place,
            config={"optimizer": {"lr": 0.001 * (1 + place)}, "batch": place % 2},
        )
    assert sum(map(len, said(tmp_path).values())) < 60


def test_numbers_have_the_digits_of_their_errors() -> None:
    assert with_error(-152.61198, 0.49941) == "-152.61 ± 0.50"
    assert with_error(0.64930, 0.00347) == "0.6493 ± 0.0035"
    assert with_error(1234.5, 56.0) == "1234 ± 56" and shown(0.0) == "0"


def test_all_comparisons_of_a_page_are_corrected_together(tmp_path: Path) -> None:
    # The last of ten differs from the first by 2.4 standard errors: a difference by itself.
    for place in range(10):
        # The length of the name makes the noise.
        name = "r" * (1 + place)
        write_run(tmp_path / name, elbo=-150.0, config={"optimizer": {"lr": place}})
    group = group_of(tmp_path)
    first, last = group.settings[0].sample("elbo"), group.settings[-1].sample("elbo")
    assert first is not None and last is not None
    error = (first.per_image[0] - last.per_image[0]).std(ddof=1) / 20
    shutil.rmtree(tmp_path / name)
    write_run(tmp_path / name, elbo=-150.0 + 2.4 * error, config={"optimizer": {"lr": 9}})
    metrics = PictureMetrics(group_of(tmp_path))
    comparisons = Comparisons([metrics])
    settings = metrics.group.settings
    found = comparisons.of("elbo", settings[-1], settings[0])
    assert found.differs_by_itself and found.differs is False
    # 45 pairs of bounds, and as many of each term.
    assert comparisons.count == 3 * 45
    best, ties = comparisons.best_and_ties(metrics.group)
    assert best is settings[-1] and len(ties) == 9
    assert any(
        "by itself this would be a difference, among all comparisons it can be chance" in text
        for text, _ in said(tmp_path)["Which is better"]
    )
    # On a page with a second part as large, twice as many.
    assert Comparisons([metrics, PictureMetrics(group_of(tmp_path))]).count == 6 * 45


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_term_that_is_missing_or_no_number_is_not_compared(
    value: float | None, tmp_path: Path
) -> None:
    write_run(tmp_path / "linear", elbo=-155.0)
    kl = {} if value is None else {"kl/test": value}
    metrics = {"elbo/test": -150.0, "recon/test": 144.0} | kl
    write_run(tmp_path / "conv", elbo=-150.0, choices={"model": "conv"}, metrics=metrics)
    for topic in (CLOSENESS, "The number of latent dimensions"):
        assert not [text for text, _ in said(tmp_path)[topic] if text.startswith("The KL of the")]
    write_report([tmp_path], tmp_path)
    (row,) = [
        line
        for line in (tmp_path / "report.md").read_text().splitlines()
        if line.startswith("| conv")
    ]
    assert row.split(" | ")[3] == "–"


def test_a_picture_metric_that_is_no_number_is_no_tie(tmp_path: Path) -> None:
    found = picture_metrics(sharpness=float("nan"), precision=0.9)
    pair(tmp_path, -155.0, -150.0, picture_metrics=found)
    texts = [text for sentences in said(tmp_path).values() for text, _ in sentences]
    assert not any("nan" in text for text in texts)


def test_shares_have_intervals_of_their_own(tmp_path: Path) -> None:
    # Three seeds at 1.0 against three at 0.998: by the spread of 0, certain.
    for model, shares in (("linear", (1.0, 1.0, 1.0)), ("conv", (0.998, 1.0, 0.996))):
        for seed, share in enumerate(shares):
            found = picture_metrics(sharpness=0.3, precision=share, error=0.0)
            options = {"model": model}
            write_run(
                tmp_path / f"{model}{seed}",
                elbo=-150.0 - 0.1 * seed,
                seed=seed,
                choices=options,
                picture_metrics=found,
            )
    sentences = said(tmp_path)["Plausibility of the samples"]
    assert not [text for text, verdict in sentences if verdict == "differs"]
    # Of 100 images, Wilson's interval with 99 degrees of freedom.
    assert any(
        "100.0 % (96.2 to 100.0) of the samples lie near real images" in text
        for text, _ in sentences
    )


def test_what_all_seeds_share_has_no_false_digits(tmp_path: Path) -> None:
    for seed in range(3):
        found = picture_metrics(sharpness=0.732, precision=0.732)
        found["digit_at_centre"] = number("16"[seed > 0])
        shares = {"1": (0.9, 0.6, 0.3)[seed], "8": (0.1, 0.4, 0.7)[seed]}
        found["digits_of_samples"] = number(shares) | {"standard_errors": {"1": 0.05}}
        name = f"linear-z2-seed{seed}"
        write_run(tmp_path / name, elbo=-150.0 - seed, seed=seed, picture_metrics=found)
    topics = said(tmp_path)
    texts = " ".join(text for sentences in topics.values() for text, _ in sentences)
    assert "73.20000" not in texts and "0.00000" not in texts
    assert "lies label 1 (seed 0) or 6 (seeds 1 and 2)" in texts
    # Each label's share is that of all seeds.
    table = tables.label_shares(PictureMetrics(group_of(tmp_path)))
    assert table is not None
    assert [cell.text for cell in table.rows[0]] == ["linear-z2", "prior draws", "60 ± 5", "40"]
    assert (
        "the prior draws of linear-z2 (mean of 3 seeds), by label: 1: 60 %, 8: 40 %"
        in texts.lower()
    )
    assert shown(73.2, 1e-7) == "73.20" and shown(1e-7, 1e-7) == "1e-07"
