"""The 1,797 digits of 8 x 8 pixels that come with scikit-learn: no file, no network."""

import torch

from vae_lab.data.images import Images
from vae_lab.data.splits import check_test, count, stratified


class Digits:
    """scikit-learn's embedded digits, 17 levels of grey.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, 1998, its test set.
    """

    def __init__(self, *, num_test: float) -> None:
        self.num_test = num_test

    def load(self) -> Images:
        """Returns the images in scikit-learn's order, `num_test` of them as test images.

        Raises:
            UserError: `num_test` leaves no image for training.
        """
        from sklearn.datasets import load_digits

        found = load_digits()
        check_test(self.num_test, len(found.images))
        # 0 to 16 become 0 to 255.
        images = torch.from_numpy(found.images).mul(255 / 16).round().byte().unsqueeze(1)
        labels = torch.from_numpy(found.target).long()
        # A seed of its own: every run is tested on the same images.
        size = count(self.num_test, len(images))
        test = stratified(labels, len(images), size, torch.Generator().manual_seed(0))
        return Images(images[~test], labels[~test], images[test], labels[test])
