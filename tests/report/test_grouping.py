"""What varies between runs, and which can be compared."""

from pathlib import Path
from typing import Any

import pytest
from fake_runs import PROTOCOL, write_run

from vae_lab.report.grouping import contrasts, group_runs
from vae_lab.report.page import write_report
from vae_lab.report.runs import find_runs
from vae_lab.report.tables import commands
from vae_lab.report.varying_keys import varying_keys
from vae_lab.run_folder import COMMANDS


def test_keys_that_follow_from_an_option_or_are_the_same_twice_are_left_out() -> None:
    runs = [
        {"model": model, "model.lr": lr, "optimizer.lr": lr, "model.deep": model == "conv",
         "latent_dim": z, "seed": seed, "threads": seed, "callbacks.samples.scale": z}
        for model, lr in (("linear", 0.01), ("conv", 0.005)) for z in (2, 10) for seed in (0, 1)
    ]  # fmt: skip
    assert varying_keys(runs) == ["model", "latent_dim"]


def test_a_swept_learning_rate_varies_although_the_model_is_one() -> None:
    runs = [{"model": "linear", "model.lr": 0.01, "optimizer.lr": lr} for lr in (1e-3, 1e-2)]
    assert varying_keys(runs) == ["optimizer.lr"]


def test_a_precision_varies_where_somebody_chose_it_and_not_where_the_model_settles_it() -> None:
    runs = [{"model": m, "trainer.precision": p} for m, p in (("conv", "bf16"), ("linear", "32"))]
    assert varying_keys(runs) == ["model"]
    assert varying_keys([*runs, {"model": "conv", "trainer.precision": "32"}]) == [
        *("model", "trainer.precision")
    ]


def test_an_optimizer_varies_where_somebody_chose_it_and_not_where_the_model_names_it() -> None:
    linear: dict[str, Any] = {"model": "linear", "model.lr": 0.01, "model.muon_lr": 0.05}
    conv: dict[str, Any] = {"model": "conv", "model.lr": 0.005, "model.muon_lr": 0.02}
    burda: dict[str, Any] = {"model": "burda", "model.lr": 0.001}
    adam, muon = (
        [
            model | {"optimizer": name, "optimizer.lr": model[f"model.{lr}"], key: 1}
            for model in models
        ]
        for name, lr, key, models in (
            ("adam", "lr", "optimizer.eps", [linear, conv, burda]),
            ("muon", "muon_lr", "optimizer.momentum", [linear, conv]),
        )
    )
    assert varying_keys([*muon, adam[2]]) == ["model"]
    assert varying_keys([*muon, *adam]) == ["model", "optimizer"]
    assert varying_keys([muon[0], adam[0]]) == ["optimizer"]
    assert varying_keys([*muon, muon[0] | {"optimizer.lr": 0.1}]) == ["model", "optimizer.lr"]
    # The rate of the other optimizer is one that somebody chose.
    assert varying_keys([muon[0], muon[0] | {"optimizer.lr": 0.01}]) == ["optimizer.lr"]
    assert varying_keys([adam[0], adam[0] | {"optimizer.lr": 0.05}]) == ["optimizer.lr"]


def test_seeds_are_one_setting_and_numbers_are_in_order(tmp_path: Path) -> None:
    for z in (10, 2):
        for seed in (0, 1):
            write_run(tmp_path / f"z{z}-{seed}", elbo=-150.0 + z, latent_dim=z, seed=seed)
    (group,), reasons = group_runs(find_runs([tmp_path])[0])
    assert [setting.label for setting in group.settings] == ["z2", "z10"]
    assert [len(setting.runs) for setting in group.settings] == [2, 2] and reasons == []
    assert contrasts(group, "latent_dim") == [group.settings]


def test_other_data_and_other_protocols_are_apart_with_the_reason(tmp_path: Path) -> None:
    protocol = {"data": "other", "targets": "binary", "num_samples": 1}
    write_run(tmp_path / "a", elbo=-150.0)
    write_run(tmp_path / "b", elbo=-80.0, seed=1, protocol=protocol)
    groups, reasons = group_runs(find_runs([tmp_path])[0])
    assert len(groups) == 2 and reasons == ["data set", "targets"]
    write_report([tmp_path], tmp_path)
    for name in ("report.html", "report.md"):
        text = (tmp_path / name).read_text()
        assert "2 parts, because two bounds are comparable only if" in text
        assert "the same thing was measured" in text
        assert "data set: other, targets: binary" in text
    assert "highest test bound" not in text


def test_bounds_of_two_kinds_stand_in_groups_of_their_own(tmp_path: Path) -> None:
    weighted = PROTOCOL | {"bound": "importance-weighted"}
    write_run(tmp_path / "a", elbo=-150.0)
    write_run(tmp_path / "b", elbo=-149.0, config={"objective": {"k": 5}}, protocol=weighted)
    runs, _ = find_runs([tmp_path])
    groups, reasons = group_runs(runs)
    assert len(groups) == 2 and reasons == ["bound"]
    assert [group.title for group in groups] == ["bound: elbo", "bound: importance-weighted"]


