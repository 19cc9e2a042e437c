"""Every combination of objective, likelihood, prior, posterior, condition: refused, or trained."""

import inspect
import itertools
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from repository import ROOT
from torch import Tensor

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config import compose
from vae_lab.config.combinations import INVALID_COMBINATIONS, OPTIONS
from vae_lab.config.instantiate import locate
from vae_lab.config.resolve import resolved
from vae_lab.errors import UserError
from vae_lab.random_streams import stream
from vae_lab.vae import VAE

CONF = compose.conf_folder()
GROUPS = ("objective", "likelihood", "prior", "posterior", "condition")
PAGES = ROOT / "docs" / "explanation"
PAGE = {
    "objective": "objectives.md",
    "likelihood": "likelihoods.md",
    "prior": "priors.md",
    "posterior": "posterior.md",
    "condition": "conditions.md",
}
BINARIZE = ("none", "dynamic")


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def is_meaningless(*combination: str) -> bool:
    values: dict[str, Any] = dict(zip((*GROUPS, "data.binarize"), combination, strict=True))
    values |= {"data.batch_size": 6, "latent_dim": 3}
    return any(
        all(values[key] in allowed for key, allowed in (row.first, row.second))
        for row in INVALID_COMBINATIONS
    )


EVERY = [*itertools.product(*map(options, GROUPS), BINARIZE)]
# What the targets are does not depend on a condition: one kind of them is enough under one.
COMBINATIONS = [
    one for one in EVERY if not is_meaningless(*one) and one[-2:] != ("label", "dynamic")
]


@cache
def composed(option: str) -> dict[str, Any]:
    (job,) = compose_jobs([option, "model.hidden_dims=[16]", "latent_dim=3"])
    return resolved(job.config)


def made_of(*chosen: str) -> dict[str, Any]:
    """Returns the configuration, put together from those of its options: composing takes long."""
    parts = {
        group: composed(f"{group}={option}")[group]
        for group, option in zip(GROUPS, chosen, strict=True)
    }
    return composed(f"{GROUPS[0]}={chosen[0]}") | parts


def images(binarize: str) -> Tensor:
    x = torch.rand(6, 1, 28, 28, generator=stream("images")).mul(255).round() / 255
    return x if binarize == "none" else x.round()


@pytest.mark.parametrize("combination", COMBINATIONS, ids="-".join)
def test_a_combination_with_a_meaning_trains_two_steps(combination: tuple[str, ...]) -> None:
    *chosen, binarize = combination
    model = VAE.from_config(made_of(*chosen), (1, 28, 28), num_classes=3, trust=False)
    labels = torch.arange(6) % 3 if model.is_conditional else None
    optimizer = model.optimization.optimizer(params=model.named_parameters())
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    x, samples = images(binarize), model.objective.num_samples
    for step in range(2):
        noise = torch.randn(samples, len(x), 3, generator=stream("noise", step))
        objective = model.objective.at((step + 1) / 5)
        loss, terms = model.score(x, noise, objective, labels=labels)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        assert loss.isfinite() and terms.elbo().isfinite().all() and len(terms.kl) == len(x)
    moved = {name: not torch.equal(before[name], p) for name, p in model.named_parameters()}
    assert all(moved.values()), moved
    model.eval()
    with torch.no_grad():
        drawn = model.sample(4, stream("drawn"))
    assert drawn.shape == (4, 1, 28, 28) and drawn.isfinite().all()


@pytest.mark.parametrize("data", ["npz data.path=my.npz", "folder data.path=photos", "cifar10"])
def test_every_objective_goes_with_other_data_too(data: str) -> None:
    for objective in options("objective"):
        assert compose_jobs([f"objective={objective}", *f"data={data}".split()])


ROWS = [
    (row, one, other)
    for row in INVALID_COMBINATIONS
    for one in row.first[1]
    for other in row.second[1]
]


@pytest.mark.parametrize(("row", "one", "other"), ROWS)
def test_a_combination_without_meaning_is_one_line(row: Any, one: Any, other: Any) -> None:
    words = [f"{row.first[0]}={one}", f"{row.second[0]}={other}"]
    with pytest.raises(UserError) as refused:
        compose_jobs(words)
    assert (
        str(refused.value) == f"{' with '.join(words)} is not supported: {row.why}; {row.remedy}."
    )


def test_a_combination_is_refused_by_its_class_whatever_the_option_is_called(
    tmp_path: Path,
) -> None:
    (tmp_path / "likelihood").mkdir()
    (tmp_path / "likelihood" / "mine.yaml").write_text("defaults: [laplace]\nscale: 0.3\n")
    words = ["--config-dir", str(tmp_path), "likelihood=mine"]
    assert compose_jobs(words)
    with pytest.raises(UserError, match=r"likelihood=mine with data\.binarize=static is not supp"):
        compose_jobs([*words, "data.binarize=static"])


def test_all_that_the_table_names_are_options_of_their_class() -> None:
    named = {
        (key, value)
        for row in INVALID_COMBINATIONS
        for key, values in (row.first, row.second)
        for value in values
        if key in GROUPS
    }
    known = {(group, option) for group in GROUPS for option in options(group)}
    assert named <= known
    of_class = {name: composed(f"{group}={name}")[group]["_target_"] for group, name in named}
    assert {target: name for name, target in of_class.items()} == OPTIONS


def shown(key: str, values: tuple[Any, ...]) -> str:
    return f"`{key}={'|'.join(map(str, values))}`"


def test_the_documentation_shows_the_same_table() -> None:
    text = (PAGES / "objectives.md").read_text(encoding="utf-8")
    heading = "| this | with this | why |"
    table = text[text.index(heading) :].split("\n\n")[0].splitlines()[2:]
    expected = [
        f"| {shown(*row.first)} | {shown(*row.second)} | {row.why} |"
        for row in INVALID_COMBINATIONS
    ]
    assert table == list(map(escaped, expected))


def escaped(line: str) -> str:
    """Escapes what would end a cell of the table."""
    cells = line.removeprefix("| ").removesuffix(" |").split(" | ")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


@pytest.mark.parametrize("group", GROUPS)
def test_every_option_has_a_row_on_the_page_of_its_group(group: str) -> None:
    text = (PAGES / PAGE[group]).read_text(encoding="utf-8").split("## Invalid combinations")[0]
    for option in options(group):
        start = f"| `{group}={option}` | "
        (line,) = [one for one in text.splitlines() if one.startswith(start)]
        assert line.count("|") == 4, "what it is for, what to watch"


@pytest.mark.parametrize("group", GROUPS)
def test_every_option_is_one_class_under_60_lines_and_names_its_source(group: str) -> None:
    for option in options(group):
        text = (CONF / group / f"{option}.yaml").read_text(encoding="utf-8")
        assert "arXiv" in text or option in ("laplace", "none"), option
        place = r"\b(eq\.|equation|section|appendix)"
        assert "arXiv" not in text or re.search(place, text), f"{option}: where in the paper?"
        cls = locate(composed(f"{group}={option}")[group]["_target_"], trust=False)
        assert len(inspect.getsource(cls).splitlines()) < 60, option
