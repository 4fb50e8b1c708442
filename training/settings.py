"""What a training run can be told; the paper's values where the paper gives one."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

from cyclegan.adversary import WITH_LABELS, Objective
from cyclegan.contract import DomainNames
from cyclegan.generator import Generator
from cyclegan.networks import NetworksConfig
from training.adversarial_settings import Judging, Optimizers, Stabilisers
from training.device import Precision
from training.loss_weights import LossWeights
from training.schedule import Schedule
from training.validation_settings import SMALLEST, ValidationSettings

Preset = Literal["paper", "compact", "pyramid", "light", "tiny"]

PATHS = frozenset({"data", "domain_a", "domain_b", "run", "recipe", "start_from", "teacher"})
"""Settings that are paths: other machines have others, and a model's card names none."""


class TrainSettings(BaseModel):
    """Train a CycleGAN on two folders of pictures; the same command again continues the run."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    VERB: ClassVar[str] = "trained"
    """What was done to the weights, for a model's card."""

    data: Path | None = None
    """Folder with trainA and trainB (and testA, testB for samples), or with a and b."""
    domain_a: Path | None = None
    """Folder of domain A, searched recursively; instead of --data, with --domain-b."""
    domain_b: Path | None = None
    """Folder of domain B."""
    run: Path
    """Folder for checkpoints, samples and logs; an earlier run found there is continued."""
    names: DomainNames = ("a", "b")
    """What the domains are called, as in photo,painting; the exported model carries the names. With
    --start-from, or the --teacher of a distillation, those of that model if not given."""
    recipe: Path | None = None
    """File of flags, as recipes/monet.toml, to repeat a training; one given beside it wins."""
    preset: Preset = "paper"
    """Flags under a name; one given beside it wins. paper: as published. compact: a generator some
    8 times faster on a CPU. pyramid: one that is faster still and keeps the fine structure of what
    it is given. light: one nearly as fast as that, which paints strokes. tiny: for a try on
    pictures of 64 pixels, minutes on a CPU."""
    start_from: Path | None = None
    """What a new run begins with: an exported model, as models/NAME, or a run or one of its
    checkpoints, whose discriminators it takes over too if shape and objective are the same."""
    steps: PositiveInt | None = None
    """Stop after this step of the run, even if the schedule is longer; run again to go on."""
    crop: PositiveInt = 256
    """Side of the square training crops, in pixels."""
    load_size: PositiveInt = 286
    """Side to which pictures are resized before cropping, in pixels."""
    flip: bool = True
    """Mirror half of the pictures; --no-flip for pictures with writing."""
    batch: PositiveInt = 1
    """Pictures of each domain in a step, over all ranks. With k times as many, try the root of k
    times the --schedule.learning-rate, a rough guide for Adam (after arXiv:2205.10287)."""
    accumulate: PositiveInt = 1
    """Parts in which each rank computes its pictures of a step, one after another: less memory."""
    recompute_activations: bool = False
    """Compute what residual blocks would keep for the backward pass again: less memory, more time
    (activation checkpointing)."""
    history: NonNegativeInt = 50
    """Images that each history buffer keeps; 0 shows the discriminators only new ones."""
    precision: Precision = "auto"
    """fp32 is exact, without TF32; bf16 computes convolutions in bfloat16; auto does so where the
    device is faster in it: GPUs with bfloat16, CPUs with AVX512-BF16 or AMX."""
    compile: Literal["auto", "on", "off"] = "off"
    """Compile the networks with torch.compile; auto measures at the start whether that is faster.
    Where it fails, training says so and goes on without."""
    cuda_graphs: bool = True
    """On a GPU, record a step and let the GPU repeat it without waiting for Python;
    --no-cuda-graphs launches every step from Python."""
    device: Literal["auto", "cuda", "mps", "cpu"] = "auto"
    """Where to compute; auto takes the first of cuda, mps and cpu that is there."""
    checkpoint_every: PositiveInt = 1000
    """Steps from one checkpoint to the next."""
    keep_every: NonNegativeInt = 0
    """Steps from one state that is kept to the next, as step-0012000.pt, to choose by eye what to
    export or to start from; without optimizers, so nothing continues from it. 0: none."""
    sample_every: PositiveInt = 1000
    """Steps from one grid of sample pictures to the next."""
    log_every: PositiveInt = 50
    """Steps from one line of log.jsonl to the next; losses are means since the last."""
    doctor: bool = True
    """Examine the run every 50 steps and say what goes wrong; --no-doctor saves 1 % of the time."""
    on_failure: Literal["warn", "rollback", "stop"] = "warn"
    """Where the doctor finds a failure, warn says so and goes on; rollback goes back to the last
    healthy checkpoint with half the learning rate, 3 times at most; stop ends with exit code 1."""
    cache_mib: NonNegativeInt = 4096
    """Memory for decoded pictures, in MiB; more of them lie in a file in the run's folder, which
    vanishes when training ends."""
    seed: int = Field(default=0, ge=0, lt=2**62)
    """Seed for everything random: weights, order, crops, histories."""
    objective: Objective = "lsgan"
    """The adversarial loss. A name brings the flags that its paper asks for, see
    docs/objectives.md; one given beside it wins."""
    judging: Judging = Judging()
    optimizers: Optimizers = Optimizers()
    stabilisers: Stabilisers = Stabilisers()
    schedule: Schedule = Schedule()
    validation: ValidationSettings = ValidationSettings()
    weights: LossWeights = LossWeights()
    networks: NetworksConfig = NetworksConfig()

    @model_validator(mode="after")
    def _crop_fits_the_networks(self) -> "TrainSettings":
        if self.crop % Generator.SIZE_MULTIPLE or self.crop < self.least_crop:
            raise ValueError(
                f"crop is {self.crop} pixels; it must be a multiple of {Generator.SIZE_MULTIPLE} "
                f"and at least {self.least_crop}, the least that the discriminator can judge"
            )
        if self.load_size < self.crop:
            raise ValueError(
                f"load-size is {self.load_size} pixels, less than the crop of {self.crop}; "
                f"give --load-size {round(self.crop * 286 / 256)} or a smaller --crop"
            )
        return self

    @model_validator(mode="after")
    def _parts_are_equal(self) -> "TrainSettings":
        if self.batch % self.accumulate:
            raise ValueError(
                f"batch is {self.batch} with accumulate {self.accumulate}; parts must be equal: "
                f"give --batch {self.accumulate * (self.batch // self.accumulate + 1)}"
            )
        return self

    @model_validator(mode="after")
    def _nothing_is_counted_twice(self) -> "TrainSettings":
        if self.recompute_activations and self.networks.generator.norm == "batch":
            raise ValueError(
                "recompute-activations is given with batch norm in the generator, which would "
                "count each picture twice: leave it out, or give --networks.generator.norm instance"
            )
        return self

    @model_validator(mode="after")
    def _objective_has_what_it_needs(self) -> "TrainSettings":
        judge, judging = self.networks.discriminator, self.judging
        if (judge.kind == "autoencoder") != (self.objective == "ebgan"):
            raise ValueError(
                f"objective is {self.objective} with a discriminator of the kind {judge.kind}; "
                "ebgan needs the autoencoder, the others the patch kind"
            )
        if judge.kind == "autoencoder" and self.crop % 2**judge.layers:
            raise ValueError(
                f"crop is {self.crop} pixels; the autoencoder of {judge.layers} layers needs a "
                f"multiple of {2**judge.layers}"
            )
        if judging.pull and self.batch < 2 * self.accumulate:
            raise ValueError(
                f"judging.pull is {judging.pull:g} with batch {self.batch} in {self.accumulate} "
                "parts; the pulling-away term compares the images of a part: give --batch "
                f"{2 * self.accumulate} or more"
            )
        if self.objective == "wgan" and judging.clip is None:
            raise ValueError("objective is wgan without --judging.clip; its paper takes 0.01")
        if self.objective == "wgan_gp" and judge.norm == "batch":
            raise ValueError(
                "objective is wgan_gp with batch norm in the discriminator; the penalty is of each "
                "image alone: give --networks.discriminator.norm instance"
            )
        return self

    @model_validator(mode="after")
    def _stabilisers_have_what_they_need(self) -> "TrainSettings":
        steady = self.stabilisers
        if (steady.labels != "hard" or steady.flip) and self.objective not in WITH_LABELS:
            raise ValueError(
                f"objective is {self.objective}, whose discriminators learn no labels to smooth or "
                f"flip; those of {', '.join(WITH_LABELS)} do"
            )
        if 0 < steady.replay_every <= steady.replay_steps:
            raise ValueError(
                f"stabilisers.replay-every is {steady.replay_every} and a replay takes "
                f"{steady.replay_steps} steps; it must be more"
            )
        norm = self.networks.generator.norm
        if steady.spikes and norm != "instance":
            raise ValueError(
                "stabilisers.spikes are counted in deviations behind instance norms, and the "
                f"generators have the norm {norm}; leave it out"
            )
        return self

    @model_validator(mode="after")
    def _failures_are_looked_for(self) -> "TrainSettings":
        if self.on_failure != "warn" and not self.doctor:
            raise ValueError(
                f"on-failure is {self.on_failure} without the doctor, who finds failures; "
                "leave out --no-doctor"
            )
        return self

    @model_validator(mode="after")
    def _pictures_can_be_measured(self) -> "TrainSettings":
        if self.validation.every and self.load_size < SMALLEST:
            raise ValueError(
                f"validation.every is {self.validation.every} with load-size {self.load_size}; "
                f"pictures are measured from {SMALLEST} pixels on: give a larger --load-size"
            )
        return self

    @property
    def origin(self) -> str:
        """Where the weights come from, for a model's card."""
        former = "" if self.start_from is None else ", from the networks of an earlier training"
        return f"{self.VERB} with this project{former}"

    @property
    def objective_weight(self) -> float:
        """Sum of the weights in the generators' objective."""
        return 1 + self.weights.cycle * (1 + self.weights.identity)

    @property
    def pictures_per_step(self) -> int:
        """Pictures of each domain that a step takes."""
        return self.batch * self.judging.updates

    @property
    def least_crop(self) -> int:
        """Least side that leaves more than one score, in pixels."""
        return max(Generator.MIN_SIDE, 2 ** (self.networks.discriminator.layers + 2))
