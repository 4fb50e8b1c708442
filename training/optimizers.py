"""What moves the weights."""

from collections.abc import Iterable
from typing import Literal

from torch import nn
from torch.optim import SGD, Adam, Optimizer, RMSprop

OptimizerName = Literal["adam", "sgd", "rmsprop"]


def make_optimizer(
    name: OptimizerName,
    weights: Iterable[nn.Parameter],
    learning_rate: float,
    betas: tuple[float, float],
) -> Optimizer:
    """Make one; `betas` are Adam's alone, SGD has no momentum."""
    match name:
        case "adam":
            return Adam(weights, learning_rate, betas, fused=True)
        case "sgd":
            return SGD(weights, learning_rate)
        case "rmsprop":
            return RMSprop(weights, learning_rate)
