"""A trained model of some of the pixels: the same latent variables, fewer outputs.

Given z the pixels of an image are independent, so those that are seen have the likelihood of an
image that consists of them. What infers z from whole images infers it from these in the same way.

Shapes: B images per batch, C, H, W of an image, S pixels that are seen, Z latent dimensions.
"""

from typing import TYPE_CHECKING

from torch import Tensor, nn

from vae_lab.errors import UserError

if TYPE_CHECKING:
    from vae_lab.vae import VAE


class SeenPixels(nn.Module):
    """Keeps the pixels that are seen: (B, C, H, W) -> (B, 1, 1, S)."""

    seen: Tensor

    def __init__(self, seen: Tensor) -> None:
        """Takes which are seen, bool (C, H, W)."""
        super().__init__()
        self.register_buffer("seen", seen, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return images[:, self.seen][:, None, None]


def of_seen_pixels(model: "VAE", seen: Tensor) -> "VAE":
    """Returns the model of the pixels that are `seen`, bool (C, H, W): p(z) and p(x_seen|z).

    It shares the weights of `model`, which has no condition, or a fixed class (`given_class`). Its
    encoder is that of whole images.

    Raises:
        UserError: The likelihood does not say that it is a sum over pixels.
    """
    assert not model.is_conditional
    if not model.likelihood.pixels_are_alike:
        raise UserError(
            f"an image is completed by the likelihood of its seen pixels only, and "
            f"{type(model.likelihood).__name__} does not say that its pixels are independent: set "
            f"pixels_are_alike = True in the class if log_prob is a sum over pixels that all have "
            f"the same formula."
        )
    of_seen = type(model)(
        encoder=model.encoder,
        decoder=nn.Sequential(model.decoder, SeenPixels(seen.to(model.device))),
        prior=model.prior,
        likelihood=model.likelihood,
        objective=model.objective,
        optimization=model.optimization,
        latent_dim=model.latent_dim,
        seed=model.seed,
    )
    return of_seen.train(model.training).to(model.device)
