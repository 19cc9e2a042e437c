"""Exported folders: what is read back is the model that was trained, and nothing else is taken."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import train
from stripes import striped_data

import vae_lab
from vae_lab.errors import UserError
from vae_lab.export.folder import write_folder
from vae_lab.export.sources import read_source
from vae_lab.exported import CONFIG, WEIGHTS, read_config, read_weights


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("trained"), "callbacks=none", "logger=none")[1]


@pytest.fixture
def folder(run: Path, tmp_path: Path) -> Path:
    """An exported folder."""
    source, target = read_source(str(run), trust=True), tmp_path / "exported"
    write_folder(source, target, without=("onnx",), license_id="mit", trust=True)
    return target


def change(folder: Path, **values: Any) -> None:
    """Changes what `config.json` says at the first level."""
    content = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(content | values))


def put_weights(folder: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """Puts other weights into the folder, with their checksum, as a stranger could."""
    from safetensors.torch import save

    data = save(dict(weights))
    (folder / WEIGHTS).write_bytes(data)
    change(folder, weights_sha256=hashlib.sha256(data).hexdigest())


def test_a_folder_that_is_read_back_gives_the_same_numbers_bit_for_bit(
    run: Path, folder: Path
) -> None:
    trained, exported = vae_lab.load(run), vae_lab.load(folder, trust=True)
    expected, weights = trained.model.state_dict(), exported.model.state_dict()
    assert list(weights) == list(expected) and len(weights) > 3
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    images = striped_data().test_images[:4].float() / 255
    assert torch.equal(exported.encode(images).mean, trained.encode(images).mean)
    assert torch.equal(exported.encode(images).variance, trained.encode(images).variance)
    assert torch.equal(exported.sample(5, seed=0), trained.sample(5, seed=0))
    of_both = (vae.log_likelihood(images, num_samples=3, seed=0) for vae in (exported, trained))
    assert torch.equal(*of_both)
    assert exported.result.metrics == trained.result.metrics
    assert exported.model.config_hash == trained.model.config_hash
    assert exported.image_shape == (1, 28, 28) and exported.folder == folder


def test_a_load_leaves_the_callers_generator_as_it_was(folder: Path) -> None:
    state = torch.get_rng_state()
    vae_lab.load(folder, trust=True)
    assert torch.equal(state, torch.get_rng_state())


def test_the_weights_are_those_that_were_tested_and_no_others_are_given(folder: Path) -> None:
    about = read_config(folder)
    assert (about.weights, about.weights_epoch) == ("best", about.result.protocol["weights_epoch"])
    vae_lab.load(folder, weights="best", trust=True)
    with pytest.raises(UserError, match=r"holds the weights best only, got weights=last"):
        vae_lab.load(folder, weights="last", trust=True)


def test_a_class_from_outside_needs_trust(folder: Path) -> None:
    config = json.loads((folder / CONFIG).read_text())["config"]
    config["model"]["encoder"] = {"_target_": "subprocess.Popen", "args": "true"}
    change(folder, config=config)
    with pytest.raises(UserError, match=r"subprocess.Popen is not of this package"):
        vae_lab.load(folder)


def test_weights_that_were_changed_are_refused(folder: Path) -> None:
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    with pytest.raises(UserError, match=r"does not hold the weights that config.json describes"):
        read_weights(folder)


def test_weights_of_another_shape_are_refused_before_memory_is_used(folder: Path) -> None:
    config = json.loads((folder / CONFIG).read_text())["config"]
    # Its encoder would have 10^13 weights.
    change(folder, image_shape=[1, 100_000, 100_000])
    with pytest.raises(UserError, match=r"belongs to another configuration"):
        vae_lab.load(folder, trust=False)
    change(folder, image_shape=[1, 28, 28], config=config)
    weights = read_weights(folder)
    name = next(iter(weights))
    for wrong in (weights[name][:1].clone(), weights[name].long(), weights[name].to(torch.cfloat)):
        put_weights(folder, weights | {name: wrong})
        with pytest.raises(UserError, match=rf"belongs to another configuration: {name} is "):
            vae_lab.load(folder)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": "another"}, "not of an exported model"),
        ({"format_version": 2}, "exported by a later version"),
        ({"image_shape": [1, 28]}, "image_shape is not C, H, W"),
        ({"image_shape": [1, 28, 0]}, "image_shape is not C, H, W"),
        ({"image_shape": "28"}, "image_shape is missing, or of another kind"),
        ({"weights_sha256": None}, "weights_sha256 is missing"),
        ({"result": {"status": "fine"}}, "status is none of those"),
        ({"config": {}}, "is missing in the run's configuration"),
    ],
)
def test_a_config_of_another_kind_is_refused(
    folder: Path, values: dict[str, Any], message: str
) -> None:
    change(folder, **values)
    with pytest.raises(UserError, match=message):
        vae_lab.load(folder)


def test_no_json_and_a_link_out_of_the_folder_are_refused(folder: Path) -> None:
    (folder / CONFIG).write_text("{")
    with pytest.raises(UserError, match=r"config\.json cannot be read"):
        vae_lab.load(folder)
    (folder / CONFIG).unlink()
    (folder / CONFIG).symlink_to("/etc/hostname")
    with pytest.raises(UserError, match="leads out of"):
        vae_lab.load(folder)
