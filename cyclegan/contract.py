"""What an exported model promises to whoever runs it; imports no PyTorch.

A model takes and gives RGB bytes: one input `image` and one output `translated`, both uint8 of
shape (n, h, w, 3), with any n >= 1 and any h and w that are multiples of `ModelCard.size_multiple`
and at least `ModelCard.min_side`. Whatever else a user of the file must know is in its `ModelCard`.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from cyclegan.errors import ModelError

INPUT = "image"
OUTPUT = "translated"
FILE_AB = "a2b.onnx"
FILE_BA = "b2a.onnx"

_METADATA_KEY = "cyclegan.card"


def _checked_domain(name: str) -> str:
    # A domain's name stands in URLs and file names.
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", name):
        raise ValueError(
            f"a domain is called {name!r}; expected 1 to 32 of the characters a-z 0-9 _ -, "
            "the first a letter or a digit"
        )
    return name


def _two_names(names: tuple[str, str]) -> tuple[str, str]:
    if names[0] == names[1]:
        raise ValueError(f"both domains are called {names[0]}; give them two names")
    return names


def _as_many_as_domains(names: object) -> object:
    """Say what is expected without the word tuple, which pydantic would use."""
    if isinstance(names, list | tuple) and len(names) != 2:
        raise ValueError("expected two names with a comma, as summer,winter")
    return names


DomainName = Annotated[str, AfterValidator(_checked_domain)]
DomainNames = Annotated[
    tuple[DomainName, DomainName],
    BeforeValidator(_as_many_as_domains),
    AfterValidator(_two_names),
]


class TrainingFacts(BaseModel):
    """Where the weights come from, for the reader of a model card."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: str
    """One sentence: trained here, or imported from which kind of file."""
    steps: int = 0
    """Steps of the training that made them, less those of what it began with."""
    images: int = 0
    """Pictures of each domain in these steps, repetitions counted."""
    weights: Literal["last", "averaged"] = "last"
    """Those of the last step, or their moving average."""
    strength: PositiveFloat = 1.0
    """How many times as much as it has learned to the generator changes its pictures."""
    settings: dict[str, object] = {}
    """The settings of the training run, as in its `settings.json`, without its paths."""


class ModelCard(BaseModel):
    """What an exported generator says about itself, in the metadata of its file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: PositiveInt = 1
    """Number of this layout of the card."""
    source: DomainName
    """Name of the domain that the model translates from."""
    target: DomainName
    """Name of the domain that the model translates into."""
    size_multiple: PositiveInt
    """Height and width must be multiples of this, in pixels."""
    min_side: PositiveInt
    """Least height and width, in pixels."""
    parameters: PositiveInt
    """Number of weights."""
    architecture: dict[str, object]
    """The generator's configuration, as in the checkpoint."""
    training: TrainingFacts

    @property
    def translation(self) -> str:
        """Name of the translation, as in the URL: `photo2painting`."""
        return f"{self.source}2{self.target}"

    def is_way_back_of(self, other: "ModelCard") -> bool:
        """Whether what `other` has translated becomes what it was."""
        return (self.source, self.target) == (other.target, other.source)

    def to_metadata(self) -> dict[str, str]:
        """Key and value for the metadata of an ONNX file."""
        return {_METADATA_KEY: self.model_dump_json()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], file: str) -> "ModelCard":
        """Read the card of the ONNX file called `file`.

        Raises:
            ModelError: There is no card, or one that this version does not understand.
        """
        text = metadata.get(_METADATA_KEY)
        if text is None:
            raise ModelError(
                f"{file} has no model card; expected a file that `cyclegan export` or "
                "`cyclegan import-weights` wrote"
            )
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            [first, *_] = error.errors()
            where = ".".join(str(part) for part in first["loc"])
            raise ModelError(
                f"{file} has a model card that this version cannot read ({where}: {first['msg']}): "
                "use it with the version that wrote it, or export its run again with this one"
            ) from None


def domains_of_pair(there: ModelCard, back: ModelCard, folder: str) -> tuple[str, str]:
    """Give the domains A and B of the two models in `folder`.

    Raises:
        ModelError: They are not a translation and its way back.
    """
    if not back.is_way_back_of(there):
        raise ModelError(
            f"{folder} has {there.translation} and {back.translation}; expected a translation and "
            "its way back"
        )
    return there.source, there.target
