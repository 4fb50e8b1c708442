"""Symptoms in the losses and gradients of a run; `training.symptom` names the sources."""

from collections.abc import Iterator
from math import isfinite
from statistics import median

from training.symptom import Norms, Past, Symptom, lasting

SURE = 0.1  # of the loss of a discriminator that cannot tell; healthy runs have 0.4 and more
SWOLLEN = 5.0  # times the deviation of before; healthy runs have 2 and less


def not_finite(past: Past) -> Iterator[Symptom]:
    """NaN or infinity in a loss, a gradient or a weight."""
    last = past[-1]
    if last.broken_since is None and all(map(isfinite, (last.weights, *last.gradients.values()))):
        return
    since = last.broken_since or last.step
    sentence = (
        f"losses or weights are no finite numbers since step {since}: no further step mends that, "
        "and nothing is saved any more; continue from the last checkpoint with --on-failure "
        "rollback, or begin anew with a lower --schedule.learning-rate"
    )
    yield Symptom("not-finite", "", since, sentence, failure=True)


def sure(past: Past, norms: Norms, which: str, domain: str) -> Iterator[Symptom]:
    """Ganhacks: "D loss goes to 0: failure mode"; JZ 806: collapsed, if it stays there."""
    if norms.undecided is None:
        return
    loss, limit = f"discriminator_{which}", SURE * norms.undecided
    since = lasting(past, lambda seen: seen.losses[loss].mean < limit, norms.long)
    if since is None:
        return
    sentence = (
        f"the discriminator of {domain} is sure of nearly every picture since step {since}: it is "
        "too strong, and so tells the generator little; begin anew with "
        f"{norms.slower}, --stabilisers.labels one_sided or --stabilisers.noise 0.1"
    )
    yield Symptom("sure", domain, since, sentence)


def guessing(past: Past, norms: Norms, which: str, domain: str) -> Iterator[Symptom]:
    """The opposite of `sure`: a discriminator that says as much as one that always says the same.

    New ones do so for some 600 steps. Later, steps are usually larger than what is left to tell:
    with generators as they were, one that had 0.26 after 600 steps at 2e-4 came to 0.16 in 1,500
    at 5e-5 (docs/log.md, 2026-11-27).
    """
    if norms.undecided is None:
        return
    loss, limit = f"discriminator_{which}", norms.undecided
    since = lasting(past, lambda seen: seen.losses[loss].mean > limit, norms.longest)
    if since is None:
        return
    sentence = (
        f"the discriminator of {domain} tells real {domain} from what is made no better than by "
        f"guessing since step {since}: its loss is {past[-1].losses[loss].mean:.3g}, and guessing "
        f"has {limit:.3g}; the generator learns little of {domain} from it, and "
        f"{'much from the teacher' if norms.taught else 'the cycle may lead back to the input'}; "
        "unless you like the pictures already, go on in another run with --start-from this one and "
        f"{norms.slower}, or a larger --batch"
    )
    yield Symptom("guessing", domain, since, sentence)


def spiking(past: Past, norms: Norms, which: str, domain: str) -> Iterator[Symptom]:
    """Ganhacks: it works where D's loss has a low variance, not a "huge variance and spiking"."""
    courses = [seen.losses[f"discriminator_{which}"] for seen in past]
    former, last = courses[: -norms.short], courses[-norms.short :]
    if norms.undecided is None or len(former) < norms.short:
        return
    before, now = (median(course.deviation for course in each) for each in (former, last))
    # Where all is well, a loss scatters less than that of a discriminator that cannot tell is.
    if now < max(SWOLLEN * before, norms.undecided):
        return
    since = past[-norms.short].step
    sentence = (
        f"the loss of the discriminator of {domain} jumps as high as "
        f"{max(course.peak for course in last):.3g} since step {since}, and scatters by {now:.3g} "
        f"instead of {before:.3g}: the networks no longer learn from one another; begin anew with "
        "a lower --schedule.learning-rate"
    )
    yield Symptom("spiking", domain, since, sentence)


def large_gradient(past: Past, norms: Norms) -> Iterator[Symptom]:
    """Ganhacks: "if they are over 100 things are screwing up"."""
    for name, norm in past[-1].gradients.items():
        limit = norms.generator_gradient if name.startswith("gen") else norms.discriminator_gradient
        since = lasting(
            past, lambda seen, n=name, most=limit: seen.gradients[n] > most, norms.short
        )
        if since is None:
            continue
        sentence = (
            f"the gradient of {name} has a norm of {norm:.3g}, more than {limit:.0f} since step "
            f"{since}: its steps may break what it has learned; begin anew with a lower "
            "--schedule.learning-rate"
        )
        yield Symptom("large-gradient", name, since, sentence)