def test_bounds_of_other_numbers_of_draws_stand_in_groups_of_their_own(tmp_path: Path) -> None:
    write_run(tmp_path / "a", elbo=-150.0)
    write_run(tmp_path / "b", elbo=-149.0, protocol=PROTOCOL | {"num_samples": 5}, seed=1)
    groups, reasons = group_runs(find_runs([tmp_path])[0])
    assert len(groups) == 2 and reasons == ["posterior samples per image in the bound"]


def test_the_commands_that_make_all_runs_again(tmp_path: Path) -> None:
    runs = find_runs([write_run(tmp_path / "ab"[seed], elbo=-1.0, seed=seed) for seed in (0, 1)])[0]
    single = [run.result.command for run in runs]
    assert commands(runs) == single and len(single) == 2
    # A sweep keeps its command in its folder; a second one may have added runs to it.
    kept = ["python -m vae_lab -m a=1,2 sweep_name=x", "python -m vae_lab -m a=3 sweep_name=x"]
    (tmp_path / COMMANDS).write_text("\n".join(kept) + "\n")
    assert commands(runs) == kept
    # Runs of several folders are no sweep.
    elsewhere = find_runs([write_run(tmp_path / "other" / "c", elbo=-1.0, seed=2)])[0]
    assert commands([*runs, *elsewhere]) == [*single, elsewhere[0].result.command]


def test_one_seed_counts_once_whatever_else_differs(tmp_path: Path) -> None:
    for name, seed, logger in (("a", 0, "none"), ("b", 0, "csv"), ("c", 1, "none")):
        looking = {"_target_": "vae_lab.callbacks.samples.Samples", "every_n_epochs": len(name)}
        write_run(
            tmp_path / name,
            elbo=-150.0,
            seed=seed,
            choices={"logger": logger},
            config={"threads": 1 + seed, "logger": {logger: 1}, "callbacks": {"samples": looking}},
        )
    runs, _ = find_runs([tmp_path])
    (group,), _ = group_runs(runs)
    (setting,) = group.settings
    assert [run.seed for run in setting.runs] == [0, 1]
    (repeated,) = group.repeated
    assert repeated.reason.startswith("seed 0 of this setting is there already: ")
    written = write_report([tmp_path], tmp_path)
    assert written.num_runs == 2 and written.skipped == [repeated]
    html = written.page.read_text()
    assert (
        "2 runs of 1 setting; seeds 0 and 1" in html and "2 seeds: [ ] is the 95 % interval" in html
    )


def test_a_callback_that_may_change_the_training_makes_another_setting(tmp_path: Path) -> None:
    for patience in (2, 5):
        stopping = {"_target_": "pytorch_lightning.callbacks.EarlyStopping", "patience": patience}
        write_run(tmp_path / f"p{patience}", elbo=-150.0, config={"callbacks": {"stop": stopping}})
    (group,), _ = group_runs(find_runs([tmp_path])[0])
    assert group.keys == ["callbacks.stop.patience"] and not group.repeated
    write_run(tmp_path / "none", elbo=-150.0, config={"callbacks": {"samples": {"scale": 2}}})
    (group,), _ = group_runs(find_runs([tmp_path])[0])
    # Without the callback there is no patience either: its class says it.
    assert {setting.label for setting in group.settings} == {
        *("EarlyStopping patience=2", "EarlyStopping patience=5", "default")
    }


def data_of(fingerprint: str | None, name: str = "npz:my.npz", **more: object) -> dict[str, object]:
    identity = {"fingerprint": fingerprint} if fingerprint else {}
    return {"name": name, "train": 10, "val": 5, "test": 400, **identity, **more}


def test_the_same_file_with_other_images_is_neither_a_copy_nor_a_seed(tmp_path: Path) -> None:
    write_run(tmp_path / "first", elbo=-150.0, data=data_of("aaaaaaaaaa"), protocol={})
    write_run(tmp_path / "second", elbo=-140.0, data=data_of("bbbbbbbbbb"), protocol={})
    write_run(tmp_path / "third", elbo=-141.0, seed=1, data=data_of("bbbbbbbbbb"), protocol={})
    runs, skipped = find_runs([tmp_path])
    assert len(runs) == 3 and not skipped
    groups, reasons = group_runs(runs)
    assert reasons == ["data set"]
    assert sorted((group.title, len(group.runs)) for group in groups) == [
        ("data set: npz:my.npz (aaaaaaaa)", 1),
        ("data set: npz:my.npz (bbbbbbbb)", 2),
    ]


