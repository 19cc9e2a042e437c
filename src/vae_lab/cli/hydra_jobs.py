"""Jobs handed to Hydra, which makes their folders, opens their logs, and calls the task.

The jobs of a sweep go to its launcher as they were planned. If the sweep itself were handed over,
Hydra would expand it once more: what is shuffled would come in another order.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra._internal.utils import _run_hydra, get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, RunMode, TaskFunction
from omegaconf import OmegaConf

from vae_lab.cli.launchers import as_lost_worker
from vae_lab.config.compose import CONFIG_NAME, Composer, conf_folder
from vae_lab.environment import environment_variables
from vae_lab.errors import FULL_ERROR, TRACEBACKS, UserError, describe_os_error

# The number of jobs of a sweep, for those in other processes too.
NUM_JOBS = "VAE_LAB_NUM_JOBS"


def run_hydra(argv: Sequence[str], task: TaskFunction) -> None:
    """Hands a command line to Hydra.

    Raises:
        UserError: for what Hydra cannot do.
        JobFailed: if an engine lost a process.
    """
    parser = get_args_parser()
    with _errors_in_words():
        _run_hydra(parser.parse_args(argv), parser, task, str(conf_folder()), CONFIG_NAME)


def run_job(composer: Composer, overrides: Sequence[str], task: TaskFunction) -> None:
    """Runs one job, given by its overrides, in this process. Raises as `run_hydra`."""
    with _hydra(composer) as hydra:
        hydra.run(composer.config_name, task, [*overrides, "hydra.mode=RUN"])


def launch(
    composer: Composer, common: Sequence[str], jobs: Sequence[Sequence[str]], task: TaskFunction
) -> list[Any]:
    """Runs jobs, each given by its overrides, with the launcher that the `common` ones choose.

    Returns what the task returned for each; None also if it raised an error. Raises as
    `run_hydra`.
    """
    with environment_variables({NUM_JOBS: str(len(jobs))}), _hydra(composer) as hydra:
        return _launch(hydra, composer.config_name, [*common, "hydra.mode=MULTIRUN"], jobs, task)


def _launch(
    hydra: Hydra,
    config_name: str,
    common: list[str],
    jobs: Sequence[Sequence[str]],
    task: TaskFunction,
) -> list[Any]:
    config = hydra.compose_config(
        config_name, common, RunMode.MULTIRUN, with_log_configuration=True
    )
    callbacks = Callbacks(config)
    callbacks.on_multirun_start(config=config, config_name=config_name)
    context = HydraContext(config_loader=hydra.config_loader, callbacks=callbacks)
    launcher = Plugins.instance().instantiate_launcher(context, task, config)
    size = config.hydra.sweeper.get("max_batch_size")
    returned: list[JobReturn] = []
    # Hydra adds what is its own of the common ones to each job again, and `+` adds a key only once.
    hydra_overrides = OmegaConf.to_container(config.hydra.overrides.hydra, resolve=False)
    assert isinstance(hydra_overrides, list)  # as they were written: the job resolves them
    own = {*map(str, hydra_overrides)}
    lines = [[line for line in job if line not in own] for job in jobs]
    for batch in BasicSweeper.split_overrides_to_chunks(lines, size):
        returned += launcher.launch(batch, initial_job_idx=len(returned))
    callbacks.on_multirun_end(config=config, config_name=config_name)
    return [job.return_value if job.status == JobStatus.COMPLETED else None for job in returned]


@contextmanager
def _hydra(composer: Composer) -> Iterator[Hydra]:
    # With the composer's reader: it has parsed the files already.
    with _errors_in_words():
        hydra = Hydra(task_name="vae_lab", config_loader=composer.loader)
        GlobalHydra.instance().initialize(hydra)
        try:
            yield hydra
        finally:
            GlobalHydra.instance().clear()


@contextmanager
def _errors_in_words() -> Iterator[None]:
    # Hydra raises its errors instead of printing them. Jobs in other processes inherit both.
    asked = {FULL_ERROR: "1", TRACEBACKS: os.environ.get(FULL_ERROR, "0")}
    with environment_variables(asked):
        try:
            yield
        except Exception as error:
            refused = UserError(describe_os_error(error, Path("outputs")))
            raise as_lost_worker(error) or refused from error
