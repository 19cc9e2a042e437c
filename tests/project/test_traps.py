"""The trap gallery: each mistake does what its section of docs/traps/index.md says."""

import re
import runpy
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
from PIL import Image
from repository import ROOT

# Double precision and fixed seeds: what is left are other orders of sums on other processors.
TOOL = runpy.run_path(str(ROOT / "tools" / "draw_traps.py"))
NAMES = [*TOOL["traps"]()]
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def numbers(name: str) -> Any:
    """The numbers of a trap by their keys, each with `wrong` and `right`."""
    return TOOL["numbers"](name)


# Loss


def test_a_mean_over_pixels_collapses_the_posterior() -> None:
    found = numbers("mean_over_pixels")
    assert found["kl"].wrong < 0.01 and found["kl"].right > 2
    assert found["elbo"].wrong < found["elbo"].right - 2


def test_a_kl_summed_over_the_batch_falls_with_the_batch_size() -> None:
    found = numbers("kl_summed_over_batch")
    wrong = [found[size].wrong for size in ("25", "50", "100", "200")]
    right = [found[size].right for size in ("25", "50", "100", "200")]
    assert all(large > small + 0.5 for large, small in pairwise(wrong))
    assert wrong[0] > 5 * wrong[-1] and max(right) < 1.5 * min(right)
    assert wrong[2] == pytest.approx(right[2], abs=0.1)  # where its weight was tuned


def test_a_loss_summed_over_the_batch_has_a_gradient_that_grows_with_it() -> None:
    found = numbers("loss_summed_over_batch")
    assert found["ratio"].wrong == pytest.approx(16) and found["ratio"].right == pytest.approx(1)


def test_a_kl_of_the_wrong_sign_grows_without_end() -> None:
    found = numbers("kl_wrong_sign")
    assert found["known"].wrong == -0.5 and found["known"].right == 0.5
    assert found["power"].wrong > 15 and found["power"].right < 1


def test_a_weight_inside_the_bound_makes_the_smallest_beta_the_best() -> None:
    found = numbers("weight_inside_bound")
    assert found["elbo"].wrong > found["elbo"].right + 5
    assert (found["best"].wrong, found["best"].right) == (0.1, 1.0)
    # It is no bound: above the log-likelihood itself.
    log_p = TOOL["traps"]()["weight_inside_bound"].logged()["log p(x)"]
    assert found["elbo"].wrong > log_p[0] + 4


def test_a_checkpoint_by_the_loss_of_a_warm_up_lies_in_the_warm_up() -> None:
    found = numbers("checkpoint_by_loss")
    assert found["step"].wrong < 300 < 400 < found["step"].right
    assert found["elbo"].wrong < found["elbo"].right - 1


# Evaluation


def test_the_posterior_mean_gives_a_bound_above_the_log_likelihood() -> None:
    found = numbers("mean_called_elbo")
    assert found["above"].wrong > 1 and found["above"].right < 0


def test_images_that_were_trained_on_give_too_good_a_test_bound() -> None:
    found = numbers("test_images_trained_on")
    assert 30 < found["share"].wrong < 80 and found["share"].right == 0
    assert found["elbo"].wrong > found["elbo"].right + 0.5


def test_a_mean_of_batch_means_depends_on_the_batch_size() -> None:
    found = numbers("mean_of_batch_means")
    assert found["100"].wrong == pytest.approx(found["100"].right)  # no short batch
    assert abs(found["128"].wrong - found["128"].right) > 0.05
    assert abs(found["256"].wrong - found["256"].right) > 0.1
    assert found["128"].right == pytest.approx(found["256"].right)


def test_one_batch_divided_by_all_is_too_small_by_the_number_of_batches() -> None:
    found = numbers("one_batch_divided_by_all")
    assert found["30"].wrong == pytest.approx(found["30"].right / 10, rel=0.1)
    assert found["300"].wrong == pytest.approx(found["300"].right)
    assert found["30"].right == pytest.approx(found["300"].right)


