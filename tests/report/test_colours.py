"""What the colours of a report mean, and whether they can be seen."""

from itertools import product
from pathlib import Path

import pytest
from fake_runs import write_run
from matplotlib.colors import to_rgb

from vae_lab.report.colours import DARK_PAPER, HUES, PAPER, RAMP, Style, _between, styles
from vae_lab.report.grouping import group_runs
from vae_lab.report.runs import find_runs


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2.2."""
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in to_rgb(colour)]
    return sum(weight * x for weight, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def styles_of(folder: Path, *, models: tuple[str, ...], dims: tuple[int, ...]) -> dict[str, Style]:
    """The styles of a group of runs, by their labels."""
    for model, z in product(models, dims):
        write_run(folder / f"{model}{z}", elbo=-100.0, latent_dim=z, choices={"model": model})
    (group,), _ = group_runs(find_runs([folder])[0])
    found = styles(group)
    return {setting.label: found[id(setting)] for setting in group.settings}


@pytest.mark.parametrize("scheme", [0, 1])
def test_every_colour_has_a_contrast_of_three_to_its_page(scheme: int) -> None:
    paper = (PAPER, DARK_PAPER)[scheme]
    for ends in [*HUES.values(), RAMP]:
        shades = [_between(ends[scheme], step / 20) for step in range(21)]
        contrasts = [contrast(shade, paper) for shade in shades]
        assert min(contrasts) >= 3 and contrasts == sorted(contrasts), "larger is stronger"
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_hue_is_the_first_key_shade_and_mark_are_the_second(tmp_path: Path) -> None:
    found = styles_of(tmp_path, models=("linear", "conv"), dims=(2, 10))
    linear, conv = [found["linear z2"], found["linear z10"]], [found["conv z2"], found["conv z10"]]
    for pair in (linear, conv):
        assert pair[0].hue == pair[1].hue and pair[0].marker != pair[1].marker
        assert [style.dash for style in pair] == ["--", "-"]
        assert contrast(pair[1].colour, PAPER) > contrast(pair[0].colour, PAPER)
        assert contrast(pair[1].on_dark, DARK_PAPER) > contrast(pair[0].on_dark, DARK_PAPER)
    assert linear[0].hue != conv[0].hue
    assert [it.marker for it in linear] == [it.marker for it in conv]


def test_a_value_has_its_style_whatever_else_is_there(tmp_path: Path) -> None:
    few = styles_of(tmp_path / "a", models=("linear", "conv"), dims=(10, 2))
    many = styles_of(tmp_path / "b", models=("conv", "resnet", "linear"), dims=(2, 10, 32))
    assert all(many[label].colour == style.colour for label, style in few.items())
    assert len({(it.colour, it.marker) for it in many.values()}) == 9


def test_a_single_number_is_a_ramp_by_its_values(tmp_path: Path) -> None:
    few = styles_of(tmp_path / "a", models=("linear",), dims=(2, 16))
    many = styles_of(tmp_path / "b", models=("linear",), dims=(2, 4, 8, 16, 32))
    assert {it.hue for it in many.values()} == {"ramp"}
    assert all(many[label] == style for label, style in few.items() if label != "z16")
    assert many["z16"].colour == few["z16"].colour
    contrasts = [contrast(it.colour, PAPER) for it in many.values()]
    assert contrasts == sorted(set(contrasts))


def test_numbers_beyond_the_fixed_shades_have_those_of_the_report(tmp_path: Path) -> None:
    for place, rate in enumerate((1e-4, 1e-3, 1e-2)):
        config = {"optimizer": {"lr": rate}}
        write_run(tmp_path / f"run{place}", elbo=-100.0 - place, config=config)
    (group,), _ = group_runs(find_runs([tmp_path])[0])
    colours = [styles(group)[id(setting)].colour for setting in group.settings]
    assert colours == [RAMP[0][0], RAMP[0][3], RAMP[0][6]]


def test_a_single_run_has_a_colour(tmp_path: Path) -> None:
    ((_, style),) = styles_of(tmp_path, models=("linear",), dims=(2,)).items()
    assert style.hue in HUES and style.dash == "-"
