"""All that changes while training, and its way into a checkpoint and back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from cyclegan.adversary import Adversary, choose_adversary
from cyclegan.checkpoint import Checkpoint
from cyclegan.contract import TrainingFacts
from cyclegan.errors import CheckpointError
from cyclegan.history import HistoryBuffer
from cyclegan.networks import Networks
from cyclegan.objectives import Images
from training.adversarial_settings import Judging
from training.augmentation import Augmentation
from training.beginning import first_networks
from training.chart import Chart
from training.compiled import compile_networks
from training.device import precision_context, settled_precision
from training.excess import ExcessPenalty
from training.optimizers import make_optimizer, saved_state, set_rate
from training.ranks import ALONE, Ranks
from training.recording import RecordedSide, is_recordable
from training.settings import PATHS, TrainSettings
from training.side import Autocast, Side
from training.stabilisers import Average, InstanceNoise, LabelDraw, Replay
from training.trained import Trained

_RANKS_APART = 1_000_003  # seeds; so that histories of different ranks choose differently


@dataclass
class TrainState:
    """All that a step needs and changes."""

    networks: Networks
    adversary: Adversary
    judging: Judging
    optim_gen: Optimizer
    optim_disc: Optimizer
    generators: Side | RecordedSide
    discriminators: Side | RecordedSide
    autocast: Autocast
    ranks: Ranks
    history_a: HistoryBuffer
    history_b: HistoryBuffer
    augmentation: Augmentation
    noise: InstanceNoise
    replay: Replay
    excess: ExcessPenalty
    average: Average
    chart: Chart = field(default_factory=Chart)
    rollbacks: int = 0
    """How often the run went back to an earlier checkpoint; each time halves the learning rate."""
    step: int = 0

    def seen(self, images: Images) -> Images:
        """Give `images` as the discriminators see them in this step."""
        return self.noise.add(self.augmentation(images), self.step)

    def opponents(self) -> Networks:
        """Give those that the networks meet in this step: themselves, or as they were before."""
        return self.replay.opponents(self.networks, self.step)

    @property
    def rate_share(self) -> float:
        """Share of the learning rate that is left after going back from failures."""
        return 0.5**self.rollbacks

    @classmethod
    def start(
        cls,
        settings: TrainSettings,
        device: torch.device,
        ranks: Ranks = ALONE,
        teacher: Trained | None = None,
    ) -> "TrainState":
        """Begin at step 0; everything follows from `settings.seed`, and whom it learns from.

        Raises:
            CycleGANError: The networks to start from cannot be read, or do not fit.
        """
        return cls.around(first_networks(settings, teacher), settings, device, ranks)

    @classmethod
    def around(
        cls,
        networks: Networks,
        settings: TrainSettings,
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> "TrainState":
        """Surround `networks` with all that is new when a training begins."""
        networks = networks.to(device)
        if settings.compile == "on":
            compile_networks(networks, settings, device)
        networks.gen_ab.recomputes_blocks = settings.recompute_activations
        networks.gen_ba.recomputes_blocks = settings.recompute_activations
        generators = nn.ModuleList((networks.gen_ab, networks.gen_ba))
        discriminators = nn.ModuleList((networks.disc_a, networks.disc_b))
        judging, optimizers, steady = settings.judging, settings.optimizers, settings.stabilisers
        labels = LabelDraw(steady.labels, steady.flip)
        rate, betas = settings.schedule.learning_rate, (optimizers.beta1, optimizers.beta2)
        optim_gen = make_optimizer(optimizers.generators, generators.parameters(), rate, betas)
        optim_disc = make_optimizer(
            optimizers.discriminators, discriminators.parameters(), rate, betas
        )
        autocast = partial(precision_context, settled_precision(settings.precision, device), device)

        def side(members: nn.ModuleList, optimizer: Optimizer) -> Side | RecordedSide:
            plain = Side(members, optimizer, autocast, settings.accumulate, ranks)
            recordable = is_recordable(settings, optimizer, device, ranks)
            return RecordedSide(plain, optimizer) if recordable else plain

        seed = (settings.seed + ranks.rank * _RANKS_APART) % 2**62
        return cls(
            networks=networks,
            adversary=choose_adversary(
                settings.objective, labels, judging.penalty, judging.margin, judging.pull
            ),
            judging=judging,
            optim_gen=optim_gen,
            optim_disc=optim_disc,
            generators=side(generators, optim_gen),
            discriminators=side(discriminators, optim_disc),
            autocast=autocast,
            ranks=ranks,
            history_a=HistoryBuffer(settings.history, seed=2 * seed),
            history_b=HistoryBuffer(settings.history, seed=2 * seed + 1),
            augmentation=Augmentation(steady.augment),
            noise=InstanceNoise(steady.noise, steady.noise_steps),
            replay=Replay(steady.replay_every, steady.replay_steps),
            excess=ExcessPenalty(steady.saturation, steady.spikes, generators),
            average=Average(steady.average, networks),
        )

    @classmethod
    def restore(
        cls,
        checkpoint: Checkpoint,
        settings: TrainSettings,
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> "TrainState":
        """Continue where `to_checkpoint` was called; ranks that are new begin with no history.

        Raises:
            CheckpointError: The checkpoint lacks parts of a run, or is damaged.
        """
        state = cls.around(checkpoint.networks(), settings, device, ranks)
        saved = checkpoint.resume
        try:
            state.optim_gen.load_state_dict(saved["optim_gen"])
            state.optim_disc.load_state_dict(saved["optim_disc"])
            # Runs from before there were ranks have no others.
            histories = [saved, *saved.get("other_ranks", [])][ranks.rank :]
            for mine in histories[:1]:
                state.history_a.load_state_dict(mine["history_a"], device)
                state.history_b.load_state_dict(mine["history_b"], device)
            state.replay.load_state_dict(saved["replay"], state.networks)
            state.average.load_state_dict(checkpoint.averaged)
            state.chart = Chart.from_state_dict(saved["chart"], device)
            state.rollbacks = saved["rollbacks"]
            state.step = saved["step"]
        except (KeyError, TypeError, ValueError, RuntimeError):
            raise CheckpointError(
                f"{checkpoint.name} lacks the state of its optimizers or histories, or they do "
                "not fit its networks; start a new run in another folder"
            ) from None
        return state

    def histories(self) -> dict[str, Any]:
        """What of a checkpoint each rank has for itself, on the CPU."""
        return {"history_a": self.history_a.state_dict(), "history_b": self.history_b.state_dict()}

    def to_checkpoint(
        self, settings: TrainSettings, other_ranks: Sequence[dict[str, Any]] = ()
    ) -> Checkpoint:
        """Everything that the next step depends on, with the `histories` of the other ranks."""
        return Checkpoint(
            config=settings.networks,
            weights=self.networks.state_dict(),
            averaged=self.average.state_dict(),
            domains=settings.names,
            facts=TrainingFacts(
                origin=settings.origin,
                steps=self.step,
                images=self.step * settings.pictures_per_step,
                settings=settings.model_dump(mode="json", exclude=set(PATHS)),
            ),
            resume={
                "optim_gen": saved_state(self.optim_gen),
                "optim_disc": saved_state(self.optim_disc),
                **self.histories(),
                "other_ranks": list(other_ranks),
                "replay": self.replay.state_dict(),
                "chart": self.chart.state_dict(),
                "rollbacks": self.rollbacks,
                "step": self.step,
            },
        )

    def set_learning_rate(self, rate: float, of_discriminators: float) -> None:
        """Set it for both sides."""
        set_rate(self.optim_gen, rate)
        set_rate(self.optim_disc, of_discriminators)
