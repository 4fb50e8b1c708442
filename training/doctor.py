"""The doctor: watches a run, and says in a sentence what goes wrong and what to do about it."""

from collections.abc import Iterator

import torch

from training.chart import Complaint
from training.data import UnpairedCrops
from training.distillation import DistillLosses
from training.examination import examine
from training.finding import Finding
from training.loss_symptoms import guessing, large_gradient, not_finite, spiking, sure
from training.picture_symptoms import (
    Way,
    collapsed,
    flat,
    fooled,
    frozen,
    inverted,
    same_history,
)
from training.probes import Probes
from training.settings import TrainSettings
from training.state import TrainState
from training.step import StepLosses
from training.symptom import Norms, Past, Symptom


class Doctor:
    """Examines a run from time to time; what it keeps of it is on the run's chart."""

    EVERY = 50
    """Steps from one examination to the next: seldom enough to cost less than a hundredth."""
    RELIEF = 3
    """Examinations without a symptom after which it is over; after one it would come and go."""

    def __init__(self, settings: TrainSettings, crops: UnpairedCrops, device: torch.device) -> None:
        self._is_on = settings.doctor
        self._norms = Norms.of(settings)
        self._probes = Probes(crops, settings.precision, device)

    def watch(self, state: TrainState, losses: StepLosses | DistillLosses) -> list[Finding]:
        """Take note of the step just taken, and say what is new; this seldom takes any time."""
        state.chart.losses = [*state.chart.losses, torch.stack(losses)][-self.EVERY :]
        if state.step % self.EVERY or not self._is_on:
            return []
        examine(state, self._probes, losses._fields)
        past = state.chart.past
        state.chart.suspect = any(s.failure for s in find_symptoms(past, self._norms.at_once()))
        return _news(state, find_symptoms(past, self._norms))


def find_symptoms(past: Past, norms: Norms) -> list[Symptom]:
    """Judge a run by its last examinations."""
    # Where there are no numbers, the others mean nothing.
    return list(not_finite(past)) or list(_symptoms(past, norms))


def _symptoms(past: Past, norms: Norms) -> Iterator[Symptom]:
    a, b = norms.domains
    for way in (Way("ab", a, b), Way("ba", b, a)):
        yield from flat(past, way, norms)
        yield from collapsed(past, way, norms)
        yield from inverted(past, way, norms)
        yield from frozen(past, way, norms)
        yield from fooled(past, way, norms)
        yield from same_history(past, way, norms)
    for which, domain in (("a", a), ("b", b)):
        yield from sure(past, norms, which, domain)
        yield from guessing(past, norms, which, domain)
        yield from spiking(past, norms, which, domain)
    yield from large_gradient(past, norms)


def _news(state: TrainState, symptoms: list[Symptom]) -> list[Finding]:
    """Bring the complaints on the chart up to date, and say which of them begin and end."""
    complaints = state.chart.complaints
    news: list[Finding] = []
    for symptom in symptoms:
        key = f"{symptom.kind} {symptom.where}".strip()
        former = complaints.get(key)
        since = former.since if former else symptom.since
        complaints[key] = Complaint(since, state.step, symptom.failure)
        if former is None:
            news.append(_begun(state.step, symptom))
    blind = any(symptom.kind == "not-finite" for symptom in symptoms)
    for key, complaint in list(complaints.items()):
        if not blind and state.step - complaint.seen >= Doctor.RELIEF * Doctor.EVERY:
            del complaints[key]
            news.append(_over(state.step, key, complaint))
    return news


def _begun(step: int, symptom: Symptom) -> Finding:
    severity = "failure" if symptom.failure else "warning"
    return Finding(step, symptom.kind, symptom.where, severity, symptom.since, symptom.sentence)


def _over(step: int, key: str, complaint: Complaint) -> Finding:
    kind, _, where = key.partition(" ")
    sentence = f"{key}: not seen any more since step {complaint.seen}"
    return Finding(step, kind, where, "note", complaint.since, sentence)
