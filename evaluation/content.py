"""What a translation keeps of a picture, and what it should not do to it."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, conv2d

from cyclegan.pixels import Pictures, to_signed

_LUMINANCE = torch.tensor([0.299, 0.587, 0.114])  # ITU-R BT.601
_SOBEL = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
_THUMBNAIL = 16  # pixels: what pictures show as a whole, without their texture

Grey = Float[Tensor, "n h w"]


def edge_correlation(originals: Pictures, translated: Pictures) -> float:
    """Correlation of the strength of edges, in [-1, 1]; mean over the pictures.

    By Sobel's operator on the luminance. 1 keeps every outline, 0 has nothing to do with it.
    """
    pairs = zip(originals.split(1), translated.split(1), strict=True)
    correlations = [_correlation(_edges(one), _edges(other)) for one, other in pairs]
    return torch.cat(correlations).mean().item()


def cycle_error(originals: Pictures, again: Pictures) -> float:
    """Mean absolute difference between pictures and themselves there and back, in [0, 2].

    Both have been bytes in between, as whoever translates back gets them.
    """
    return (to_signed(originals) - to_signed(again)).abs().mean().item()


def inversion_rate(originals: Pictures, translated: Pictures) -> float:
    """Share of pictures in which light and dark have changed places, in [0, 1].

    Those whose luminance, without its texture, correlates negatively with that of the original.
    """
    correlations = _correlation(
        *(_luminance(_thumbnails(each)) for each in (originals, translated))
    )
    return (correlations < 0).float().mean().item()


def diversity(translated: Pictures, real: Pictures) -> float:
    """Difference between translations, as a share of that between real pictures of the domain.

    Near 0 every picture becomes the same one: collapsed.
    """
    return _variety(translated) / max(_variety(real), 1e-8)


def _variety(pictures: Pictures) -> float:
    thumbnails = _thumbnails(pictures)
    return (thumbnails - thumbnails.mean(0)).abs().mean().item()


def _thumbnails(pictures: Pictures) -> Float[Tensor, "n 3 t t"]:
    return torch.cat(
        [adaptive_avg_pool2d(to_signed(each), _THUMBNAIL) for each in pictures.split(1)]
    )


def _luminance(images: Float[Tensor, "n 3 h w"]) -> Grey:
    return torch.einsum("nchw,c->nhw", images, _LUMINANCE)


def _edges(picture: Pictures) -> Float[Tensor, "n h-2 w-2"]:
    grey = _luminance(to_signed(picture))[:, None]
    kernels = torch.stack([_SOBEL, _SOBEL.T])[:, None]
    return conv2d(grey, kernels).norm(dim=1)


def _correlation(one: Grey, other: Grey) -> Float[Tensor, " n"]:
    """Pearson's, for each picture; 0 where one of the two is flat."""
    one, other = (each.flatten(1) - each.flatten(1).mean(1, keepdim=True) for each in (one, other))
    return (one * other).sum(1) / (one.norm(dim=1) * other.norm(dim=1)).clamp_min(1e-8)
