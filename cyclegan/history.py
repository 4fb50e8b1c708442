"""The buffer of images that a generator made earlier.

Source: Shrivastava et al. 2017, arXiv:1612.07828, section 2.3; CycleGAN keeps 50 images.
"""

from typing import Any

import torch
from torch import Tensor

from cyclegan.objectives import Images


class HistoryBuffer:
    """Up to `capacity` images that a generator made earlier, kept on its device.

    Its choices come from a generator of random numbers on the CPU, so nothing waits for a GPU.
    """

    def __init__(self, capacity: int, seed: int) -> None:
        self.capacity = capacity
        self.images: list[Tensor] = []
        self._rng = torch.Generator().manual_seed(seed)

    def exchange(self, images: Images) -> Images:
        """Hand in new images and get as many back, about half of them from the past.

        While the buffer fills, images come back unchanged. Then each is, with probability ½,
        swapped for a random stored one. No gradient flows through the result.
        """
        if self.capacity == 0:
            return images.detach()
        return torch.stack([self._exchange_one(image) for image in images.detach()])

    def _exchange_one(self, image: Tensor) -> Tensor:
        if len(self.images) < self.capacity:
            self.images.append(image.clone())  # a view would keep its whole batch in memory
            return image
        if torch.rand((), generator=self._rng) < 0.5:
            return image  # and it is not stored
        slot = int(torch.randint(self.capacity, (), generator=self._rng))
        stored, self.images[slot] = self.images[slot], image.clone()
        return stored

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next `exchange` depends on, on the CPU."""
        images = [image.cpu() for image in self.images]
        return {"images": images, "random": self._rng.get_state()}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Continue on `device` where `state_dict` was called."""
        self.images = [image.to(device) for image in state["images"]]
        self._rng.set_state(state["random"])