def test_one_sample_that_takes_a_hundred_gives_the_bound_of_a_hundred() -> None:
    found = numbers("sample_count_ignored")
    assert found["1"].wrong == found["100"].wrong == found["100"].right
    assert found["1"].right < found["10"].right < found["100"].right
    assert found["1"].right < found["1"].wrong - 0.1


def test_an_iwae_bound_against_an_elbo_makes_the_worse_model_win() -> None:
    found = numbers("iwae_compared_with_elbo")
    assert found["lead"].wrong < -0.05 and found["lead"].right > 0.03


def test_codes_scored_on_their_own_images_are_all_right() -> None:
    found = numbers("codes_scored_on_training_images")
    assert found["1"].wrong == 100 and found["1"].right < 80
    assert found["1"].wrong > found["5"].wrong > found["20"].wrong > found["20"].right


# Likelihood


def test_a_squared_error_does_not_integrate_to_one() -> None:
    found = numbers("squared_error_called_gaussian")
    assert found["integral"].wrong == pytest.approx((torch.pi / 255) ** 0.5, abs=1e-6)
    assert found["integral"].right == pytest.approx(1, abs=1e-6)
    assert found["missing"].wrong > 100


def test_grey_values_have_another_limit_than_binary_images() -> None:
    found = numbers("grey_compared_with_binary")
    assert found["limit"].wrong < -10 and found["limit"].right == 0
    assert found["elbo"].wrong < found["elbo"].right - 3
    assert all(found["elbo"][side] < found["limit"][side] for side in (1, 2))


def test_two_sigmoids_leave_no_pixel_dark() -> None:
    found = numbers("sigmoid_before_logits")
    assert found["darkest"].wrong >= 0.5 and found["darkest"].right < 0.01
    assert found["elbo"].wrong < found["elbo"].right - 10


def test_the_log_of_a_rounded_sigmoid_stops_at_100_without_a_gradient() -> None:
    found = numbers("log_of_rounded_sigmoid")
    assert (found["loss"].wrong, found["gradient"].wrong) == (100, 0)
    assert (found["loss"].right, found["gradient"].right) == (30, 1)


def test_the_density_of_a_constant_pixel_grows_without_limit() -> None:
    found = numbers("density_of_grey_levels")
    assert 0 < found["0.1"].wrong < found["0.01"].wrong - 2 < found["0.0001"].wrong - 6
    assert found["0.1"].right < found["0.01"].right < found["0.0001"].right <= 0


def test_a_bound_without_log_k_exceeds_the_exact_log_likelihood() -> None:
    found = numbers("iwae_without_log_k")
    assert found["bound"].wrong - found["bound"].right == pytest.approx(torch.tensor(100).log())
    assert found["above"].wrong > 4 and -0.1 < found["above"].right < 0


# Randomness


def test_a_seed_after_the_model_leaves_the_weights_to_chance() -> None:
    found = numbers("seed_after_model")
    assert found["range"].wrong > 0.05 and found["range"].right == 0


def test_seed_0_is_no_seed_for_if_seed() -> None:
    found = numbers("seed_zero_is_none")
    assert found["0"].wrong > 0.02
    assert found["0"].right == found["1"].right == found["1"].wrong == found["2"].wrong == 0


def test_pictures_from_the_generator_of_training_change_it() -> None:
    found = numbers("pictures_move_training")
    assert found["change"].wrong > 0.1 and found["change"].right == 0


def test_the_variance_as_the_deviation_logs_a_bound_above_the_log_likelihood() -> None:
    found = numbers("variance_for_standard_deviation")
    assert found["elbo"].wrong > found["true"].wrong + 0.5
    assert found["elbo"].right < found["true"].right
    assert found["true"].wrong < found["true"].right


# Pictures


def test_a_rescaled_grid_has_full_contrast_before_training() -> None:
    found = numbers("rescaled_grids")
    assert found["span"].wrong == 1 and found["span"].right < 0.7