@pytest.mark.parametrize("other", ["./my.npz", "/elsewhere/my.npz"])
def test_the_same_images_by_another_name_are_one_data_set(tmp_path: Path, other: str) -> None:
    for seed, path in enumerate(("my.npz", other)):
        config = {"data": {"name": f"npz:{path}", "path": path, "source": {"path": path}}}
        data = data_of("aaaaaaaaaa", f"npz:{path}")
        protocol = PROTOCOL | {"data": f"npz:{path}"}
        write_run(
            tmp_path / str(seed),
            elbo=-150.0,
            seed=seed,
            config=config,
            data=data,
            protocol=protocol,
        )
    (group,), _ = group_runs(find_runs([tmp_path])[0])
    (setting,) = group.settings
    assert len(setting.runs) == 2


def test_the_same_images_in_other_batches_are_another_setting(tmp_path: Path) -> None:
    for size, option in ((64, "npz"), (128, "folder")):
        config = {"data": {"batch_size": size, "path": option}}
        write_run(
            tmp_path / option,
            elbo=-150.0,
            config=config,
            choices={"data": option},
            data=data_of("aaaaaaaaaa"),
        )
    (group,), _ = group_runs(find_runs([tmp_path])[0])
    assert group.keys == ["data.batch_size"]


def test_an_older_run_has_the_images_of_its_data_sets_name(tmp_path: Path) -> None:
    protocol = PROTOCOL | {"data": "npz:my.npz"}
    for seed, fingerprint in enumerate((None, "aaaaaaaaaa")):
        data = data_of(fingerprint)
        write_run(tmp_path / f"{seed}", elbo=-1.0, seed=seed, data=data, protocol=protocol)
    (group,), _ = group_runs(find_runs([tmp_path])[0])
    assert [len(setting.runs) for setting in group.settings] == [2]
    # Two data sets of the name: which of them it had is not known.
    data = data_of("bbbbbbbbbb")
    write_run(tmp_path / "2", elbo=-1.0, seed=2, data=data, protocol=protocol)
    groups, _ = group_runs(find_runs([tmp_path])[0])
    assert [len(group.runs) for group in groups] == [1, 1, 1]


@pytest.mark.parametrize(
    ("reason", "one", "other"),
    [
        ("image shape", {"image_shape": [1, 16, 16]}, {"image_shape": [3, 16, 16]}),
        ("image shape", {"image_shape": [1, 16, 16]}, {"image_shape": [1, 32, 32]}),
        (
            "posterior samples per image in the bound",
            {"protocol": PROTOCOL | {"num_samples": 1}},
            {"protocol": PROTOCOL | {"num_samples": 5}},
        ),
        (
            "number of test images",
            {"data": data_of("aaaaaaaaaa", test=400)},
            {"data": data_of("aaaaaaaaaa", test=300)},
        ),
        ("latent code", {}, {"protocol": PROTOCOL | {"latent": "mean"}}),
        (
            "likelihood",
            {"config": {"likelihood": {"_target_": "vae_lab.likelihoods.Gaussian", "scale": 0.1}}},
            {"config": {"likelihood": {"_target_": "vae_lab.likelihoods.Gaussian", "scale": 0.2}}},
        ),
        (
            "likelihood",
            {"config": {"likelihood": {"_target_": "vae_lab.likelihoods.Laplace", "scale": 0.1}}},
            {"config": {"likelihood": {"_target_": "vae_lab.likelihoods.Gaussian", "scale": 0.1}}},
        ),
    ],
)
def test_numbers_that_mean_different_things_are_apart(
    tmp_path: Path, reason: str, one: dict[str, Any], other: dict[str, Any]
) -> None:
    write_run(tmp_path / "one", elbo=-150.0, **one)
    write_run(tmp_path / "other", elbo=-140.0, seed=1, **other)
    groups, reasons = group_runs(find_runs([tmp_path])[0])
    assert len(groups) == 2 and reasons == [reason]


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (["linear-z2-5k-seed0", "linear-z2-5k-seed1", "linear-z2-5k-seed12"], "linear-z2-5k"),
        (["linear-z2-lr0.01-seed0", "linear-z2-lr0.01-seed1", "linear-z2-lr0.01"], None),
        (["first", "second", "third"], None),
        (["only-seed0"], "only-seed0"),
    ],
)
def test_several_seeds_have_the_name_that_they_share(
    tmp_path: Path, names: list[str], label: str | None
) -> None:
    for place, name in enumerate(names):
        seed = int(name.rpartition("seed")[2]) if label and len(names) > 1 else place
        choices = {"data": "mnist_5k"}
        write_run(tmp_path / str(place), name=name, elbo=-1.0, seed=seed, choices=choices)
    (group,), _ = group_runs(find_runs([tmp_path])[0])
    expected = "linear-z2-lr0.01" if names[0].startswith("linear-z2-lr") else label
    assert [setting.label for setting in group.settings] == [expected or "linear-z2-5k"]
