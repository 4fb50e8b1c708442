"""What is measured of one translation, and by which protocol."""

from pydantic import BaseModel, ConfigDict

LEAST_SPAN = 0.1
"""Difference to bridge, as a share of the floor, from which on an excess means something."""


def is_apart(floor: float, untranslated: float) -> bool:
    """Tell whether there is a difference to bridge, of distances as `Distance` has."""
    span = untranslated - floor
    # As an estimate without bias, the floor of a KID may be 0 or below.
    return span > 0 and span >= LEAST_SPAN * abs(floor)


class Distance(BaseModel):
    """A distance to the target domain, which means something only beside the other two."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    translated: float
    """Of the translated test pictures to the real training pictures of the target."""
    floor: float
    """Of the target's own test pictures to them: nothing is expected to be nearer."""
    untranslated: float
    """Of the source's test pictures to them: what it is to do nothing."""

    @property
    def excess(self) -> float | None:
        """(translated - floor) / (untranslated - floor): 0 is perfect, 1 is nothing done.

        None where the untranslated pictures are hardly farther from the target than its own: then
        there is no difference to bridge, and a share of it would be noise.
        """
        if not is_apart(self.floor, self.untranslated):
            return None
        return (self.translated - self.floor) / (self.untranslated - self.floor)


class DomainScore(BaseModel):
    """Shares of pictures that one classifier, trained on real ones, takes for the target."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    translated: float
    untranslated: float
    """Of the source's test pictures: its mistakes."""
    real: float
    """Of the target's own test pictures: its accuracy."""

    @property
    def relative(self) -> float:
        """That of the translations as a share of that of real pictures."""
        return self.translated / max(self.real, 1e-8)


class Likeness(BaseModel):
    """How like pictures are to others of the same scenes."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    l1: float
    """Mean absolute difference in [-1, 1]."""
    ssim: float
    """Structural similarity (Wang et al. 2004): 1 is the same picture."""
    label_accuracy: float | None
    """Share of pixels whose nearest nominal colour is the right one; None without such colours."""


class CounterpartErrors(BaseModel):
    """Likeness to the true counterparts, and what it is to do nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    translated: Likeness
    untranslated: Likeness
    labels: int | None
    """Nominal colours of the target, if its pictures are label maps."""


class Measures(BaseModel):
    """Of the translation of one domain into the other, on held-out pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    translation: str
    pictures: int
    """Translated: the test pictures of the source."""
    compared: int
    """Of them, of untranslated and of real ones, as many each, to measure distances of, spread over
    the set: a set of fewer pictures is farther from any other."""
    sliced_wasserstein: dict[int, Distance]
    """By the side of a level of the pyramid in pixels, the finest first."""
    fid: Distance | None
    """None where the weights of Inception were not to be had."""
    kid: Distance | None
    domain_scores: tuple[DomainScore, ...]
    """By classifiers that began with other weights and saw other crops."""
    edge_correlation: float
    cycle_error: float
    """Mean absolute difference after there and back, in [-1, 1]."""
    inversion_rate: float
    diversity: float
    counterpart: CounterpartErrors | None = None
    """Where the true counterparts are known."""


class Weights(BaseModel):
    """Which of a model's two files was measured."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    sha256: str
    """Of the file."""
    origin: str
    """What the card says of where they come from."""
    steps: int
    weights: str
    """The last ones, or their moving average."""
    strength: float
    """How many times as strong as it was trained."""


class Protocol(BaseModel):
    """What another needs to know to get the same numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    models: dict[str, Weights]
    """By translation."""
    side: int
    """Pixels to which every picture was resized."""
    resize: str = "bicubic with antialiasing (Pillow), squashed to a square"
    files: str = "real ones as they are; translations as bytes, never encoded in between"
    reference: str = "real training pictures of the target"
    reference_pictures: dict[str, int]
    """By domain: how many there are."""
    patches: int
    """Of each set and level, of sliced Wasserstein distances."""
    kid: str
    """Subsets that KID is the mean of."""
    seed: int
    """Of patches, directions and subsets, and of the first classifier; the next ones follow."""
    engine: str
    versions: dict[str, str]


class Evaluation(BaseModel):
    """Everything that was measured of a model."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    protocol: Protocol
    measures: list[Measures]
    """Of A to B, and of B to A."""
