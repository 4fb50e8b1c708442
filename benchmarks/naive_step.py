"""The step of training as the authors' implementation takes it, to compare ours with.

Six separate passes of the generators and six of the discriminators, in float32, with Adam as
`torch.optim.Adam(weights, rate, betas)` makes it. Nothing here is to be made faster.

Source: Zhu et al. 2017, arXiv:1703.10593, sections 3, 4 and 7.1.
"""

from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim import Adam

from benchmarks.naive_networks import NaiveNetworks
from training.settings import TrainSettings


class ImagePool:
    """Images that a generator made earlier, exchanged one by one as the authors do it."""

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.images: list[Tensor] = []
        self.random = torch.Generator().manual_seed(seed)

    def query(self, images: Tensor) -> Tensor:
        """Give as many images back as came, about half of them from the past once it is full."""
        if self.size == 0:
            return images
        return torch.cat([self._query_one(image.unsqueeze(0)) for image in images])

    def _query_one(self, image: Tensor) -> Tensor:
        if len(self.images) < self.size:
            self.images.append(image)
            return image
        if torch.rand((), generator=self.random) < 0.5:
            return image
        index = int(torch.randint(self.size, (), generator=self.random))
        earlier = self.images[index].clone()
        self.images[index] = image
        return earlier


class NaiveTraining:
    """Networks, optimizers and pools; the same seeds as ours, so that the results can be compared.

    The caller fills in the weights.
    """

    def __init__(self, settings: TrainSettings, device: torch.device) -> None:
        self.networks = nets = NaiveNetworks(settings.networks).to(device)
        self.weights = settings.weights
        rate, betas = settings.schedule.learning_rate, (0.5, 0.999)
        self.optim_gen = Adam(
            chain(nets.gen_ab.parameters(), nets.gen_ba.parameters()), rate, betas
        )
        self.optim_disc = Adam(
            chain(nets.disc_a.parameters(), nets.disc_b.parameters()), rate, betas
        )
        self.pool_a = ImagePool(settings.history, seed=2 * settings.seed)
        self.pool_b = ImagePool(settings.history, seed=2 * settings.seed + 1)

    def step(self, real_a: Tensor, real_b: Tensor) -> tuple[Tensor, ...]:
        """Update the generators, then the discriminators; losses in the order of `StepLosses`."""
        nets = self.networks
        fake_b = nets.gen_ab(real_a)
        cycled_a = nets.gen_ba(fake_b)
        fake_a = nets.gen_ba(real_b)
        cycled_b = nets.gen_ab(fake_a)

        _require_gradients(False, nets.disc_a, nets.disc_b)
        self.optim_gen.zero_grad()
        losses = self._generator_losses(real_a, real_b, fake_a, fake_b, cycled_a, cycled_b)
        adversarial_ab, adversarial_ba, cycle_a, cycle_b, identity_a, identity_b = losses
        cycle, identity = self.weights.cycle, self.weights.cycle * self.weights.identity
        (
            adversarial_ab
            + adversarial_ba
            + cycle * cycle_a
            + cycle * cycle_b
            + identity * identity_a
            + identity * identity_b
        ).backward()
        self.optim_gen.step()

        _require_gradients(True, nets.disc_a, nets.disc_b)
        self.optim_disc.zero_grad()
        judged_a = _backward(nets.disc_a, real_a, self.pool_a.query(fake_a.detach()))
        judged_b = _backward(nets.disc_b, real_b, self.pool_b.query(fake_b.detach()))
        self.optim_disc.step()
        return tuple(loss.detach() for loss in (*losses, judged_a, judged_b))

    def _generator_losses(
        self,
        real_a: Tensor,
        real_b: Tensor,
        fake_a: Tensor,
        fake_b: Tensor,
        cycled_a: Tensor,
        cycled_b: Tensor,
    ) -> tuple[Tensor, ...]:
        nets, l1 = self.networks, nn.functional.l1_loss
        identity_a = identity_b = real_a.new_zeros(())
        if self.weights.identity > 0:
            identity_a = l1(nets.gen_ba(real_a), real_a)
            identity_b = l1(nets.gen_ab(real_b), real_b)
        return (
            _least_squares(nets.disc_b(fake_b), 1.0),
            _least_squares(nets.disc_a(fake_a), 1.0),
            l1(cycled_a, real_a),
            l1(cycled_b, real_b),
            identity_a,
            identity_b,
        )


def _backward(network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    loss = 0.5 * (_least_squares(network(real), 1.0) + _least_squares(network(fake), 0.0))
    loss.backward()
    return loss


def _least_squares(scores: Tensor, target: float) -> Tensor:
    return nn.functional.mse_loss(scores, torch.full_like(scores, target))


def _require_gradients(wanted: bool, *networks: nn.Module) -> None:
    for network in networks:
        network.requires_grad_(wanted)
