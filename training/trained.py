"""Generators that were trained before: those of a run, or of a model that was exported."""

from dataclasses import dataclass
from pathlib import Path

from cyclegan.adoption import adopt_discriminators
from cyclegan.checkpoint import LATEST, Checkpoint, checkpoint_of
from cyclegan.contract import FILE_AB, FILE_BA, domains_of_pair
from cyclegan.errors import UsageError
from cyclegan.generator import Generator
from cyclegan.networks import Networks


@dataclass(frozen=True)
class Trained:
    """Both generators, and what else there is to take over."""

    gen_ab: Generator
    gen_ba: Generator
    domains: tuple[str, str]
    """Names of domains A and B."""
    networks: Networks | None
    """Of a run: these generators and their discriminators, which exported models do not have."""
    objective: object
    """Of a run: the --objective that it played for."""

    @classmethod
    def read(cls, place: Path, flag: str) -> "Trained":
        """Read the folder of a run, one of its checkpoints, or the folder of an exported model.

        Args:
            place: What the user gave.
            flag: As what, for the error.

        Raises:
            CheckpointError: The checkpoint cannot be read.
            ModelError: The exported model cannot be read.
            UsageError: There is neither.
        """
        if is_model(place):
            return cls._of_model(place, flag)
        return cls.of_checkpoint(Checkpoint.load(checkpoint_of(place)))

    @classmethod
    def of_checkpoint(cls, checkpoint: Checkpoint) -> "Trained":
        """Take the moving average where there is one.

        Raises:
            CheckpointError: The weights are not those of the architecture.
        """
        networks = checkpoint.networks(averaged=True)
        objective = checkpoint.facts.settings.get("objective")
        return cls(networks.gen_ab, networks.gen_ba, checkpoint.domains, networks, objective)

    def lend_discriminators(self, networks: Networks, objective: str) -> None:
        """Let those of `networks`, which play for `objective`, begin with what these know.

        If they have one shape and one objective, on which it depends what scores mean. An exported
        model has none to lend.
        """
        if self.networks and self.objective == objective:
            adopt_discriminators(networks, self.networks)

    @classmethod
    def _of_model(cls, folder: Path, flag: str) -> "Trained":
        if not (folder / FILE_AB).exists():
            raise UsageError(
                f"{flag} {folder} holds neither {LATEST} nor {FILE_AB}; expected the --run of a "
                "`cyclegan train`, one of its checkpoints, or the --out of a `cyclegan export`"
            )
        # Brings ONNX along, which no other training needs.
        from cyclegan.exported_weights import exported_generators

        return cls(*exported_generators(folder), networks=None, objective=None)


def domains_of(place: Path) -> tuple[str, str]:
    """Read the names of domains A and B alone.

    Args:
        place: As of `Trained.read`.

    Raises:
        CheckpointError: There is no checkpoint, or it cannot be read.
        ModelError: One of the exported models is missing, or cannot be read.
    """
    if not is_model(place):
        return Checkpoint.load(checkpoint_of(place)).domains
    from cyclegan.exported_weights import card_of

    return domains_of_pair(card_of(place / FILE_AB), card_of(place / FILE_BA), str(place))


def is_model(place: Path) -> bool:
    """Whether it is a folder and no run's: an exported model's, which has no discriminators."""
    return place.is_dir() and not (place / LATEST).exists()
