"""Words that people use for keys and options, and what is written here instead.

A wrong word is answered by its meaning first, from these tables, and by its spelling second. Words
are compared without case and punctuation: `batch-size`, `BatchSize` and `batch_size` are one word.
"""

import difflib
import re
import unicodedata
from collections.abc import Collection, Mapping

# Key here -> other words for it.
KEYS = {
    "trainer.max_epochs": "e epoch epochs num_epochs n_epochs nb_epochs train_epochs max_epoch "
    "num_train_epochs number_of_epochs",
    "trainer.max_steps": "steps num_steps n_steps iters num_iters max_iters iterations n_iter "
    "num_iterations max_iterations total_steps",
    "trainer.max_time": "time time_limit max_duration",
    "trainer.precision": "precision dtype amp use_amp fp16 bf16 half mixed_precision",
    "trainer.gradient_clip_val": "clip grad_clip gradient_clip clip_grad clip_norm clip_value "
    "gradient_clipping max_grad_norm grad_clip_norm grad_norm",
    "trainer.accumulate_grad_batches": "accumulate grad_accum accumulation_steps "
    "gradient_accumulation_steps",
    "trainer.enable_progress_bar": "progress progress_bar bar tqdm",
    "trainer.check_val_every_n_epoch": "val_every eval_every val_interval validate_every",
    "optimizer.lr": "lr learning_rate base_lr max_lr peak_lr init_lr initial_lr step_size",
    "optimizer.weight_decay": "wd weight_decay l2_penalty",
    "optimizer.schedule": "scheduler lr_scheduler lr_schedule",
    "latent_dim": "z zdim z_dim z_size z_dims dim_z nz latent latents latent_size latent_dims "
    "n_latent n_latents num_latent num_latents latent_dimension latent_dimensions latent_features "
    "dim_latent latent_space_dim code_size code_dim bottleneck bottleneck_dim embedding_dim "
    "embedding_size",
    "objective.beta": "beta kl_weight kld_weight kl_coeff kl_coef kl_lambda kl_scale kl_beta",
    "objective.num_samples": "k num_importance_samples importance_samples iw_samples mc_samples",
    "objective.warmup": "kl_warmup beta_warmup kl_anneal kl_annealing",
    "data.batch_size": "b bs batch batchsize train_batch_size mini_batch minibatch mini_batch_size",
    "data.num_val": "val_size val_split validation_split validation_size num_validation",
    "data.num_test": "test_size test_split num_test_images",
    "data.image_size": "img_size resolution image_resolution",
    "data.root": "data_root data_dir datadir dataset_dir data_folder",
    "data.path": "path data_path image_path image_dir image_folder img_dir images_path",
    "model.hidden_dims": "hidden hidden_dim hidden_size hidden_sizes hidden_units hidden_layers "
    "hidden_layer_sizes h_dim h_dims layers units",
    "model.channels": "filters num_filters n_filters hidden_channels num_channels conv_channels",
    "likelihood.scale": "sigma noise_std decoder_std decoder_scale",
    "seed": "random_seed manual_seed random_state rng_seed rng",
    "threads": "num_threads n_threads cores num_cores cpus num_cpus",
    "compile": "torch_compile compile_model",
    "matmul_precision": "tf32 float32_matmul_precision",
    "run_name": "name exp_name experiment_name run_id tag",
    "sweep_name": "project group_name",
    "note": "notes comment comments description message remark",
    "tags": "labels_of_run keywords",
    "hydra.run.dir": "out outdir out_dir output output_dir save_dir save_path log_dir run_dir "
    "results_dir checkpoint_dir ckpt_dir",
    "resume": "resume_from ckpt ckpt_path checkpoint checkpoint_path resume_from_checkpoint "
    "resume_path load load_from",
}

# Group here -> other words for it. A device chooses an option of `trainer`.
GROUPS = {
    "model": "arch architecture network net encoder decoder backbone models",
    "data": "dataset data_set datasets dataset_name data_name",
    "objective": "loss loss_fn loss_function criterion objectives vae vae_type variant",
    "likelihood": "recon_loss reconstruction_loss rec_loss recon reconstruction likelihoods "
    "decoder_distribution output_distribution",
    "optimizer": "optim opt optimiser optimizers",
    "prior": "priors prior_type",
    "posterior": "posteriors q posterior_type covariance posterior_family variational_family",
    "condition": "conditional conditioning cond cvae class_conditional use_labels",
    "trainer": "gpu gpus n_gpus num_gpus use_gpu cuda use_cuda device accelerator mps",
    "logger": "log loggers logging wandb use_wandb tensorboard use_tensorboard mlflow csv",
    "callbacks": "callback pictures",
    "experiment": "exp recipe config config_file",
    "hydra/launcher": "launcher",
    "hydra/sweeper": "sweeper",
}

