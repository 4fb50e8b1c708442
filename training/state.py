"""All that changes while training, and its way into a checkpoint and back."""

from dataclasses import dataclass, field

import torch
from torch.optim import Optimizer

from cyclegan.adoption import adopt_generators
from cyclegan.adversary import Adversary, choose_adversary
from cyclegan.checkpoint import Checkpoint
from cyclegan.contract import TrainingFacts
from cyclegan.errors import CheckpointError
from cyclegan.history import HistoryBuffer
from cyclegan.networks import Networks, initialise
from cyclegan.objectives import Images
from training.adversarial_settings import Judging
from training.chart import Chart
from training.optimizers import make_optimizer
from training.settings import TrainSettings
from training.stabilisers import Average, InstanceNoise, LabelDraw, Replay


@dataclass
class TrainState:
    """All that a step needs and changes."""

    networks: Networks
    adversary: Adversary
    judging: Judging
    optim_gen: Optimizer
    optim_disc: Optimizer
    history_a: HistoryBuffer
    history_b: HistoryBuffer
    noise: InstanceNoise
    replay: Replay
    average: Average
    chart: Chart = field(default_factory=Chart)
    rollbacks: int = 0
    """How often the run went back to an earlier checkpoint; each time halves the learning rate."""
    step: int = 0

    def noisy(self, images: Images) -> Images:
        """Give `images` as the discriminators see them in this step."""
        return self.noise.add(images, self.step)

    def opponents(self) -> Networks:
        """Give those that the networks meet in this step: themselves, or as they were before."""
        return self.replay.opponents(self.networks, self.step)

    @property
    def rate_share(self) -> float:
        """Share of the learning rate that is left after going back from failures."""
        return 0.5**self.rollbacks

    @classmethod
    def start(cls, settings: TrainSettings, device: torch.device) -> "TrainState":
        """Draw new weights; everything follows from `settings.seed`.

        Raises:
            CheckpointError: The generators to start from cannot be read, or are of another shape.
        """
        networks = Networks(settings.networks)
        initialise(networks, settings.seed)
        if settings.start_from is not None:
            adopt_generators(networks, Checkpoint.load(settings.start_from))
        return cls.around(networks, settings, device)

    @classmethod
    def around(
        cls, networks: Networks, settings: TrainSettings, device: torch.device
    ) -> "TrainState":
        """Surround `networks` with all that is new when a training begins."""
        networks = networks.to(device)
        generators = [*networks.gen_ab.parameters(), *networks.gen_ba.parameters()]
        discriminators = [*networks.disc_a.parameters(), *networks.disc_b.parameters()]
        judging, optimizers, steady = settings.judging, settings.optimizers, settings.stabilisers
        labels = LabelDraw(steady.labels, steady.flip)
        rate, betas = settings.schedule.learning_rate, (optimizers.beta1, optimizers.beta2)
        return cls(
            networks,
            choose_adversary(
                settings.objective, labels, judging.penalty, judging.margin, judging.pull
            ),
            judging,
            make_optimizer(optimizers.generators, generators, rate, betas),
            make_optimizer(optimizers.discriminators, discriminators, rate, betas),
            HistoryBuffer(settings.history, seed=2 * settings.seed),
            HistoryBuffer(settings.history, seed=2 * settings.seed + 1),
            InstanceNoise(steady.noise, steady.noise_steps),
            Replay(steady.replay_every, steady.replay_steps),
            Average(steady.average, networks),
        )

    @classmethod
    def restore(
        cls, checkpoint: Checkpoint, settings: TrainSettings, device: torch.device
    ) -> "TrainState":
        """Continue where `to_checkpoint` was called.

        Raises:
            CheckpointError: The checkpoint lacks parts of a run, or is damaged.
        """
        state = cls.around(checkpoint.networks(), settings, device)
        saved = checkpoint.resume
        try:
            state.optim_gen.load_state_dict(saved["optim_gen"])
            state.optim_disc.load_state_dict(saved["optim_disc"])
            state.history_a.load_state_dict(saved["history_a"], device)
            state.history_b.load_state_dict(saved["history_b"], device)
            state.replay.load_state_dict(saved["replay"], state.networks)
            state.average.load_state_dict(checkpoint.averaged)
            state.chart = Chart.from_state_dict(saved["chart"], device)
            state.rollbacks = saved["rollbacks"]
            state.step = saved["step"]
        except (KeyError, TypeError, ValueError, RuntimeError):
            raise CheckpointError(
                "the checkpoint lacks the state of its optimizers or histories, or they do not "
                "fit its networks; start a new run in another folder"
            ) from None
        return state

    def to_checkpoint(self, settings: TrainSettings) -> Checkpoint:
        """Everything that the next step depends on."""
        hidden = {
            "data",
            "domain_a",
            "domain_b",
            "run",
            "start_from",
        }  # a model card names no paths
        return Checkpoint(
            config=settings.networks,
            weights=self.networks.state_dict(),
            averaged=self.average.state_dict(),
            domains=settings.names,
            facts=TrainingFacts(
                origin="trained with this project",
                steps=self.step,
                images=self.step * settings.pictures_per_step,
                settings=settings.model_dump(mode="json", exclude=hidden),
            ),
            resume={
                "optim_gen": self.optim_gen.state_dict(),
                "optim_disc": self.optim_disc.state_dict(),
                "history_a": self.history_a.state_dict(),
                "history_b": self.history_b.state_dict(),
                "replay": self.replay.state_dict(),
                "chart": self.chart.state_dict(),
                "rollbacks": self.rollbacks,
                "step": self.step,
            },
        )

    def set_learning_rate(self, rate: float, of_discriminators: float) -> None:
        """Set it for both sides."""
        for optimizer, new in ((self.optim_gen, rate), (self.optim_disc, of_discriminators)):
            for group in optimizer.param_groups:
                group["lr"] = new
