"""How many channels a convolutional network has unless its configuration says it; no torch."""

from collections.abc import Sequence


def chosen_channels(image_shape: Sequence[int], channels: Sequence[int] | None) -> Sequence[int]:
    """Returns the channels, for None those that suit the image: 64, 128, 256, 256, ...

    These are as many as there are halvings that leave 4 pixels or more: 8 x 8 images are halved
    once, 28 x 28 twice, 32 x 32 three times, 64 x 64 four times.
    """
    halvings = max(1, (min(image_shape[1:]) // 4).bit_length() - 1)
    return [min(64 * 2**k, 256) for k in range(halvings)] if channels is None else channels
