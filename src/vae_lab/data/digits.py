"""The 1,797 digits of 8 x 8 pixels that come with scikit-learn: no file, no network."""

import numpy as np

from vae_lab.data.images import Images
from vae_lab.data.splits import split_test


class Digits:
    """scikit-learn's embedded digits, 17 levels of grey.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, 1998, its test set.
    """

    def __init__(self, *, num_test: float) -> None:
        self.num_test = num_test

    def load(self) -> Images:
        """Returns the images in scikit-learn's order, `num_test` of them as test images."""
        from sklearn.datasets import load_digits

        digits = load_digits()
        # 0 to 16 become 0 to 255.
        images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[:, None]
        return split_test(images, digits.target.astype(np.int64), self.num_test)
