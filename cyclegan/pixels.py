"""Bytes <-> [-1, 1]: the only place where pixels are scaled."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

Pictures = UInt8[Tensor, "_ 3 h w"]
"""As they are measured: bytes of RGB, all of one size."""


def to_signed(images: UInt8[Tensor, "*n c h w"]) -> Float[Tensor, "*n c h w"]:
    """Scale bytes to [-1, 1]: 0 becomes -1 and 255 becomes 1, in float32."""
    return images.to(torch.float32) / 127.5 - 1


def to_bytes(images: Float[Tensor, "*n c h w"]) -> UInt8[Tensor, "*n c h w"]:
    """Scale [-1, 1] to bytes, rounded to the nearest; values outside are clipped.

    The reference truncates instead, which makes pictures half a level darker.
    """
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