# Group -> what chooses an option, with other words for the option.
OPTIONS: dict[str, dict[str, str]] = {
    "model": {
        "model=linear": "mlp fc fcn ffn dense fully_connected feedforward perceptron "
        "linear_vae mlp_vae",
        "model=conv": "cnn convnet convolution convolutional conv2d deconv conv_vae vae",
        "model=resnet": "res residual resnet18 resnet34 resnet50",
    },
    "data": {
        "data=mnist_5k": "5k small small_mnist mnist_small tiny_mnist mnist_tiny",
        "data=fashion_mnist": "fashion fmnist",
        "data=kmnist": "kuzushiji kuzushiji_mnist",
        "data=cifar10": "cifar",
        "data=digits": "sklearn sklearn_digits",
    },
    "objective": {
        "objective=elbo": "vae vanilla vanilla_vae standard nelbo negative_elbo kl kld",
        "objective=elbo objective.beta=4": "beta_vae bvae",
        "objective=beta_tc": "tc tcvae btcvae beta_tcvae factor_vae total_correlation",
        "objective=mmd": "mmd_vae info_vae wae wae_mmd",
        "objective=iwae": "iw iwvae importance_weighted",
        "objective=elbo_warmup": "warmup kl_warmup anneal annealing kl_annealing",
        "objective=elbo_cyclic": "cyclic cyclical cyclic_annealing",
        "objective=elbo_free_bits": "free_bits",
        "objective=elbo_capacity": "capacity",
    },
    "likelihood": {
        "likelihood=bernoulli": "bce bce_loss bce_with_logits binary_cross_entropy cross_entropy "
        "binary",
        "likelihood=gaussian": "mse mse_loss l2 normal gauss squared_error",
        "likelihood=laplace": "l1 l1_loss mae",
        "likelihood=discretized_logistic": "logistic discretised_logistic",
    },
    "optimizer": {
        "optimizer=adam optimizer._target_=torch.optim.AdamW": "adam_w",
        "optimizer=adam optimizer._target_=torch.optim.SGD ~optimizer.betas ~optimizer.eps "
        "~optimizer.amsgrad optimizer.momentum=0.9": "sgd momentum gd",
        "optimizer=adam optimizer._target_=torch.optim.RMSprop ~optimizer.betas ~optimizer.amsgrad "
        "~optimizer.fused": "rmsprop",
    },
    "prior": {
        "prior=standard": "normal gaussian gauss standard_normal isotropic unit_gaussian",
        "prior=gaussian_mixture": "gmm mog mixture mixture_of_gaussians",
        "prior=vamp": "vamp_prior",
    },
    "posterior": {
        "posterior=diagonal": "diag normal gaussian gauss mean_field factorised factorized",
        "posterior=full": "full_covariance full_cov full_rank cholesky dense correlated covariance",
    },
    "condition": {
        "condition=none": "false no off unconditional",
        "condition=label": "true yes on labels class classes conditional cvae y",
    },
    "trainer": {
        "trainer=auto": "true yes on 0 1 cuda cuda:0 mps best",
        "trainer=default": "false no off none null cpu",
        "trainer=ddp trainer.accelerator=gpu": "multi_gpu distributed",
        "trainer=debug": "fast_dev_run smoke",
    },
    "logger": {
        "logger=tensorboard": "tb tensor_board",
        "logger=wandb": "weights_and_biases wb",
        "logger=none": "false no off null",
    },
    "callbacks": {
        "callbacks=reconstructions": "recon recons reconstruction",
        "callbacks=samples": "sample generated generations",
        "callbacks=interpolations": "interpolation interpolate",
        "callbacks=classes": "class class_grid per_class conditional_samples",
        "callbacks=latent_map": "map manifold latent_plane plane",
        "callbacks=latent_scatter": "scatter latent latent_space pca tsne",
        "callbacks=traversals": "traversal latent_traversal latent_traversals",
        "callbacks=posteriors": "posterior true_posterior posterior_picture densities density",
        "callbacks=kl_per_dim": "kl kl_per_dimension",
        "callbacks=histograms": "histogram hist",
        "callbacks=embedding": "embeddings projector",
        "callbacks=evolution": "film gif animation",
        "callbacks=early_stopping": "early_stop patience",
        "callbacks=ema": "weight_averaging swa averaging exponential_moving_average",
        "callbacks=none": "false no off null",
    },
}

# Key -> value here -> other words for it.
VALUES: dict[str, dict[str, str]] = {
    "trainer.precision": {
        "bf16-mixed": "bf16 bfloat16 bf16_true true",
        "16-mixed": "fp16 float16 half amp",
        "32-true": "fp32 float32 float full single false",
    },
    "optimizer.schedule": {
        "one_cycle": "onecycle one_cycle_lr cosine cosine_annealing",
        "constant": "none const no false",
    },
    "data.binarize": {
        "static": "true yes on fixed",
        "none": "false no off null",
    },
    "compile": {"default": "true yes on", "null": "false no off none"},
    "matmul_precision": {"high": "true yes on tf32", "highest": "false no off"},
}

