"""The picture of true posteriors: what its panels show, when it is drawn, and for which models."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from linear_gaussian import PIXELS, PRECISION, linear_gaussian, log_likelihood, random
from PIL import Image
from runs import train

from vae_lab.callbacks.drawing.charts.scatter import Window
from vae_lab.callbacks.posteriors import Posteriors, moments, window_of
from vae_lab.callbacks.snapshot import Snapshot
from vae_lab.inference.density import Mass
from vae_lab.posteriors import FullGaussian
from vae_lab.run_folder import RunFolder

SETTINGS: dict[str, Any] = {"num_images": 8, "steps": 24, "seed": 0, "scale": 1}
SHIFT = 0.3


def picture(**changes: Any) -> Posteriors:
    return Posteriors(**{"posterior_steps": 60, **SETTINGS, **changes})


def snapshot(*, num_images: int = 3, latent_dim: int = 2, labelled: bool = True) -> Snapshot:
    """Returns a linear Gaussian model, whose encoder is off by SHIFT, and data."""
    model, _ = linear_gaussian(latent_dim=latent_dim, posterior_shift=SHIFT)
    images = (255 * random(num_images, 1, 1, PIXELS, seed=3).sigmoid()).byte()
    data = SimpleNamespace(
        test_images=images,
        test_labels=torch.arange(num_images) if labelled else None,
        label_names=None,
        num_val=0,
    )
    return Snapshot(model=model, data=data, epochs_done=7)


def draw(shown: Posteriors, of: Snapshot) -> Any:
    with torch.no_grad():
        return shown.draw(of, torch.Generator())


def test_the_gaps_of_a_linear_gaussian_model_are_the_known_ones() -> None:
    of = snapshot()
    _, exact = linear_gaussian(latent_dim=2, posterior_shift=SHIFT)
    log_p = log_likelihood(exact, of.data.test_images.float() / 255)
    facts = draw(picture(), of).facts["panels"]
    assert len(facts) == 3
    for panel, expected in zip(facts, log_p.tolist(), strict=True):
        assert panel["log_likelihood"] == pytest.approx(expected, abs=1e-3)
        assert panel["approximation_gap"] == pytest.approx(0, abs=0.02)
        # KL(q || p) of a Gaussian of the right width that is off by SHIFT in both dimensions.
        assert panel["amortisation_gap"] == pytest.approx(PRECISION * SHIFT**2, abs=0.02)


def test_a_panel_shows_the_posterior_of_its_image_and_both_gaussians() -> None:
    of = snapshot()
    chart = draw(picture(), of)
    q = of.model.encode(of.data.test_images.float() / 255)
    for k, panel in enumerate(chart.panels):
        true_mean = q.mean[k].detach() - SHIFT
        encoder, best = panel.gaussians
        torch.testing.assert_close(encoder.mean.float(), q.mean[k].detach())
        assert (best.mean - true_mean).abs().max() < 0.05
        assert best.covariance.diagonal().tolist() == pytest.approx([1 / PRECISION] * 2, rel=0.1)
        row, column = divmod(int(panel.log_density.argmax()), 24)
        (left, right), (low, high) = panel.window.edges()
        mode = (
            left + (column + 0.5) / 24 * (right - left),
            low + (row + 0.5) / 24 * (high - low),
        )
        assert mode == pytest.approx(true_mean.tolist(), abs=(right - left) / 24)
        assert panel.name == str(k)
        assert torch.equal(panel.image, of.data.test_images[k])
        gaps = chart.facts["panels"][k]
        texts = f"{gaps['amortisation_gap']:.2f}", f"{gaps['approximation_gap']:.2f}"
        assert panel.values == texts


def test_a_window_holds_the_mass_and_both_ellipses() -> None:
    # Two heaps of mass, around (-1, 0) and (3, 1), and a narrow and a wide correlated Gaussian.
    points = torch.tensor([[-1.0, 0.0], [3.0, 1.0]]).double()
    mass = Mass(points, torch.log(torch.tensor([0.5, 0.5]).double() / 0.01), 0.1, -5.0)
    lower = torch.tensor([[[0.0, 0.0], [2.0, 0.0]]])
    wide = FullGaussian(torch.tensor([[0.0, 2.0]]), torch.zeros(1, 2), lower)
    window = window_of(mass, [moments(wide, 0)])
    # z[0]: from the wide one's -2 to the edge of the cell at 3; z[1]: 2 +- 2 sqrt(5).
    assert moments(wide, 0).covariance.tolist() == [[1.0, 2.0], [2.0, 5.0]]
    side = 4 * 5**0.5
    assert window.centre == pytest.approx(((3.05 - 2) / 2, 2.0), abs=1e-6)
    assert window.reach == pytest.approx(side / 2 / 0.9, abs=1e-6)
    assert isinstance(window, Window)


def test_it_is_drawn_once_after_the_training() -> None:
    assert not any(picture().is_due(epoch) for epoch in range(30))


def test_the_file_says_what_it_shows_and_an_svg_lies_beside_it(tmp_path: Path) -> None:
    folder, of = RunFolder(tmp_path), snapshot(num_images=9)
    picture().publish(of, folder, [])
    with Image.open(folder.figure("posteriors", 7)) as file:
        # Only PNG files have texts.
        about = json.loads(file.text["vae_lab"])  # type: ignore[attr-defined]
        assert file.size[0] >= about["grid"][2] and file.size[1] >= about["grid"][3]
    assert about["picture"] == "posteriors" and about["epoch"] == 7
    assert len(about["panels"]) == 8, "of nine images the first eight"
    keys = {"axes", "log_likelihood", "approximation_gap", "amortisation_gap"}
    assert all(set(panel) == keys for panel in about["panels"])
    text = (tmp_path / "figures" / "posteriors.svg").read_text(encoding="utf-8")
    assert text.count("<image") == 2 * 8 + 1, "images, densities, and the legend's shades"


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_of_another_number_of_dimensions_nothing_is_drawn(tmp_path: Path, latent_dim: int) -> None:
    picture().publish(snapshot(latent_dim=latent_dim), RunFolder(tmp_path), [])
    assert not (tmp_path / "figures").exists()


def test_without_test_images_nothing_is_drawn(tmp_path: Path) -> None:
    picture().publish(snapshot(num_images=0), RunFolder(tmp_path), [])
    assert not (tmp_path / "figures").exists()


def test_it_is_the_same_each_time_and_needs_no_labels() -> None:
    first, second = (draw(picture(), snapshot(num_images=2, labelled=False)) for _ in range(2))
    assert first.facts == second.facts
    assert [panel.name for panel in first.panels] == ["", ""]


def test_a_training_is_the_same_with_it_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # After each epoch, so that the next one would show what a picture changes.
    monkeypatch.setattr(Posteriors, "is_due", lambda self, epochs_done: True)
    ends = {}
    for callbacks in ("none", "posteriors"):
        result, folder = train(
            tmp_path / callbacks, f"callbacks={callbacks}", "logger=none", "model.hidden_dims=[8]"
        )
        checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
        ends[callbacks] = checkpoint["state_dict"], result.metrics
    assert sorted(RunFolder(folder).figures("posteriors")) == [0, 1, 2]
    (weights, metrics), (weights_drawn, metrics_drawn) = ends.values()
    assert all(torch.equal(weights[name], weights_drawn[name]) for name in weights)
    assert metrics == metrics_drawn
