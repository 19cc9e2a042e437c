"""`python -m vae_lab.evaluate FOLDER [FOLDER ...] [key=value ...]`: what runs are worth."""

import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_lab import environment
from vae_lab.config.descriptions import Descriptions
from vae_lab.config.help_pages import setting_topic, settings_help
from vae_lab.errors import JobFailed, command, describe_os_error, in_one_line
from vae_lab.evaluate.requests import USAGE, EvaluationPlan, Measured, Request, check
from vae_lab.evaluations import DEFAULTS
from vae_lab.files import atomic, write_text
from vae_lab.help_layout import page
from vae_lab.imports import large_imports
from vae_lab.terminal import print_error, printable

if TYPE_CHECKING:
    from vae_lab.evaluate.progress import EvaluationProgress


_EXAMPLES = {
    "python -m vae_lab.evaluate outputs/runs/NAME": "the numbers of a run",
    "python -m vae_lab.evaluate outputs/sweeps/NAME": "a table of the runs of a sweep",
    "python -m vae_lab.evaluate outputs/runs/NAME num_images=10000": "smaller standard errors",
}


def main() -> None:
    """Runs the command line and exits: 0 done, 1 a run failed, 2 wrong input, 130 Ctrl-C."""
    command(_main)


def _main(argv: Sequence[str]) -> Mapping[str, Any]:
    if not argv or {"-h", "--help"} & set(argv):
        print(printable(_help(argv)))
        return {}
    plan = check(argv)
    if len(plan.requests) == 1 and not plan.unfinished and not plan.broken:
        measured = [(plan.requests[0], evaluate_run(plan.requests[0]))]
    else:
        measured = evaluate_runs(plan)
    return _outcome(plan, measured, {})


def _outcome(
    plan: EvaluationPlan, measured: Sequence[tuple[Request, Measured]], failed: Mapping[Path, str]
) -> dict[str, Any]:
    """Returns what became of each run, for `--json`: its numbers, or why it has none."""
    return {
        "runs": [
            {
                "name": request.name,
                "folder": request.run.path,
                "file": found.path,
                "is_new": found.is_new,
                **{key: found.content.get(key, {}) for key in ("numbers", "picture_metrics")},
            }
            for request, found in measured
        ],
        "failed": [{"folder": path, "reason": failed[path]} for path in failed],
        "left_out": [{"folder": path, "reason": why} for path, why in plan.unfinished.items()],
    }


def _help(argv: Sequence[str]) -> str:
    """Returns the help: of keys that are named, else the overview."""
    keys = Descriptions().settings(*DEFAULTS)
    named = [word for word in argv if word[:1] != "-" and not Path(word).exists()]
    if named:
        return "\n".join(setting_topic(keys, word) for word in named)
    return page(
        f"{USAGE} [--json]",
        "Measures finished runs: their bound, log-likelihood, latent space and samples.",
        _EXAMPLES,
        {"Keys: set with key=value; --help KEY explains one.": settings_help(keys)},
    )


def evaluate_run(request: Request) -> Measured:
    """Evaluates a run, keeps the numbers in its folder, prints them, and returns them.

    Raises:
        UserError: The checkpoint, the data or the device cannot be used; nothing is written then.
    """
    from vae_lab.evaluate.printing import format_evaluation
    from vae_lab.evaluate.progress import EvaluationProgress

    measured = request.kept() if request.has_fixed_images else None
    if measured is None:
        with EvaluationProgress(1) as progress:
            progress.next_run(request.name)
            measured = _measure(request, progress)
    # First of all, so that no disk takes it away.
    print(printable(format_evaluation(request.name, measured.content)), flush=True)
    _keep(measured)
    print(printable(f"\n{'kept in' if measured.is_new else 'measured before:'} {measured.path}"))
    for words, picture in measured.draw().items():
        print(printable(f"{words}: {picture}"))
    return measured


