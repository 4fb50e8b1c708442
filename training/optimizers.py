"""What moves the weights."""

from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn
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


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate, where a recording reads it if there is one."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def make_recordable(optimizer: Optimizer) -> None:
    """Let a CUDA graph read the learning rate from the device, and not repeat the present one."""
    for group in optimizer.param_groups:
        device = group["params"][0].device
        group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=device)
        group["capturable"] = True


def saved_state(optimizer: Optimizer) -> dict[str, Any]:
    """Give what a checkpoint keeps: the same whether there is a recording or not."""
    state = optimizer.state_dict()
    for group in state["param_groups"]:
        group["lr"] = float(group["lr"])
        if "capturable" in group:
            group["capturable"] = False
    return state
