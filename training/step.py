"""One step of training: the algorithm of the paper on one screen.

Source: Zhu et al. 2017, arXiv:1703.10593, sections 3, 4 and 7.1; the order of the updates is that
of the authors' implementation.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn
from torch.optim import Optimizer

from cyclegan.networks import Networks
from cyclegan.objectives import Images, Loss, l1_loss
from training.settings import LossWeights
from training.state import TrainState

RealAndFake = tuple[Images, Images]


class StepLosses(NamedTuple):
    """The losses of a step without their weights, detached and still on the device."""

    adversarial_ab: Loss
    adversarial_ba: Loss
    cycle_a: Loss
    cycle_b: Loss
    identity_a: Loss
    identity_b: Loss
    discriminator_a: Loss
    discriminator_b: Loss


def train_step(
    state: TrainState, real_a: Images, real_b: Images, weights: LossWeights
) -> StepLosses:
    """Update both generators once, then both discriminators as often as `state.judging` says.

    Args:
        state: Changed in place.
        real_a: Images of domain A, in [-1, 1]; not paired with `real_b`. As many batches in one as
            the discriminators are updated; the generators see the first.
        real_b: Images of domain B, in [-1, 1], as many.
        weights: Weights in the generators' objective.
    """
    nets, adversary, opponents = state.networks, state.adversary, state.opponents()
    rounds = state.judging.updates
    (real_a, *more_a), (real_b, *more_b) = real_a.chunk(rounds), real_b.chunk(rounds)

    with frozen(opponents.disc_a, opponents.disc_b):
        fake_b, fake_a = nets.gen_ab(real_a), nets.gen_ba(real_b)
        adversarial_ab = adversary.generator_loss(opponents.disc_b, state.noisy(fake_b))
        adversarial_ba = adversary.generator_loss(opponents.disc_a, state.noisy(fake_a))
        cycle_a = l1_loss(nets.gen_ba(fake_b), real_a)
        cycle_b = l1_loss(nets.gen_ab(fake_a), real_b)
        identity_a = identity_b = real_a.new_zeros(())
        if weights.identity:
            identity_a = l1_loss(nets.gen_ba(real_a), real_a)
            identity_b = l1_loss(nets.gen_ab(real_b), real_b)
        adversarial, cycle = adversarial_ab + adversarial_ba, cycle_a + cycle_b
        identity = identity_a + identity_b
        generators = adversarial + weights.cycle * (cycle + weights.identity * identity)
        _descend(state.optim_gen, generators)

    if opponents is not nets:
        fake_b, fake_a = _made_by(opponents, real_a, real_b)
    judged_a, judged_b = _judge(state, (real_a, fake_a), (real_b, fake_b))
    for real_a, real_b in zip(more_a, more_b, strict=True):
        fake_b, fake_a = _made_by(opponents, real_a, real_b)
        judged_a, judged_b = _judge(state, (real_a, fake_a), (real_b, fake_b))

    state.step += 1
    losses = (adversarial_ab, adversarial_ba, cycle_a, cycle_b, identity_a, identity_b)
    return StepLosses(*(loss.detach() for loss in (*losses, judged_a, judged_b)))


def _judge(state: TrainState, a: RealAndFake, b: RealAndFake) -> tuple[Loss, Loss]:
    """Update both discriminators once, on images of which some fakes are older."""
    nets, adversary, noisy = state.networks, state.adversary, state.noisy
    (real_a, fake_a), (real_b, fake_b) = a, b
    old_a, old_b = state.history_a.exchange(fake_a), state.history_b.exchange(fake_b)
    # The ½ makes discriminators learn at half the generators' speed (section 7.1).
    judged_a = 0.5 * adversary.discriminator_loss(nets.disc_a, noisy(real_a), noisy(old_a))
    judged_b = 0.5 * adversary.discriminator_loss(nets.disc_b, noisy(real_b), noisy(old_b))
    _descend(state.optim_disc, judged_a + judged_b)
    if state.judging.clip is not None:
        with torch.no_grad():
            for weight in (*nets.disc_a.parameters(), *nets.disc_b.parameters()):
                weight.clamp_(-state.judging.clip, state.judging.clip)
    return judged_a, judged_b


@torch.no_grad()
def _made_by(networks: Networks, real_a: Images, real_b: Images) -> tuple[Images, Images]:
    return networks.gen_ab(real_a), networks.gen_ba(real_b)


@contextmanager
def frozen(*modules: nn.Module) -> Generator[None]:
    """Build no gradients for the parameters of `modules` inside the block.

    For speed alone: here they only judge, and their gradients would be thrown away.
    """
    for module in modules:
        module.requires_grad_(False)
    try:
        yield
    finally:
        for module in modules:
            module.requires_grad_(True)


def _descend(optimizer: Optimizer, loss: Loss) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