# Key that several options of a group have -> the option that a person means who names none.
PREFERRED = {
    "likelihood.scale": "gaussian",
    "model.channels": "conv",
    "model.num_blocks": "resnet",
    "objective.warmup": "elbo_warmup",
    "prior.num_components": "gaussian_mixture",
}

# Words for yes and no, as values.
YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "none", "null", "0")

# Words behind a group that ask for its option, as in `model.name=conv`.
OPTION_WORDS = "name type kind class cls arch option target"

# Key -> words for the number of its values: `n_seeds=3` is a run of each of three seeds.
REPETITIONS = {"seed": "seeds n_seeds num_seeds repeats n_repeats repetitions n_runs num_runs"}

# Words for what needs no setting -> why.
NOT_NEEDED = {
    "num_workers workers n_workers pin_memory persistent_workers prefetch_factor": (
        "the images are in memory, so no worker processes load them"
    ),
    "verbose verbosity log_level quiet": "run.log in the run's folder has the details",
    "shuffle": "the training images are in a new order each epoch",
    "download": "missing files are downloaded",
    "save save_model save_checkpoints checkpoints": "each run keeps its best and last weights",
    "cpu use_cpu": "a run is on the processor, unless trainer=auto is added",
    "train mode task": "python -m vae_lab trains and tests in one command",
}


def compact(word: str) -> str:
    """Returns a word without case, accents and punctuation."""
    letters = unicodedata.normalize("NFKD", word.lower())
    return re.sub(r"[\W_]", "", letters)  # also of accents, which NFKD sets apart


def entry_of(word: str, table: Mapping[str, str]) -> str | None:
    """Returns the entry of a table that has a word among its words, or None."""
    wanted = compact(word)
    for entry, words in table.items():
        if wanted and wanted in map(compact, words.split()):
            return entry
    return None


# The parts of these groups have names of their own, unknown elsewhere.
_CLOSED = ("callbacks.", "logger.", "hydra.", "report.")


def key_meant(key: str, names: Collection[str]) -> str | None:
    """Returns which of the keys `names` a wrong key means: by all of it, or by its last part."""
    last = key.rpartition(".")[2]
    ours = [name for name in names if not name.startswith(_CLOSED)]
    for word in (key,) if key.startswith(_CLOSED) else (key, last):
        if (meant := entry_of(word, KEYS)) in names:
            return meant
        same = [name for name in names if compact(name) == compact(word)]
        ends = [name for name in ours if compact(name.rpartition(".")[2]) == compact(word)]
        if len(same or ends) == 1:
            return (same or ends)[0]
    return None


def key_spelled(key: str, names: Collection[str]) -> str | None:
    """Returns which of the keys `names` a misspelled key means: by its last part, in its group."""
    if key.startswith(_CLOSED):
        return None
    top, dot, _ = key.partition(".")
    ours = [name for name in names if not name.startswith(_CLOSED)]
    for inside in ([name for name in ours if dot and name.startswith(f"{top}.")], ours):
        # Of two with one last part the shorter is meant.
        ordered = sorted(inside, key=len, reverse=True)
        words = {compact(name.rpartition(".")[2]): name for name in ordered}
        for name in inside:
            # A short word is close to many.
            others = (each for each in KEYS.get(name, "").split() if len(each) > 3)
            words.update({compact(each): name for each in others})
        last = compact(key.rpartition(".")[2])
        if close := difflib.get_close_matches(last, words, n=1, cutoff=0.8):
            return words[close[0]]
    return None


def why_not_needed(key: str) -> str | None:
    """Returns why a key needs no setting, or None."""
    why = {reason: words for words, reason in NOT_NEEDED.items()}
    return entry_of(key.rpartition(".")[2], why)


def option_meant(group: str, option: str, options: Collection[str]) -> str | None:
    """Returns the overrides that choose what a wrong option of a group means, or None."""
    for each in options:
        if compact(each) == compact(option):
            return f"{group}={each}"
    return entry_of(option, OPTIONS.get(group, {})) or _option_spelled(group, option, options)


def _option_spelled(group: str, option: str, options: Collection[str]) -> str | None:
    words = {compact(each): f"{group}={each}" for each in options}
    for chosen, others in OPTIONS.get(group, {}).items():
        # A short word is close to many.
        words.update({compact(each): chosen for each in others.split() if len(each) > 3})
    close = difflib.get_close_matches(compact(option), words, n=1, cutoff=0.75)
    return words[close[0]] if close else None


def value_meant(key: str, value: str) -> str | None:
    """Returns the value of a key that a wrong word for it means, or None."""
    values = VALUES.get(key, {})
    if meant := entry_of(value, values):
        return meant
    words = {compact(each): here for here, others in values.items() for each in others.split()}
    close = difflib.get_close_matches(compact(value), words, n=1, cutoff=0.7)
    return words[close[0]] if close else None
