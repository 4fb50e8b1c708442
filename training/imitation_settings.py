"""What a distillation can be told, besides what a training can."""

from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, PositiveFloat

from training.settings import Preset, TrainSettings


class ImitationWeights(BaseModel):
    """Weights in the objective of students; the adversarial loss has weight 1."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    pixels: PositiveFloat = 10.0
    """Weight of the mean absolute difference to the teacher's pictures, in [-1, 1]."""
    features: NonNegativeFloat = 1.0
    """Weight of the distance between attention maps of student and teacher; 0 leaves them out."""


class DistillSettings(TrainSettings):
    """Teach small generators what large ones do; the same command again continues the run.

    The students see the teacher's pictures, where it looks, and discriminators of their own. Flags
    are those of `cyclegan train`, of which --weights do not count here.
    """

    VERB: ClassVar[str] = "distilled from another model"

    teacher: Path
    """Folder of the run that is imitated, one of its checkpoints, as runs/NAME/best.pt, or the
    folder of an exported model, as models/NAME, which has no discriminators to begin with."""
    preset: Preset = "compact"
    """As of cyclegan train; the students' networks."""
    imitation: ImitationWeights = ImitationWeights()

    @property
    def objective_weight(self) -> float:
        """See `TrainSettings`."""
        return 1 + self.imitation.pixels + self.imitation.features
