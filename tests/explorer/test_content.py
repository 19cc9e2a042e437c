"""What a page holds of every kind of run, and that nothing in it can end the script."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from runs import train
from untrained import untrained
from user_images import discs

from vae_lab.explorer.arrays import Arrays
from vae_lab.explorer.content import TrainedRun, page_content
from vae_lab.explorer.image_sets import ImageSets
from vae_lab.explorer.page import page
from vae_lab.likelihoods import Bernoulli
from vae_lab.posteriors import Full
from vae_lab.priors import StandardNormal

LIMITS = {"num_images": 12, "pixel_bytes": 750_000}
# What could end a script, a comment, a text in quotes, or a section of XML.
MARKUP = "</script><script>boom()</script><!-- --> ]]> \"' & &lt; \\u003c {{ 7 }}"


def payload_in(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="payload">(.*?)</script>', text, re.S)
    assert found
    content: dict[str, Any] = json.loads(found[1])
    return content


def content_of(*runs: TrainedRun) -> dict[str, Any]:
    return page_content(runs, "runs", LIMITS)[0]


def own_images(folder: Path, *, images: Any = None, labels: Any = None) -> tuple[str, ...]:
    """Returns the settings of made-up colour images in a file of their own."""
    given = {} if labels is None else {"labels": labels}
    images = discs(90, size=8)[0] if images is None else images
    np.savez(folder / "photos.npz", images=images, **given)
    path = folder / "photos.npz"
    return ("data=npz", f"data.path={path}", "data.batch_size=32", "model.hidden_dims=[8]")


@pytest.mark.parametrize(("limit", "count"), [(10**6, 12), (1000, 5), (1, 1)])
def test_images_have_a_limit_of_compressed_bytes(limit: int, count: int, tmp_path: Path) -> None:
    # Bytes by chance, which cannot be compressed: 192 of each image.
    images = np.random.default_rng(0).integers(0, 256, (90, 8, 8, 3), np.uint8)
    run = untrained(tmp_path, *own_images(tmp_path, images=images), "data.num_test=40")
    content, _ = page_content([run], "x", {"num_images": 12, "pixel_bytes": limit})
    (shown,) = content["image_sets"]
    assert shown["pixels"]["shape"][0] == count
    # Codes have no such limit.
    assert shown["rows"]["shape"] == [12]
    assert content["runs"][0]["codes"]["mean"]["shape"] == [12, 2]
    assert content["runs"][0]["per_image"]["elbo"]["shape"] == [count]


def test_images_without_labels(tmp_path: Path) -> None:
    (images,) = content_of(untrained(tmp_path, *own_images(tmp_path)))["image_sets"]
    assert (images["labels"], images["names"]) == (None, None)
    assert images["shape"] == [3, 8, 8]


def test_two_data_sets_of_different_shapes(tmp_path: Path) -> None:
    stripes = untrained(tmp_path / "a")
    (tmp_path / "b").mkdir()
    colour = untrained(tmp_path / "b", *own_images(tmp_path / "b"))
    content = content_of(stripes, colour, stripes)
    assert [images["shape"] for images in content["image_sets"]] == [[1, 28, 28], [3, 8, 8]]
    assert [run["images"] for run in content["runs"]] == [0, 1, 0]
    assert [run["image_shape"] for run in content["runs"]] == [[1, 28, 28], [3, 8, 8], [1, 28, 28]]


@pytest.mark.parametrize("binarize", ["none", "static", "dynamic", "threshold"])
def test_how_images_are_binarized(binarize: str, tmp_path: Path) -> None:
    content = content_of(untrained(tmp_path, f"data.binarize={binarize}", "data.num_val=0"))
    assert content["image_sets"][0]["binarize"] == binarize


@pytest.mark.parametrize(
    ("overrides", "components", "bound"),
    [
        (("objective=iwae",), None, "importance-weighted"),
        (("prior=gaussian_mixture", "prior.num_components=7"), 7, "elbo"),
        (("prior=vamp", "prior.num_components=5"), 5, "elbo"),
    ],
)
def test_priors_and_bounds(
    overrides: tuple[str, ...], components: int | None, bound: str, tmp_path: Path
) -> None:
    (run,) = content_of(untrained(tmp_path, *overrides, "latent_dim=3"))["runs"]
    shape = [components, 3] if components else None
    assert run["prior"].get("means", {}).get("shape") == shape
    assert run["bound"]["kind"] == bound
    assert len(run["prior_mean"]) == len(run["prior_scale"]) == 3


def test_a_prior_and_a_likelihood_of_ones_own(tmp_path: Path) -> None:
    class OwnPrior(StandardNormal):
        pass

    class OwnLikelihood(Bernoulli):
        pass

    run = untrained(tmp_path, "latent_dim=3")
    run.model.prior, run.model.likelihood = OwnPrior(latent_dim=3), OwnLikelihood()
    (described,) = content_of(run)["runs"]
    assert described["prior"]["kind"] == "draws"
    assert described["prior"]["draws"]["shape"] == [2000, 3]
    assert described["likelihood"] == {"kind": None}
    # What its outputs mean is not known: they are decoded here.
    assert described["decoder"]["lattice"]["pixels"]["shape"][2:] == [1, 28, 28]
    assert described["encoder"]["layers"]


@pytest.mark.parametrize("kind", ["diagonal", "full"])
def test_families_of_the_posterior(kind: str, tmp_path: Path) -> None:
    (run,) = content_of(untrained(tmp_path, f"posterior={kind}"))["runs"]
    assert run["posterior"] == {"kind": kind}
    assert run["encoder"]["layers"][-1]["weight"]["shape"][0] == {"diagonal": 4, "full": 5}[kind]
    assert run["codes"]["log_var"] is None


def test_a_conditional_run_is_given_the_label_of_each_image(tmp_path: Path) -> None:
    run = untrained(tmp_path, "condition=label", "latent_dim=2")
    content = content_of(run)
    (described,) = content["runs"]
    names = [*(run.data.label_names or ())]
    assert described["classes"]["names"] == names and len(names) > 1
    condition: Any = run.model.condition
    shares = np.exp(described["classes"]["log_shares"])
    assert shares.tolist() == pytest.approx(condition.shares.tolist())
    assert described["encoder"]["layers"][1] == {"kind": "class_numbers", "classes": len(names)}
    assert described["decoder"]["layers"][0] == {"kind": "class_numbers", "classes": len(names)}
    assert dict(described["facts"])["test bound on log p(x given y)"]
    text = page(*page_content([run], "x", LIMITS))
    assert '<div id="classes">' in text


def test_a_run_without_a_condition_has_no_classes(tmp_path: Path) -> None:
    run = untrained(tmp_path)
    content, arrays = page_content([run], "x", LIMITS)
    assert "classes" not in content["runs"][0]
    assert '<div id="classes">' not in page(content, arrays)


def test_a_conditional_decoder_of_ones_own_has_images_of_each_class(tmp_path: Path) -> None:
    class OwnLikelihood(Bernoulli):
        pass

    run = untrained(tmp_path, "condition=label", "latent_dim=3")
    run.model.likelihood = OwnLikelihood()
    (described,) = content_of(run)["runs"]
    lattice = described["decoder"]["lattice"]
    classes = run.data.num_classes
    assert lattice["pixels"]["shape"][:3] == [classes, lattice["steps"], lattice["steps"]]


def test_bounds_of_a_run_that_was_tested_without_labels_are_computed(tmp_path: Path) -> None:
    run = untrained(tmp_path, "condition=label")
    (as_tested,) = content_of(run)["runs"]
    # As a semi-supervised run has it.
    run.data.given_labels = lambda split: torch.full((len(run.data.test_images),), -1)  # type: ignore[method-assign]
    (computed,) = content_of(run)["runs"]
    assert computed["per_image"] is None and as_tested["per_image"] is not None
    assert as_tested["bound"]["elbo"] == pytest.approx(-100, abs=20)  # made up
    assert computed["bound"]["elbo"] < -400


def test_a_family_of_ones_own(tmp_path: Path) -> None:
    class OwnFamily(Full):
        pass

    run = untrained(tmp_path, "posterior=full")
    run.model.encoder.posterior = OwnFamily(latent_dim=2)
    (described,) = content_of(run)["runs"]
    assert described["posterior"] == {"kind": None}
    # As of an encoder that is not known: the page has codes and their variances.
    assert described["encoder"] is None
    assert described["codes"]["log_var"]["shape"] == described["codes"]["mean"]["shape"]
    note = "OwnFamily: the page does not know it: new images cannot be encoded"
    assert ["encoder", note] in [list(fact) for fact in described["facts"]]


def test_text_from_outside_ends_neither_the_script_nor_the_json(tmp_path: Path) -> None:
    names = np.where(np.arange(90) % 2 == 0, MARKUP, "green")
    overrides = own_images(tmp_path, labels=names)
    run = untrained(tmp_path, *overrides, name=MARKUP)
    result = run.folder.require_result()
    # Of a path, the name of the file: no slash.
    data_name = MARKUP.replace("/", "")
    result.data["name"] = data_name
    run.folder.write_result(result)
    texts = []
    for title in ("plain", MARKUP):
        content, arrays = page_content([run], title, LIMITS)
        if title == "plain":
            content["runs"][0]["name"], content["image_sets"][0]["names"] = "plain", None
            content["runs"][0]["facts"] = []
        texts.append(page(content, arrays))
    plain, marked = texts
    for part in ("<script", "</script", "<!--", "-->", "]]>"):
        # JSON holds what only "<" makes dangerous; in the rest of the page nothing is added.
        in_json = 0 if "<" in part else json.dumps(payload_in(marked)).count(part)
        assert marked.count(part) == plain.count(part) + in_json, part
    payload = payload_in(marked)
    assert payload["title"] == payload["runs"][0]["name"] == MARKUP
    assert set(payload["image_sets"][0]["names"].values()) == {MARKUP, "green"}
    assert dict(payload["runs"][0]["facts"])["data"] == data_name


def test_no_path_of_this_machine_is_in_a_page(tmp_path: Path) -> None:
    shortest = ("explorer=default", "trainer.max_epochs=1", "callbacks=none")
    _, target = train(tmp_path, *own_images(tmp_path), *shortest)
    text = (target / "explorer.html").read_text()
    assert str(tmp_path) not in text and str(Path.home()) + "/" not in text
    assert dict(payload_in(text)["runs"][0]["facts"])["data"] == "photos.npz"


def test_a_page_of_starting_weights_moves_no_random_state(tmp_path: Path) -> None:
    run = untrained(tmp_path, "prior=vamp", "objective=iwae")
    before = torch.get_rng_state()
    content_of(run)
    assert torch.equal(before, torch.get_rng_state())


def test_images_with_pixels_come_first_and_are_spread_over_the_test_set(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (90, 8, 8, 3), np.uint8)
    run = untrained(tmp_path, *own_images(tmp_path, images=images), "data.num_test=40")
    shown = ImageSets(Arrays(), {"num_images": 12, "pixel_bytes": 1000}).add(run.data)
    assert shown.num_images == 5
    assert shown.rows[:5].tolist() == [0, 11, 21, 28, 39]
    assert sorted(shown.rows.tolist()) == [0, 4, 7, 11, 14, 18, 21, 25, 28, 32, 35, 39]
    expected = torch.as_tensor(run.data.test_images[shown.rows])
    torch.testing.assert_close(shown.images, expected, rtol=0, atol=0)
