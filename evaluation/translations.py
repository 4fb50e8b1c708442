"""What a model makes of all test pictures."""

from dataclasses import dataclass

from cyclegan.pixels import Pictures
from evaluation.exported_pair import ExportedPair


@dataclass(frozen=True)
class Translations:
    """Test pictures there and back, in their order."""

    b: Pictures
    """Of A made into B."""
    a: Pictures
    """Of B made into A."""
    again_a: Pictures
    """Of A made into B and back."""
    again_b: Pictures

    @classmethod
    def by(cls, model: ExportedPair, a: Pictures, b: Pictures) -> "Translations":
        """Translate the pictures of both domains."""
        made_b, made_a = model.to_b(a), model.to_a(b)
        return cls(made_b, made_a, model.to_a(made_b), model.to_b(made_a))
