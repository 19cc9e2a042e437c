"""What varies between runs, and which can be compared."""

from pathlib import Path

from fake_runs import PROTOCOL, write_run

from vae_lab.report.grouping import contrasts, group_runs, varying_keys
from vae_lab.report.page import write_report
from vae_lab.report.runs import find_runs
from vae_lab.report.tables import commands
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
        assert "2 parts, because figures can only be compared where" in text
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
