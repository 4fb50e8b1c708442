"""What steadies adversarial training; each is off unless asked for.

Losses are not balanced by statistics: see docs/objectives.md.
"""

from copy import deepcopy
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from cyclegan.networks import Networks
from cyclegan.objectives import Images, Labels

Smoothing = Literal["hard", "one_sided", "random"]


class LabelDraw:
    """Labels for a discriminator: what it should say of real images and of fakes.

    `one_sided` says 0.9 of real ones (Salimans et al. 2016, arXiv:1606.03498, section 3.4);
    `random` draws 0.7 to 1.2 and 0.0 to 0.3 (Chintala et al. 2016, ganhacks, tip 6). With the
    probability `flip` an image gets the other kind's label (the same tip).
    """

    def __init__(self, smoothing: Smoothing, flip: float) -> None:
        self.smoothing: Smoothing = smoothing
        self.flip = flip

    def __call__(self, images: Images) -> tuple[Labels, Labels]:
        """Draw the labels of as many real images as `images`, and of as many fakes."""
        real, fake = self._smoothed(images.new_ones(len(images), 1, 1, 1, dtype=torch.float32))
        if not self.flip:
            return real, fake
        told_real, told_fake = (torch.rand_like(real) >= self.flip for _ in range(2))
        return torch.where(told_real, real, fake), torch.where(told_fake, fake, real)

    def _smoothed(self, ones: Labels) -> tuple[Labels, Labels]:
        match self.smoothing:
            case "hard":
                return ones, torch.zeros_like(ones)
            case "one_sided":
                return 0.9 * ones, torch.zeros_like(ones)
            case "random":
                return ones.clone().uniform_(0.7, 1.2), ones.clone().uniform_(0.0, 0.3)


class InstanceNoise:
    """Gaussian noise on whatever a discriminator sees, falling linearly to nothing.

    Sønderby et al. 2016, arXiv:1610.04490, section 3.2: it lets the two distributions overlap.
    """

    def __init__(self, std: float, steps: int) -> None:
        self.std = std
        self.steps = steps

    def std_at(self, step: int) -> float:
        """Standard deviation in step number `step`, in units of [-1, 1]."""
        return self.std * max(0.0, 1 - step / self.steps)

    def add(self, images: Images, step: int) -> Images:
        """Give `images` as a discriminator sees them in step number `step`."""
        std = self.std_at(step)
        return images + std * torch.randn_like(images) if std else images


class Replay:
    """Now and then, for some steps, both sides meet the other side as it was a while ago.

    From step `every` on, the first `steps` of every `every` steps: generators are judged by the
    former discriminators, and discriminators see what the former generators make. Chintala et al.
    2016, ganhacks, tip 8: a side that forgets what it had learned loses against the past.
    """

    def __init__(self, every: int, steps: int) -> None:
        self.every = every
        self.steps = steps
        self._past: Networks | None = None

    def opponents(self, networks: Networks, step: int) -> Networks:
        """Those that `networks` meet in step number `step`: often themselves."""
        if not self.every:
            return networks
        if step % self.every == self.steps:
            self._past = deepcopy(networks).requires_grad_(False)
        is_due = step >= self.every and step % self.every < self.steps
        return self._past if is_due and self._past is not None else networks

    def state_dict(self) -> dict[str, Tensor] | None:
        """The past weights, if there are any yet."""
        return None if self._past is None else self._past.state_dict()

    def load_state_dict(self, weights: dict[str, Any] | None, networks: Networks) -> None:
        """Continue where `state_dict` was called, with networks of the shape of `networks`."""
        self._past = None
        if weights is not None:
            self._past = deepcopy(networks).requires_grad_(False)
            self._past.load_state_dict(weights)


class Average:
    """Exponential moving average of the generators' weights (arXiv:1806.04498, section 3.2).

    It begins shorter, as `tf.train.ExponentialMovingAverage` does with `num_updates`: else the
    random weights of the beginning would be a third of it after 1,000 steps with a decay of 0.999.
    """

    def __init__(self, decay: float, networks: Networks) -> None:
        self.decay = decay
        self._mean = _generators(networks) if decay else None

    def decay_at(self, step: int) -> float:
        """Share of the mean that stays in step number `step`, counted from 0."""
        return min(self.decay, (1 + step) / (10 + step))

    def update(self, networks: Networks, step: int) -> None:
        """Take the weights after step number `step` into the mean."""
        if self._mean is None:
            return
        mix = get_ema_multi_avg_fn(self.decay_at(step))
        new = _generator_weights(networks)
        counts = [name for name, weights in new.items() if not weights.is_floating_point()]
        for name in counts:  # of batch norm
            self._mean[name].copy_(new.pop(name))
        old = [self._mean[name] for name in new]
        # All at once: by themselves, on a GPU, each would be a kernel that Python has to ask for.
        mix(old, list(new.values()), None)

    def state_dict(self) -> dict[str, Tensor] | None:
        """The mean weights of both generators under their names in `Networks`."""
        return self._mean

    def load_state_dict(self, weights: dict[str, Any] | None) -> None:
        """Continue where `state_dict` was called."""
        if self._mean is not None and weights is not None:
            for name, mean in self._mean.items():
                mean.copy_(weights[name])


def _generator_weights(networks: Networks) -> dict[str, Tensor]:
    return {
        name: weights
        for name, weights in networks.state_dict().items()
        if name.startswith(("gen_ab.", "gen_ba."))
    }


def _generators(networks: Networks) -> dict[str, Tensor]:
    return {name: weights.clone() for name, weights in _generator_weights(networks).items()}
