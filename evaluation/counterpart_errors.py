"""How far translations are from the true counterparts of the pictures, where these are known."""

import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from cyclegan.pixels import Pictures, to_signed
from evaluation.label_maps import Colours, label_accuracy, nominal_colours
from evaluation.measures import CounterpartErrors, Likeness
from evaluation.picture_sets import Domain


def errors_to(target: Domain, source: Domain, translated: Pictures) -> CounterpartErrors:
    """Compare translations of the source's test pictures with their counterparts in the target.

    Raises:
        DataError: The target is said to have labels, and its training pictures are no label maps.
    """
    colours = nominal_colours(target.train) if target.has_labels else None
    return counterpart_errors(source.test, translated, target.test, colours)


def counterpart_errors(
    source: Pictures, translated: Pictures, truth: Pictures, colours: Colours | None
) -> CounterpartErrors:
    """Compare translations with what they should be, and the untranslated pictures as well.

    Args:
        source: The pictures before.
        translated: The same afterwards.
        truth: Their counterparts in the target domain, in the same order.
        colours: Of the target's labels, if its pictures are label maps.
    """

    def likeness(pictures: Pictures) -> Likeness:
        return Likeness(
            l1=(to_signed(pictures) - to_signed(truth)).abs().mean().item(),
            ssim=_ssim(pictures, truth),
            label_accuracy=None if colours is None else label_accuracy(pictures, truth, colours),
        )

    return CounterpartErrors(
        translated=likeness(translated),
        untranslated=likeness(source),
        labels=None if colours is None else len(colours),
    )


def _ssim(pictures: Pictures, truth: Pictures) -> float:
    """Structural similarity, mean over the pictures (Wang et al. 2004, with its own settings)."""
    pairs = zip(pictures.split(1), truth.split(1), strict=True)
    values = [
        structural_similarity_index_measure(one.double(), other.double(), data_range=255.0)
        for one, other in pairs
    ]
    return torch.stack([torch.as_tensor(value) for value in values]).mean().item()