def test_reconstructions_lie_nearer_to_images_than_samples() -> None:
    found = numbers("reconstructions_shown_as_samples")
    assert found["distance"].wrong < 0.75 * found["distance"].right


# Optimisation


def test_a_clamped_log_variance_has_no_gradient_and_stays() -> None:
    found = numbers("clamped_log_variance")
    assert found["gradient"].wrong == 0 and found["gradient"].right > 500
    assert found["kl"].wrong > 280 and found["kl"].right < 2


def test_iwae_weights_of_the_wrong_sign_train_a_worse_bound() -> None:
    found = numbers("iwae_weights_of_wrong_sign")
    assert found["bound"].wrong < found["bound"].right - 1


def test_a_strong_decoder_leaves_its_code_unused() -> None:
    found = numbers("posterior_collapse")
    assert found["kl"].wrong < 0.2 and found["kl"].right > 1.5
    assert (found["active"].wrong, found["active"].right) == (0, 4)


# The page


def test_each_trap_has_a_test_here() -> None:
    text = (ROOT / "tests" / "project" / "test_traps.py").read_text(encoding="utf-8")
    assert sorted(re.findall(r"numbers\(\"(\w+)\"\)", text)) == sorted(NAMES)


def test_the_page_is_what_make_traps_writes() -> None:
    text = TOOL["PAGE"].read_text(encoding="utf-8")
    _, mark, page = text.partition(TOOL["MARK"])
    fresh = TOOL["gallery"]()
    assert mark, "docs/traps/index.md has lost its mark"
    assert NUMBER.sub("#", page.strip()) == NUMBER.sub("#", fresh.strip()), "run make traps"
    for shown, line in zip(page.strip().splitlines(), fresh.strip().splitlines(), strict=True):
        for old, new in zip(NUMBER.findall(shown), NUMBER.findall(line), strict=True):
            last_digit = 10.0 ** -len(old.partition(".")[2])
            near = pytest.approx(float(old.replace(",", "")), abs=1.01 * last_digit)
            assert float(new.replace(",", "")) == near, f"{shown}\nis now\n{line}"


@pytest.mark.parametrize("name", NAMES)
def test_a_trap_is_drawn_and_its_picture_is_on_the_page(name: str) -> None:
    figure = TOOL["traps"]()[name].draw()
    with Image.open(TOOL["IMAGES"] / f"{name}.png") as picture:
        size = tuple(round(200 * inches) for inches in figure.get_size_inches())
        assert picture.size == size and size[0] == 1280
        assert len({*picture.convert("L").tobytes()}) > 5  # something is drawn


def test_no_picture_is_left_over() -> None:
    assert sorted(path.stem for path in TOOL["IMAGES"].iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_test_that_a_section_names_is_there(name: str) -> None:
    *_, named = TOOL["paragraphs"](TOOL["traps"]()[name])
    pattern = re.compile(rf"def {named['Test']}\(")
    files = (ROOT / "tests").rglob("test_*.py")
    assert any(pattern.search(path.read_text(encoding="utf-8")) for path in files)


def test_the_tests_that_the_readme_of_the_tests_names_are_there() -> None:
    text = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`(?:([\w/]+\.py)::)?(test_\w+)`", text)
    assert len(named) > 70
    texts = {
        path.relative_to(ROOT / "tests").as_posix(): path.read_text(encoding="utf-8")
        for path in (ROOT / "tests").rglob("test_*.py")
    }
    missing = [
        f"{file}::{name}"
        for file, name in named
        if f"def {name}(" not in (texts[file] if file else "\n".join(texts.values()))
    ]
    assert not missing


def test_the_links_of_the_readme_of_the_tests_lead_to_sections() -> None:
    text = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    links = set(re.findall(r"traps/index\.md#([\w-]+)", text))
    anchors = {TOOL["anchor"](TOOL["paragraphs"](trap)[0]) for trap in TOOL["traps"]().values()}
    assert len(links) > 15 and links <= anchors, links - anchors