def evaluate_runs(plan: EvaluationPlan) -> list[tuple[Request, Measured]]:
    """Evaluates those of several runs that are not yet, prints a table of all, and returns them.

    Raises:
        JobFailed: A run failed; the others are evaluated all the same.
    """
    from vae_lab.evaluate.printing import format_table
    from vae_lab.evaluate.progress import EvaluationProgress

    known = [it.kept() if it.has_fixed_images else None for it in plan.requests]
    _tell(plan, num_known=len(known) - known.count(None))
    failed = dict(plan.broken)
    measured: list[tuple[Request, Measured]] = []
    with EvaluationProgress(known.count(None)) as progress:
        for request, found in zip(plan.requests, known, strict=True):
            if found is None:
                progress.next_run(request.name)
            try:
                found = found or _measure(request, progress)
                measured.append((request, found))
                _keep(found)
                found.draw()
            # Whatever happens to a run, the others do not depend on it.
            except Exception as error:
                failed[request.run.path] = in_one_line(error)
                print_error(f"{request.name}: {in_one_line(error)}")
    if measured:
        table = format_table([(request, found.content) for request, found in measured])
        print(printable(table), flush=True)
    if failed:
        named = {request.run.path: request.name for request in plan.requests}
        names = ", ".join(named.get(path, path.name) for path in failed)
        outcome = _outcome(plan, measured, failed)
        raise JobFailed(f"not evaluated, or not kept: {names}.", outcome)
    return measured


def _tell(plan: EvaluationPlan, *, num_known: int) -> None:
    """Prints what is not measured now, and why."""
    for path, reason in plan.unfinished.items():
        print(printable(f"left out {path}: {reason}"), file=sys.stderr)
    for path, reason in plan.broken.items():
        print_error(f"{path}: {reason}")
    if num_known:
        runs = f"{num_known} of {len(plan.requests)} runs"
        print(f"{runs} were measured before by this protocol.", file=sys.stderr, flush=True)


def _measure(request: Request, progress: "EvaluationProgress") -> Measured:
    """Returns the numbers of a run: measured now, unless its images turn out to be known."""
    with large_imports("vae_lab.evaluate.evaluation"):
        import torch

        from vae_lab.evaluate.evaluation import Evaluation, evaluate
        from vae_lab.evaluate.pictures import draw_pictures
        from vae_lab.matrix_products import matrix_products

    run, checkpoint, settings = request
    torch.set_num_threads(settings["threads"])
    evaluation = Evaluation.load(run, checkpoint, settings)
    if kept := request.kept(evaluation.other_images):
        return kept
    if not evaluation.has_labels:
        words = "classifiers and samples are left out, the images have no labels"
        print(printable(f"{request.name}: {words}"), file=sys.stderr)
    if evaluation.model.is_conditional:
        words = "interpolations and labels of the latent plane are left out, the decoder is given y"
        print(printable(f"{request.name}: {words}"), file=sys.stderr)
    with matrix_products("highest"):
        numbers = evaluate(evaluation, progress)
    content = {
        "run": request.name,
        "config_hash": run.require_result().config_hash,
        **numbers,
        "versions": environment.versions(),
        "git_commit": environment.git_commit(),
        "machine": environment.machine(),
    }
    path = request.file(evaluation.other_images)
    draw = partial(draw_pictures, evaluation, content, run)
    return Measured(path, content, is_new=True, per_image=evaluation.per_image, draw=draw)


def _keep(measured: Measured) -> None:
    if not measured.is_new:
        return
    try:
        # The numbers last: a file of them says that all is there.
        if measured.per_image:
            _write_arrays(measured.path.with_suffix(".npz"), measured.per_image)
        write_text(measured.path, json.dumps(measured.content, indent=2) + "\n")
    except OSError as error:
        raise JobFailed(
            f"the values above are not kept: {describe_os_error(error, measured.path)}"
        ) from error


def _write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    import numpy as np

    with atomic(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)


if __name__ == "__main__":
    main()
