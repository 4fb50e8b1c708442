"""Measuring a model on held-out pictures."""

from collections.abc import Callable
from importlib.metadata import version

from torch import nn

from cyclegan.pixels import Pictures
from evaluation import content
from evaluation.counterpart_errors import errors_to
from evaluation.domain_classifier import DomainClassifier
from evaluation.exported_pair import ExportedPair
from evaluation.feature_distances import feature_distance, features_of
from evaluation.measures import Distance, Evaluation, Measures, Protocol
from evaluation.picture_sets import Domain, PictureSets
from evaluation.sliced_wasserstein import Reference, sides
from evaluation.translations import Translations

Say = Callable[[str], None]

PATCHES = 131_072
"""Of each set and level of sliced Wasserstein distances: with a quarter of them an excess differed
by a third from one seed to the next, where the two domains are as alike as the seasons are."""


def evaluate(
    model: ExportedPair, sets: PictureSets, inception: nn.Module | None, seed: int, say: Say
) -> tuple[Evaluation, Translations]:
    """Translate all test pictures there and back, and measure both directions.

    Args:
        model: To be measured.
        sets: Real pictures of both domains.
        inception: Gives the features for FID and KID, which are left out without it.
        seed: Of the patches, the directions and the classifier.
        say: Is told what is being done, since all of it takes minutes.
    """
    say(f"translating {len(sets.a.test)} and {len(sets.b.test)} pictures there and back")
    made = Translations.by(model, sets.a.test, sets.b.test)
    say("training a classifier on real pictures of both domains")
    judge = DomainClassifier.train(sets.a.train, sets.b.train, seed)
    measures: list[Measures] = []
    for source, target, translated, again, is_b in (
        (sets.a, sets.b, made.b, made.again_a, True),
        (sets.b, sets.a, made.a, made.again_b, False),
    ):
        say(f"comparing {source.name} made into {target.name} with real {target.name}")
        distances = _distances(source, target, translated, inception, seed)

        def score(pictures: Pictures, is_b: bool = is_b) -> float:
            share = judge.share_of_b(pictures)
            return share if is_b else 1 - share

        measures.append(
            Measures(
                translation=f"{source.name}2{target.name}",
                pictures=len(translated),
                sliced_wasserstein=_scales(source, target, translated, seed),
                fid=distances and distances[0],
                kid=distances and distances[1],
                domain_score=score(translated),
                domain_score_untranslated=score(source.test),
                domain_score_real=score(target.test),
                edge_correlation=content.edge_correlation(source.test, translated),
                cycle_error=content.cycle_error(source.test, again),
                inversion_rate=content.inversion_rate(source.test, translated),
                diversity=content.diversity(translated, target.test),
                counterpart=errors_to(target, source, translated)
                if sets.has_counterparts
                else None,
            )
        )
    return Evaluation(protocol=_protocol(model, sets, seed), measures=measures), made


def _scales(source: Domain, target: Domain, translated: Pictures, seed: int) -> dict[int, Distance]:
    real = Reference(target.train, PATCHES, seed)
    compared = (translated, target.test, source.test)
    levels = zip(*(real.distances(each) for each in compared), strict=True)
    return {
        side: Distance(translated=made, floor=floor, untranslated=nothing)
        for side, (made, floor, nothing) in zip(sides(translated.shape[-1]), levels, strict=True)
    }


def _distances(
    source: Domain, target: Domain, translated: Pictures, inception: nn.Module | None, seed: int
) -> tuple[Distance, Distance] | None:
    if inception is None:
        return None
    real = features_of(inception, target.train)
    made, floor, nothing = (
        feature_distance(real, features_of(inception, each), seed)
        for each in (translated, target.test, source.test)
    )
    return (
        Distance(translated=made.fid, floor=floor.fid, untranslated=nothing.fid),
        Distance(translated=made.kid, floor=floor.kid, untranslated=nothing.kid),
    )


def _protocol(model: ExportedPair, sets: PictureSets, seed: int) -> Protocol:
    return Protocol(
        model=model.card.training.origin,
        steps=model.card.training.steps,
        side=sets.a.test.shape[-1],
        reference_pictures={each.name: len(each.train) for each in (sets.a, sets.b)},
        patches=PATCHES,
        seed=seed,
        engine="ONNX Runtime on the CPU",
        versions={name: version(name) for name in ("cyclegan", "torch", "pillow")},
    )
