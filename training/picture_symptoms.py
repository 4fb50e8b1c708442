"""Symptoms in what the generators make of pictures; `training.symptom` names the sources."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from training.symptom import Norms, Past, Symptom, lasting
from training.vitals import Course, Look, Vitals

FLAT = 0.1  # of the contrast of real pictures; healthy runs have 0.6 and more
ALIKE = 0.1  # of the variety of real pictures; healthy runs have 0.5 and more
INVERTED = -0.5  # correlation; -1 is a negative, healthy runs have 0.3 and more
FROZEN = 1e-5  # of [-1, 1]; healthy runs have 0.01 and more
HARDLY = 0.002  # of [-1, 1], a quarter of a level of 255
LEARNING = 0.05  # of the full learning rate, below which translations may stand still


_OF_CYCLE = (
    "the cycle loss allows it, since the way back inverts again, and it seldom passes; begin anew "
    "with a larger --weights.identity or another --seed, unless the domains differ so"
)
_OF_TEACHER = (
    "look whether the teacher's pictures are so, too; if not, begin anew with a larger "
    "--imitation.pixels"
)
"""Why light becomes dark, and what to do."""


@dataclass(frozen=True)
class Way:
    """One of the two directions."""

    key: str
    """ab or ba, as in `Vitals` and `StepLosses`."""
    source: str
    """Name of the domain that is translated."""
    target: str

    def look(self, vitals: Vitals) -> Look:
        """Give what an examination saw of it."""
        return vitals.looks[self.key]


def flat(past: Past, way: Way, norms: Norms) -> Iterator[Symptom]:
    """JZ 807 and 1599: an explosion, then black pictures only."""
    since = lasting(past, lambda seen: way.look(seen).contrast < FLAT, norms.short)
    if since is None:
        return
    sentence = (
        f"every {way.source} becomes {_colour(way.look(past[-1]))} instead of {way.target} since "
        f"step {since}: too large a step has usually driven the generator where tanh has no slope, "
        "and it does not come back; go back with --on-failure rollback, or begin anew with a "
        "lower --schedule.learning-rate"
    )
    yield Symptom("flat", way.target, since, sentence, failure=True)


def _colour(look: Look) -> str:
    if abs(look.brightness) < 0.9:
        return "one flat colour"
    return "black" if look.brightness < 0 else "white"


def collapsed(past: Past, way: Way, norms: Norms) -> Iterator[Symptom]:
    """JZ 421: the same picture for every input."""

    def alike(seen: Vitals) -> bool:
        return way.look(seen).variety < ALIKE and way.look(seen).contrast >= FLAT

    since = lasting(past, alike, norms.short)
    if since is None:
        return
    sentence = (
        f"every {way.source} becomes the same {way.target} since step {since}: the generator has "
        "collapsed to what the discriminator believes; go back with --on-failure rollback, or "
        f"begin anew with a larger {norms.anchor} or a lower --schedule.learning-rate"
    )
    yield Symptom("collapsed", way.target, since, sentence, failure=True)


def inverted(past: Past, way: Way, norms: Norms) -> Iterator[Symptom]:
    """JZ 91, 249 and 1301; the authors' cure is the identity loss."""
    since = lasting(past, lambda seen: way.look(seen).likeness < INVERTED, norms.long)
    if since is None:
        return
    sentence = (
        f"what is light in {way.source} is dark in the {way.target} made of it since step {since}: "
        f"{_OF_TEACHER if norms.taught else _OF_CYCLE}"
    )
    yield Symptom("inverted", way.target, since, sentence, failure=True)


def frozen(past: Past, way: Way, norms: Norms) -> Iterator[Symptom]:
    """Nothing is learned: what a picture becomes stays the same."""
    since = lasting(past, lambda seen: _stands_still(seen, way, norms, FROZEN), norms.short)
    if since is None or way.look(past[-1]).contrast < FLAT:
        return
    sentence = (
        f"what a {way.source} becomes has not changed since step {since}: no gradient reaches its "
        "generator, or its steps are too small to matter; begin anew with a larger "
        "--schedule.learning-rate or another --objective"
    )
    yield Symptom("frozen", way.target, since, sentence, failure=True)


def fooled(past: Past, way: Way, norms: Norms) -> Iterator[Symptom]:
    """Ganhacks: a generator's loss that falls steadily is of one that fools with garbage."""
    last = past[-norms.long :]
    since = lasting(last, lambda seen: _stands_still(seen, way, norms, HARDLY), norms.long)
    courses = [seen.losses[f"adversarial_{way.key}"] for seen in last]
    if since is None or not norms.anchored or not _falls(courses):
        return
    sentence = (
        f"the adversarial loss of {way.source} to {way.target} has fallen from "
        f"{courses[0].mean:.3g} to {courses[-1].mean:.3g} since step {since}, and what a "
        f"{way.source} becomes does not change: the discriminator forgets, and the generator "
        "learns nothing; begin anew with a larger --optimizers.discriminators-rate"
    )
    yield Symptom("fooled", way.target, since, sentence)


def _stands_still(seen: Vitals, way: Way, norms: Norms, limit: float) -> bool:
    change = way.look(seen).change
    return change is not None and change < limit and seen.rate >= LEARNING * norms.rate


def _falls(courses: Sequence[Course]) -> bool:
    """Most means are below the one before, and all in all by more than a loss scatters."""
    means = [course.mean for course in courses]
    down = sum(later < earlier for earlier, later in pairwise(means))
    scatter = median(course.deviation for course in courses)
    return down >= 0.7 * (len(means) - 1) and means[0] - means[-1] > scatter


def same_history(past: Past, way: Way, norms: Norms) -> Iterator[Symptom]:
    """The buffer of former images holds one image only."""

    def alike(seen: Vitals) -> bool:
        history = way.look(seen).history
        return history is not None and history < ALIKE

    since = lasting(past, alike, norms.short)
    if since is None:
        return
    sentence = (
        f"the history of {way.target} holds one image many times since step {since}: its "
        "discriminator sees no other mistakes and forgets them; the generator has usually "
        "collapsed"
    )
    yield Symptom("same-history", way.target, since, sentence)
