"""`report.json`: every number of the page, in standard JSON."""

import json
from pathlib import Path
from typing import Any

import pytest
from fake_runs import number, picture_metrics, write_evaluation, write_run

from vae_lab.errors import UserError
from vae_lab.report.page import write_report


def written(folder: Path) -> dict[str, Any]:
    write_report([folder], folder)

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not standard JSON")

    content = json.loads((folder / "report.json").read_text(), parse_constant=refuse)
    assert isinstance(content, dict)
    return content


def test_the_numbers_of_a_page_are_those_of_its_runs(tmp_path: Path) -> None:
    for z, model, bound in ((2, "a", -160.0), (2, "b", -157.0), (9, "a", -130.0), (9, "b", -115.0)):
        found = picture_metrics(sharpness=0.1 * z, precision=0.9)
        write_run(
            tmp_path / f"{model}{z}",
            elbo=bound,
            latent_dim=z,
            choices={"model": model},
            picture_metrics=found,
        )
    write_run(tmp_path / "failed", elbo=-1.0, seed=7, status="failed", error="no")
    content = written(tmp_path)
    (part,) = content["parts"]
    assert part["keys"] == ["model", "latent_dim"]
    bounds = {it["label"]: it["elbo"]["mean"] for it in part["settings"]}
    assert bounds == {"a z2": -160.0, "a z9": -130.0, "b z2": -157.0, "b z9": -115.0}
    (sharpness,) = {
        it["picture_metrics"]["sharpness_of_samples"]["mean"]
        for it in part["settings"]
        if it["values"]["latent_dim"] == 2
    }
    assert sharpness == pytest.approx(0.2)
    pairs = [it for it in part["comparisons"] if it["quantity"] == "elbo"]
    assert len(pairs) == 6 and all(it["p_corrected"] >= it["p"] for it in pairs)
    effects = {it["key"]: it for it in part["effects"] if it["quantity"] == "elbo"}
    assert effects["latent_dim"]["value"] == pytest.approx(-36.0)
    assert effects["latent_dim"]["averaged_over"] == 2
    (interaction,) = part["interactions"]
    assert interaction["value"] == pytest.approx(12.0)
    known = [it for kind in ("comparisons", "effects", "interactions") for it in part[kind]]
    assert content["compared"] == sum(it["p"] is not None for it in known)
    assert [it["reason"] for it in content["skipped"]] == ["failed: no"]
    findings = {it["subject"]: it for it in part["answer"]["findings"]}
    assert findings["effect of latent_dim"]["numbers"]["effect"]["value"] == pytest.approx(36.0)
    assert part["answer"]["numbers"]["best"] == "b z9"
    (run,) = part["settings"][0]["runs"]
    assert {"validation_bound", "kl_per_dimension", "curves"} <= run.keys()


def test_what_evaluate_found_is_there(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", elbo=-150.0)
    write_evaluation(folder, {"iw_bound": number(-147.5, 0.5)})
    (part,) = written(tmp_path)["parts"]
    (setting,) = part["settings"]
    assert setting["likelihoods"]["iw_bound"]["mean"] == -147.5


def test_what_is_no_number_is_null(tmp_path: Path) -> None:
    metrics = {"elbo/test": -150.0, "recon/test": float("nan")}
    found = picture_metrics(sharpness=float("nan"), precision=0.9)
    write_run(tmp_path / "a", elbo=-150.0, metrics=metrics, picture_metrics=found)
    (part,) = written(tmp_path)["parts"]
    (setting,) = part["settings"]
    assert setting["recon"] is None and "sharpness_of_samples" not in setting["picture_metrics"]


def test_a_file_of_somebody_else_is_never_replaced_and_ours_is(tmp_path: Path) -> None:
    write_run(tmp_path / "a", elbo=-150.0)
    written(tmp_path)
    written(tmp_path)
    (tmp_path / "report.json").write_text('{"mine": "Written by VAE Lab"}')
    with pytest.raises(UserError, match=r"report\.json was not written by VAE Lab"):
        write_report([tmp_path], tmp_path)
