"""What a page says first, of made-up runs whose right answer is known, and what it must not say."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_runs import number, picture_metrics, write_evaluation, write_events, write_run

from vae_lab.cli.command_lines import parse_words
from vae_lab.cli.jobs import jobs_of
from vae_lab.config.compose import Composer
from vae_lab.report.blocks import Answer, Finding
from vae_lab.report.comparisons import Comparisons
from vae_lab.report.findings import MOST, answer
from vae_lab.report.grouping import Group, group_runs
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import find_runs
from vae_lab.report.wording import capital, with_error


def group_of(folder: Path) -> Group:
    (group,), _ = group_runs(find_runs([folder])[0])
    return group


def answered(folder: Path) -> Answer:
    metrics = PictureMetrics(group_of(folder))
    return answer(metrics, Comparisons([metrics]))


def findings(folder: Path) -> dict[str, Finding]:
    return {finding.subject: finding for finding in answered(folder).findings}


def whole_text(of: Answer) -> str:
    return " ".join([of.headline, of.certainty, *(it.text for it in of.findings), of.ties])


def four(folder: Path, bounds: Sequence[float], seeds: int = 1, **more: Any) -> None:
    """Runs of linear and conv with 2, then with 10 latent dimensions."""
    settings = [(model, z) for z in (2, 10) for model in ("linear", "conv")]
    for (model, z), bound in zip(settings, bounds, strict=True):
        for seed in range(seeds):
            write_run(
                folder / f"{model}-{z}-{seed}",
                elbo=bound + 0.3 * (seed - (seeds - 1) / 2),
                latent_dim=z,
                seed=seed,
                choices={"model": model},
                **more,
            )


def betas(folder: Path, bounds: dict[float, float], **more: Any) -> None:
    for beta, bound in bounds.items():
        config = {"objective": {"beta": beta}}
        write_run(folder / f"beta{beta}", elbo=bound, config=config, **more)


def test_main_effects_are_averaged_over_the_other_key_the_largest_first(tmp_path: Path) -> None:
    four(tmp_path, (-160.0, -157.0, -130.0, -115.0))
    found = answered(tmp_path).findings
    assert [it.subject for it in found[:2]] == ["effect of latent_dim", "effect of model"]
    dims, model = found[:2]
    assert dims.numbers["effect"]["value"] == pytest.approx(36.0)
    assert model.numbers["effect"]["value"] == pytest.approx(9.0)
    assert dims.text.startswith(
        "Using 10 instead of 2 latent dimensions raises the test bound by 36."
    )
    assert ": 42.0 with conv and 30.0 with linear." in dims.text
    assert (dims.numbers["best"], dims.numbers["worst"]) == (10, 2)
    assert model.text.startswith("Using conv instead of linear raises the test bound by 9.0")
    assert model.evidence == "differences"


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_interval_of_an_effect_covers_it_and_is_that_of_the_average(
    seeds: int, tmp_path: Path
) -> None:
    four(tmp_path, (-160.0, -157.0, -130.0, -115.0), seeds)
    effect = findings(tmp_path)["effect of latent_dim"].numbers["effect"]
    low, high = effect["interval"]
    assert low < 36 < high
    # Four independent runs with a noise of 1 for each of 400 images: half of the root of their sum.
    if seeds == 1:
        assert effect["standard_error"] == pytest.approx(0.5 * np.sqrt(4 / 400), rel=0.1)
    else:  # and the seeds, whose standard deviation is 0.3
        assert effect["standard_error"] == pytest.approx(0.5 * np.sqrt(4 * 0.09 / 3), rel=0.1)


def test_an_interaction_is_told_of_the_smaller_effect(tmp_path: Path) -> None:
    four(tmp_path, (-160.0, -157.0, -130.0, -115.0))
    found = findings(tmp_path)
    assert "interact" not in found["effect of latent_dim"].text
    model = found["effect of model"]
    assert model.numbers["interaction"]["value"] == pytest.approx(-12.0)
    assert "the gain from conv is 12.0" in model.text
    assert model.text.endswith("larger with 10 latent dimensions than with 2.")


def test_an_interaction_of_the_other_sign_is_larger_at_the_other_level(tmp_path: Path) -> None:
    four(tmp_path, (-160.0, -145.0, -130.0, -127.0))
    text = findings(tmp_path)["effect of model"].text
    assert text.endswith("larger with 2 latent dimensions than with 10.")


def test_without_an_interaction_none_is_told(tmp_path: Path) -> None:
    four(tmp_path, (-160.0, -150.0, -130.0, -120.0))
    assert "interact" not in whole_text(answered(tmp_path))


def test_what_does_not_differ_is_one_sentence_and_no_finding(tmp_path: Path) -> None:
    four(tmp_path, (-160.0, -160.01, -130.0, -130.01))
    found = answered(tmp_path)
    assert [it.subject for it in found.findings if "effect" in it.subject] == [
        "effect of latent_dim"
    ]
    assert found.headline.count("Not significantly better than") == 1
    assert found.ties.startswith("No significant difference in the bound: model on average (0.0")
    assert "z2 linear" not in found.headline and found.ties.count(".") >= 1
    assert "conv instead of linear raises" not in whole_text(found)


def test_the_headline_names_the_best_its_lead_and_its_ties(tmp_path: Path) -> None:
    four(tmp_path / "clear", (-160.0, -157.0, -130.0, -115.0))
    headline = answered(tmp_path / "clear").headline
    assert headline.startswith("Best: conv with 10 latent dimensions, -115.0 ± 1.0 nats per image.")
    assert "above the next, linear z10." in headline and "15.0" in headline
    betas(tmp_path / "tie", {0.5: -150.01, 1.0: -150.0, 8.0: -170.0})
    tied = answered(tmp_path / "tie").headline
    assert (
        "Best: beta 1, -150.0 ± 1.0 nats per image. Not significantly better than beta 0.5" in tied
    )


def test_one_seed_is_said_once_and_several_have_the_settings_name(tmp_path: Path) -> None:
    four(tmp_path / "one", (-160.0, -157.0, -130.0, -115.0))
    text = whole_text(answered(tmp_path / "one"))
    assert text.lower().count("one seed") == 1 and "these weights" not in text
    for seed in range(3):
        write_run(tmp_path / "three" / f"linear-z2-seed{seed}", elbo=-150.0 + seed, seed=seed)
    found = answered(tmp_path / "three")
    # Student's interval of three seeds, and that of the images.
    assert found.headline.startswith(
        "linear-z2: a test bound of -149 nats per image [-152 to -146]."
    )
    assert found.certainty.startswith("3 seeds:") and "deviation of 1 nats" in found.certainty
    assert "seed0" not in whole_text(found) and "one seed" not in whole_text(found).lower()


def test_a_single_run_has_its_bound_its_quality_and_no_comparison(tmp_path: Path) -> None:
    found = picture_metrics(sharpness=0.3, precision=0.8)
    write_run(tmp_path / "only", elbo=-150.0, picture_metrics=found)
    told = answered(tmp_path)
    assert told.headline == "only: a test bound of -150.0 ± 1.0 nats per image."
    subjects = [it.subject for it in told.findings]
    assert subjects[:2] == ["bound", "samples"] and "blur" in subjects
    assert told.ties == "" and "Best" not in whole_text(told)
    assert "80 % of the samples lie close to a real image (test images: 90 %)" in whole_text(told)


def test_an_ordered_key_is_told_by_its_best_and_lowest_or_by_its_trend(tmp_path: Path) -> None:
    betas(tmp_path / "hump", {0.25: -155.0, 0.5: -150.0, 1.0: -152.0, 4.0: -170.0, 16.0: -190.0})
    (effect,) = [it for it in answered(tmp_path / "hump").findings if "effect" in it.subject]
    assert effect.text.startswith(
        "The test bound is highest with beta 0.5 and lowest with 16: the difference is 40.0 nats ["
    )
    for z, bound in ((2, -150.0), (4, -130.0), (8, -120.0), (16, -115.0)):
        write_run(tmp_path / "trend" / f"z{z}", elbo=bound, latent_dim=z)
    (trend,) = [it for it in answered(tmp_path / "trend").findings if "effect" in it.subject]
    assert trend.text.startswith(
        "The test bound rises with every step from 2 latent dimensions to 16, by 35.0"
    )


def with_terms(folder: Path, values: dict[float, tuple[float, float]], **more: Any) -> None:
    """Runs by beta, with the reconstruction term and the KL of each."""
    for beta, (recon, kl) in values.items():
        metrics = {"elbo/test": -recon - kl, "recon/test": recon, "kl/test": kl}
        errors = {"elbo/test": 1.0, "recon/test": 1.0, "kl/test": 0.1}
        folder_of = write_run(
            folder / f"beta{beta}",
            elbo=-recon - kl,
            config={"objective": {"beta": beta}},
            metrics=metrics,
            standard_errors=errors,
            **more,
        )
        (folder_of / "per_image.npz").unlink()


def test_reconstruction_is_traded_for_kl(tmp_path: Path) -> None:
    with_terms(tmp_path, {0.5: (100.0, 20.0), 1.0: (110.0, 12.0), 4.0: (150.0, 3.0)})
    balance = findings(tmp_path)["trade-off"]
    assert balance.numbers["recon"]["value"] == pytest.approx(-50.0)
    assert balance.numbers["kl"]["value"] == pytest.approx(17.0)
    assert balance.text.startswith(
        "Using beta 0.5 instead of 4 improves the reconstruction term by 50 nats"
    )
    assert "sharper" not in balance.text


@pytest.mark.parametrize(("precision", "is_told"), [(0.6, True), (0.99, False)])
def test_sharper_samples_that_are_less_plausible(
    precision: float, is_told: bool, tmp_path: Path
) -> None:
    for z, sharpness, share in ((2, 0.3, 1.0), (10, 0.5, precision)):
        found = picture_metrics(sharpness=sharpness, precision=share)
        write_run(tmp_path / f"z{z}", elbo=-150.0 + z, latent_dim=z, picture_metrics=found)
    balance = findings(tmp_path).get("trade-off")
    assert (balance is not None) is is_told
    if balance:
        assert "Samples of z10 are sharper than those of z2 (83 % against 50 % of" in balance.text
        assert "60 % against 100 %. Blur helps here: of real test images it is 90 %" in balance.text


def test_the_plane_has_its_label_at_the_centre_and_a_reason_only_if_it_fits(tmp_path: Path) -> None:
    found = picture_metrics(sharpness=0.3, precision=0.9)
    write_run(tmp_path / "fits" / "a", elbo=-150.0, picture_metrics=found)
    text = findings(tmp_path / "fits")["plane"].text
    assert text.startswith("At the centre of its plane lies label 8.")
    assert "perhaps because" in text and "Its map shows 1 (50 %) and 8 (50 %) most often." in text
    found["digit_at_centre"] = number("1")
    write_run(tmp_path / "other" / "a", elbo=-150.0, picture_metrics=found)
    assert "perhaps" not in findings(tmp_path / "other")["plane"].text
    write_run(tmp_path / "ten" / "a", elbo=-150.0, latent_dim=10, picture_metrics=found)
    assert "plane" not in findings(tmp_path / "ten")


def test_labels_that_depend_on_the_seed_are_told_with_their_seeds(tmp_path: Path) -> None:
    for seed in range(3):
        found = picture_metrics(sharpness=0.3, precision=0.9)
        found["digit_at_centre"] = number("16"[seed > 0])
        write_run(tmp_path / f"s{seed}", elbo=-150.0 - seed, seed=seed, picture_metrics=found)
    text = findings(tmp_path)["plane"].text
    assert "lies label 1 (seed 0) or 6 (seeds 1 and 2)." in text


def test_a_collapse_is_mended_by_what_did_not_collapse(tmp_path: Path) -> None:
    with_terms(tmp_path / "beta", {1.0: (100.0, 10.0), 8.0: (150.0, 0.1)})
    fault = findings(tmp_path / "beta")["collapse"]
    assert fault.text.startswith("beta=8.0 has a KL of") and fault.remedies == ("objective.beta=1",)
    with_terms(tmp_path / "all", {1.0: (160.0, 0.2), 8.0: (150.0, 0.1)})
    fault = findings(tmp_path / "all")["collapse"]
    assert fault.remedies == ("objective=elbo_free_bits",)
    # The words are those of the best setting.
    assert fault.text == (
        "beta=8.0 has a KL of 0.1 nats: its codes carry almost no information. The same holds for "
        "beta=1.0."
    )


def with_curves(
    folder: Path, train: Sequence[float], val: Sequence[float], data: str
) -> Finding | None:
    errors = {"elbo/test": 1.0, "elbo/val": 1.0}
    options = {"data": data}
    run = write_run(folder, elbo=-100.0, choices=options, standard_errors=errors, epochs=len(train))
    write_events(run, {"elbo/train": train, "elbo/val": val})
    found = findings(folder)
    return found.get("overfitting") or found.get("unfinished")


def test_overfitting_by_a_fall_and_by_a_gap_each_with_its_remedy(tmp_path: Path) -> None:
    flat = [-200.0, *[-100.0] * 5]
    fall = with_curves(tmp_path / "fall", [*flat, -80.0], [*flat, -104.0], "mnist_5k")
    assert fall and "fell by 4.0 nats from its best" in fall.text
    assert fall.remedies == ("callbacks=[default,early_stopping]", "data=mnist")
    gap = with_curves(tmp_path / "gap", [*flat, -93.0], [*flat, -100.0], "mnist_5k")
    assert gap and "ends 7.0 nats below its training bound" in gap.text
    assert gap.remedies == ("data=mnist",)
    whole = with_curves(tmp_path / "whole", [*flat, -93.0], [*flat, -100.0], "mnist")
    assert whole and whole.remedies == () and "More training images would help" in whole.text
    assert with_curves(tmp_path / "fine", [*flat, -98.0], [*flat, -100.0], "mnist") is None


def test_a_bound_that_still_rises_asks_for_more_epochs(tmp_path: Path) -> None:
    rising = [-200.0, -160.0, -130.0, -120.0, -110.0, -100.0]
    fault = with_curves(tmp_path / "run", rising, rising, "mnist")
    assert fault and fault.subject == "unfinished"
    assert fault.text == "It was still rising: the last 2 of 6 epochs brought 20.0 nats."
    assert fault.remedies == ("trainer.max_epochs=12",)


def test_dimensions_that_are_all_used_and_some_that_are_not(tmp_path: Path) -> None:
    for z, bound in ((2, -150.0), (10, -110.0)):
        write_run(tmp_path / "all" / f"z{z}", elbo=bound, latent_dim=z)
    more = findings(tmp_path / "all")["dimensions"]
    assert more.remedies == ("latent_dim=20",) and "uses all of its 10" in more.text
    for z, bound in ((2, -110.0), (10, -150.0)):
        write_run(tmp_path / "fewer" / f"z{z}", elbo=bound, latent_dim=z)
    assert "dimensions" not in findings(tmp_path / "fewer")
    latent = {"active_units": 7}
    write_run(tmp_path / "some" / "z16", elbo=-110.0, latent_dim=16, latent=latent)
    unused = findings(tmp_path / "some")["unused"]
    assert unused.text == "It uses 7 of its 16 latent dimensions."
    assert unused.remedies == ("latent_dim=7",)
    for seed, active in enumerate((10, 10, 9)):  # no smaller number is to be proposed
        latent = {"active_units": active}
        write_run(
            tmp_path / "most" / f"s{seed}", elbo=-110.0, latent_dim=10, seed=seed, latent=latent
        )
    assert "unused" not in findings(tmp_path / "most")


def test_a_closer_bound_is_told_if_it_names_another_best(tmp_path: Path) -> None:
    for z, bound, closer in ((2, -150.0, -140.0), (10, -145.0, -144.0)):
        folder = write_run(tmp_path / f"z{z}", elbo=bound, latent_dim=z)
        write_evaluation(folder, {"iw_bound": number(closer, 0.5)})
    told = findings(tmp_path)["likelihood"]
    assert told.text.endswith("z2 is best: -140.00 ± 0.50 against -144.00 ± 0.50 nats for z10.")
    for z, bound, closer in ((2, -150.0, -143.9), (10, -145.0, -144.0)):
        folder = write_run(tmp_path / "close" / f"z{z}", elbo=bound, latent_dim=z)
        write_evaluation(folder, {"iw_bound": number(closer, 0.5)})
    assert findings(tmp_path / "close")["likelihood"].text.endswith("that may be chance.")
    for z in (2, 10):
        folder = write_run(tmp_path / "equal" / f"z{z}", elbo=-150.0 + z, latent_dim=z)
        write_evaluation(folder, {"iw_bound": number(-140.0, 0.5)})
    assert "likelihood" not in findings(tmp_path / "equal")
    four(tmp_path / "unmeasured", (-160.0, -157.0, -130.0, -115.0))
    assert "likelihood" not in findings(tmp_path / "unmeasured")


def test_a_best_value_at_the_end_of_those_tried_asks_for_one_beyond(tmp_path: Path) -> None:
    betas(tmp_path / "low", {0.5: -140.0, 1.0: -150.0, 4.0: -170.0})
    edge = findings(tmp_path / "low")["edge"]
    assert edge.text == "The best beta, 0.5, is the smallest that was tried."
    assert edge.remedies == ("objective.beta=0.25",)
    betas(tmp_path / "middle", {0.5: -150.0, 1.0: -140.0, 4.0: -170.0})
    assert "edge" not in findings(tmp_path / "middle")


def test_each_remedy_is_an_override_that_composes(tmp_path: Path) -> None:
    for remedy in (
        *("objective.beta=1", "objective=elbo_free_bits", "callbacks=[default,early_stopping]"),
        *("data=mnist", "trainer.max_epochs=12", "latent_dim=20"),
        *("objective.beta=0.25", "optimizer.lr=0.002"),
    ):
        composer = Composer()
        words = parse_words(["model=conv", "data=mnist_5k", remedy])
        # Every job is checked as it is composed.
        (job,) = jobs_of(composer, words, datetime(2026, 1, 2)).jobs
        assert remedy in job.overrides[-1]


def test_of_forty_settings_there_are_at_most_six_findings(tmp_path: Path) -> None:
    metrics = picture_metrics(sharpness=0.3, precision=0.9)
    for place in range(40):
        config = {"optimizer": {"lr": 0.001 * (1 + place % 10)}, "width": place // 10}
        folder = write_run(
            tmp_path / f"run{place}", elbo=-150.0 - place, config=config, picture_metrics=metrics
        )
        write_events(folder, {"elbo/train": [-200.0, -100.0], "elbo/val": [-200.0, -150.0]})
    found = answered(tmp_path)
    assert 3 <= len(found.findings) <= MOST
    assert len(whole_text(found).split()) < 400


def test_all_comparisons_of_a_page_are_corrected_together(tmp_path: Path) -> None:
    for place in range(10):
        # The length of the name makes the noise.
        write_run(tmp_path / ("r" * (1 + place)), elbo=-150.0, config={"optimizer": {"lr": place}})
    metrics = PictureMetrics(group_of(tmp_path))
    # 45 pairs of bounds, and as many of each term.
    assert Comparisons([metrics]).count == 3 * 45
    # On a page with a second part as large, twice as many.
    assert Comparisons([metrics, PictureMetrics(group_of(tmp_path))]).count == 6 * 45
    four(tmp_path / "four", (-160.0, -157.0, -130.0, -115.0))
    of_four = PictureMetrics(group_of(tmp_path / "four"))
    # Of the bound 6 pairs, of the terms 4 each; of each 2 effects; and the interaction.
    assert Comparisons([of_four]).count == 6 + 2 * 4 + 3 * 2 + 1


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_term_that_is_missing_or_no_number_is_not_compared(
    value: float | None, tmp_path: Path
) -> None:
    write_run(tmp_path / "linear", elbo=-155.0)
    kl = {} if value is None else {"kl/test": value}
    metrics = {"elbo/test": -150.0, "recon/test": 144.0} | kl
    write_run(tmp_path / "conv", elbo=-150.0, choices={"model": "conv"}, metrics=metrics)
    group = PictureMetrics(group_of(tmp_path)).group
    comparisons = Comparisons([PictureMetrics(group)])
    assert comparisons.known("kl", *group.settings) is None
    assert "nan" not in whole_text(answered(tmp_path)).lower()


def test_two_settings_have_the_terms_of_their_difference_and_no_second_headline(
    tmp_path: Path,
) -> None:
    with_terms(tmp_path / "both", {1.0: (100.0, 20.0), 4.0: (150.0, 3.0)})
    found = findings(tmp_path / "both")
    assert "effect of beta" not in found and "trade-off" not in found
    text = found["terms"].text
    assert text.startswith("The reconstruction term of beta=1.0 is 50 nats [")
    assert "lower than that of beta=4.0, its KL 17.0 nats" in text and text.endswith(" higher.")
    with_terms(tmp_path / "one", {1.0: (100.0, 20.0), 4.0: (150.0, 20.0)})
    text = findings(tmp_path / "one")["terms"].text
    assert text.endswith("that of beta=4.0. Its KL does not differ significantly.")


def test_a_level_that_no_setting_compares_does_not_hide_the_effect_of_the_others(
    tmp_path: Path,
) -> None:
    for beta, objective, bound in (
        (1.0, "elbo", -150.0),
        (4.0, "elbo", -170.0),
        (9, "mmd", -155.0),
    ):
        config = {"objective": {"beta": beta} if objective == "elbo" else {"alpha": beta}}
        options = {"objective": objective}
        write_run(tmp_path / f"{objective}{beta}", elbo=bound, config=config, choices=options)
    text = findings(tmp_path)["effect of beta"].text
    assert text.startswith("Using beta 1 instead of 4 raises the test bound by 20.0")


def test_an_error_without_a_digit_and_the_name_of_a_key_stay_as_they_are() -> None:
    assert with_error(5.0, 1e-16, " nats") == "5.00 nats"
    assert capital("optimizer.weight_decay") == "optimizer.weight_decay"
    assert capital("using conv") == "Using conv"
