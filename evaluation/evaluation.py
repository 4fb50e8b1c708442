"""Measuring a model on held-out pictures."""

from collections.abc import Callable
from importlib.metadata import version

import torch
from torch import nn

from cyclegan.pixels import Pictures
from evaluation import content
from evaluation.counterpart_errors import errors_to
from evaluation.domain_classifier import DomainClassifier
from evaluation.exported_pair import ExportedPair
from evaluation.feature_distances import (
    MOST_IN_SUBSET,
    SUBSETS,
    feature_distance,
    features_of,
)
from evaluation.measures import Distance, DomainScore, Evaluation, Measures, Protocol
from evaluation.picture_sets import Domain, PictureSets
from evaluation.sliced_wasserstein import Reference, sides
from evaluation.translations import Translations

Say = Callable[[str], None]

PATCHES = 131_072
"""Of each set and level of sliced Wasserstein distances: with a quarter of them an excess differed
by a third from one seed to the next, where the two domains are as alike as the seasons are."""

_MEASURED_WITH = (
    "cyclegan", "torch", "pillow", "onnxruntime-gpu", "torchmetrics", "torch-fidelity",
)  # fmt: skip

CLASSIFIERS = 3
"""One took six hundredths more of the same translations for the target than another."""


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
    judges: list[DomainClassifier] = []
    for number in range(CLASSIFIERS):
        say(f"training classifier {number + 1} of {CLASSIFIERS} on real pictures of both domains")
        judges.append(DomainClassifier.train(sets.a.train, sets.b.train, seed + number))
    measures: list[Measures] = []
    for source, target, translated, again, is_b in (
        (sets.a, sets.b, made.b, made.again_a, True),
        (sets.b, sets.a, made.a, made.again_b, False),
    ):
        say(f"comparing {source.name} made into {target.name} with real {target.name}")
        compared = _as_many_of_each(translated, target.test, source.test)
        distances = _distances(target, compared, inception, seed)
        measures.append(
            Measures(
                translation=f"{source.name}2{target.name}",
                pictures=len(translated),
                compared=len(compared[0]),
                sliced_wasserstein=_scales(target, compared, seed),
                fid=distances and distances[0],
                kid=distances and distances[1],
                domain_scores=tuple(
                    _score(judge, is_b, translated, source.test, target.test) for judge in judges
                ),
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


Compared = tuple[Pictures, Pictures, Pictures]
"""Translated, of the target, and untranslated."""


def _as_many_of_each(translated: Pictures, real: Pictures, untranslated: Pictures) -> Compared:
    count = min(len(translated), len(real))

    def some(pictures: Pictures) -> Pictures:
        return pictures[torch.arange(count) * len(pictures) // count]

    return some(translated), some(real), some(untranslated)


def _score(
    judge: DomainClassifier, is_b: bool, made: Pictures, nothing: Pictures, real: Pictures
) -> DomainScore:
    of_b = [judge.share_of_b(pictures) for pictures in (made, nothing, real)]
    translated, untranslated, own = of_b if is_b else [1 - share for share in of_b]
    return DomainScore(translated=translated, untranslated=untranslated, real=own)


def _scales(target: Domain, compared: Compared, seed: int) -> dict[int, Distance]:
    real = Reference(target.train, PATCHES, seed)
    levels = zip(*(real.distances(each) for each in compared), strict=True)
    return {
        side: Distance(translated=made, floor=floor, untranslated=nothing)
        for side, (made, floor, nothing) in zip(sides(target.test.shape[-1]), levels, strict=True)
    }


def _distances(
    target: Domain, compared: Compared, inception: nn.Module | None, seed: int
) -> tuple[Distance, Distance] | None:
    if inception is None:
        return None
    real = features_of(inception, target.train)
    made, floor, nothing = (
        feature_distance(real, features_of(inception, each), seed) for each in compared
    )
    return (
        Distance(translated=made.fid, floor=floor.fid, untranslated=nothing.fid),
        Distance(translated=made.kid, floor=floor.kid, untranslated=nothing.kid),
    )


def _protocol(model: ExportedPair, sets: PictureSets, seed: int) -> Protocol:
    return Protocol(
        models=model.weights,
        side=sets.a.test.shape[-1],
        reference_pictures={each.name: len(each.train) for each in (sets.a, sets.b)},
        patches=PATCHES,
        kid=f"{SUBSETS} of as many pictures as the smaller set has, at most {MOST_IN_SUBSET:,}",
        seed=seed,
        engine="ONNX Runtime on the CPU",
        versions={name: version(name) for name in _MEASURED_WITH},
    )
