"""One step of training: the algorithm of the paper on one screen.

Source: Zhu et al. 2017, arXiv:1703.10593, sections 3, 4 and 7.1; the order of the updates is that
of the authors' implementation.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn

from cyclegan.networks import Networks
from cyclegan.objectives import Images, Loss, l1_loss
from training.loss_weights import LossWeights
from training.side import Autocast, Played, Turn
from training.state import TrainState


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
    seen, excess = state.seen, state.excess

    def play_generators(real_a: Images, real_b: Images) -> Played:
        fake_b, fake_a = nets.gen_ab(real_a), nets.gen_ba(real_b)
        adversarial_ab = adversary.generator_loss(opponents.disc_b, seen(fake_b))
        adversarial_ba = adversary.generator_loss(opponents.disc_a, seen(fake_a))
        cycle_a = l1_loss(nets.gen_ba(fake_b), real_a)
        cycle_b = l1_loss(nets.gen_ab(fake_a), real_b)
        identity_a = identity_b = real_a.new_zeros(())
        if weights.identity:
            identity_a = l1_loss(nets.gen_ba(real_a), real_a)
            identity_b = l1_loss(nets.gen_ab(real_b), real_b)
        adversarial, cycle = adversarial_ab + adversarial_ba, cycle_a + cycle_b
        identity = identity_a + identity_b
        objective = adversarial + weights.cycle * (cycle + weights.identity * identity)
        objective = objective + excess.of_passes()
        losses = adversarial_ab, adversarial_ba, cycle_a, cycle_b, identity_a, identity_b
        return Played(objective, losses, (fake_a, fake_b))

    return StepLosses(*take_turns(state, opponents, play_generators, real_a, real_b))


def take_turns(
    state: TrainState, opponents: Networks, play_generators: Turn, real_a: Images, real_b: Images
) -> tuple[Loss, ...]:
    """Let the generators learn by their turn once, then the discriminators, and count the step.

    Args:
        state: Changed in place.
        opponents: Whose discriminators judge, and whose generators make all fakes but the first.
        play_generators: Computes their objective on a batch of A and of B, and makes fakes of both.
        real_a: Images of domain A, as for `train_step`.
        real_b: Images of domain B.

    Returns:
        What the turns tell of their losses, generators first.
    """
    rounds = state.judging.updates
    batches = list(zip(real_a.chunk(rounds), real_b.chunk(rounds), strict=True))
    with frozen(opponents.disc_a, opponents.disc_b):
        _, losses, fakes = state.generators.learn(play_generators, *batches[0])
    judged = _update_discriminators(state, opponents, batches, fakes)
    state.step += 1
    return *losses, *judged


def _update_discriminators(
    state: TrainState,
    opponents: Networks,
    batches: Sequence[tuple[Images, Images]],
    fakes: tuple[Images, ...],
) -> tuple[Loss, ...]:
    """Update both once on each batch, on real images and on fakes from the history."""
    nets, adversary, seen = state.networks, state.adversary, state.seen

    def play_discriminators(real_a: Images, real_b: Images, old_a: Images, old_b: Images) -> Played:
        # The ½ makes discriminators learn at half the generators' speed (section 7.1).
        judged_a = 0.5 * adversary.discriminator_loss(nets.disc_a, seen(real_a), seen(old_a))
        judged_b = 0.5 * adversary.discriminator_loss(nets.disc_b, seen(real_b), seen(old_b))
        return Played(judged_a + judged_b, (judged_a, judged_b))

    judged: tuple[Loss, ...] = ()
    for number, batch in enumerate(batches):
        if number > 0 or opponents is not nets:
            fakes = _made_by(opponents, state.autocast, *batch)
        olds = state.history_a.exchange(fakes[0]), state.history_b.exchange(fakes[1])
        judged = state.discriminators.learn(play_discriminators, *batch, *olds).losses
        _clip(nets, state.judging.clip)
    return judged


def _made_by(
    networks: Networks, autocast: Autocast, real_a: Images, real_b: Images
) -> tuple[Images, Images]:
    """Give fakes of A and of B."""
    with torch.no_grad(), autocast():
        return networks.gen_ba(real_b), networks.gen_ab(real_a)


@torch.no_grad()
def _clip(networks: Networks, limit: float | None) -> None:
    """Keep the discriminators' weights within plus and minus `limit`, if there is one."""
    if limit is not None:
        for weight in (*networks.disc_a.parameters(), *networks.disc_b.parameters()):
            weight.clamp_(-limit, limit)


@contextmanager
def frozen(*modules: nn.Module) -> Generator[None]:
    """Build no gradients for the parameters of `modules` inside the block.

    For speed alone: here they only judge, and their gradients would be thrown away.
    """
    learning = [each for m in modules for each in m.parameters() if each.requires_grad]
    for each in learning:
        each.requires_grad_(False)
    try:
        yield
    finally:
        for each in learning:
            each.requires_grad_(True)
