"""The loop: take steps, look after what has to be written, stop when it is time."""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import torch

from cyclegan.checkpoint import Checkpoint
from cyclegan.errors import UsageError
from cyclegan.objectives import Images
from cyclegan.pixels import to_signed
from training.beginning import first_networks
from training.compile_choice import settled_compilation
from training.continuation import (
    check_same_pictures,
    check_same_teacher,
    note_pictures,
    note_teacher,
)
from training.device import choose_device, prepare_device, seed_step, sent
from training.distillation import DistillLosses, Teacher, distill_step
from training.doctor import Doctor
from training.fitting import is_out_of_memory, too_large
from training.folders import DataFolders, find_folders
from training.imitation_settings import DistillSettings
from training.interruption import Interruption
from training.pictures import picture_files
from training.ranks import Ranks, joined_ranks
from training.report import Report
from training.run_folder import begin, check_run_apart, former_checkpoint, locked_folder
from training.saves import Failed, check_success, is_given_up, roll_back, save
from training.sentences import say_how_it_ended, say_what_begins, warn_of_slow_steps
from training.settings import TrainSettings
from training.sources import Files, Material, facts_of
from training.state import TrainState
from training.step import StepLosses, train_step
from training.upkeep import Upkeep

logger = logging.getLogger(__name__)


def train(settings: TrainSettings) -> TrainState:
    """Train to the end of the schedule; called again with the same settings, continue.

    Under `torchrun` all its processes train one run together, and the first one writes.

    Raises:
        DataError: A folder or picture cannot be trained on.
        UsageError: The run was begun with other settings or numbers of pictures, another process
            trains it, a device is missing, ranks differ, or the run cannot be written to.
        CheckpointError: The run's checkpoint cannot be read or written.
        TrainingFailed: The run has failed, and was told not to go on or has nothing to save; or
            another rank has ended.
    """
    device = choose_device(settings.device)
    prepare_device(device, settings.precision)
    folders = find_folders(settings.data, settings.domain_a, settings.domain_b)
    check_run_apart(settings.run, folders)
    files = picture_files(folders.train_a), picture_files(folders.train_b)
    with joined_ranks(device) as ranks:
        _check_ranks(ranks, settings)
        with locked_folder(settings) if ranks.is_first else nullcontext():
            return _train(settings, folders, files, device, ranks)


def _train(
    settings: TrainSettings,
    folders: DataFolders,
    files: Files,
    device: torch.device,
    ranks: Ranks,
) -> TrainState:
    former = former_checkpoint(settings)
    ranks.check_alike(facts_of(settings, files, device, former.facts.steps if former else 0))
    # What is soon known comes before pictures are read, which may take minutes.
    if former:
        check_same_pictures(settings, files)
    elif settings.start_from:
        first_networks(settings)
    if ranks.is_first:
        warn_of_slow_steps(settings, device)
    teacher = Teacher.of(settings, device) if isinstance(settings, DistillSettings) else None
    if teacher:
        ranks.check_alike({"teacher": teacher.fingerprint})
        if former:
            check_same_teacher(settings.run, teacher.fingerprint)
    material = Material.of(folders, files, settings, teacher, ranks)
    step = partial(_step, teacher, settings)
    whole = settings.schedule.steps(material.crops.steps_per_epoch)

    def begun(settled: TrainSettings) -> TrainState:
        state = _first_state(former, material, settled, device, ranks)
        if ranks.is_first:
            if former is None:
                begin(settled)
            note_pictures(settled, files)
            if teacher:
                note_teacher(settled.run, teacher.fingerprint)
            say_what_begins(state, whole, material.crops, device, settled)
        return state

    try:
        settled = settled_compilation(settings, step, device, ranks)
        last = min(whole, settings.steps or whole)
        state = _train_until(last, partial(begun, settled), material, settled)
    except OSError as error:
        raise UsageError(
            f"{settings.run} could not be written to ({error.strerror}); the last checkpoint there "
            "is whole: make room, then run the same command again"
        ) from None
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        error.__traceback__ = None  # whose frames hold the state: room for trying what fits
        raise too_large(settings, step, device, ranks.count) from None
    check_success(state, settings)
    if ranks.is_first:
        say_how_it_ended(state.step, whole, settings)
    return state


def _first_state(
    former: Checkpoint | None,
    material: Material,
    settings: TrainSettings,
    device: torch.device,
    ranks: Ranks,
) -> TrainState:
    if former:
        return TrainState.restore(former, settings, device, ranks)
    return TrainState.start(settings, device, ranks, material.lender)


def _train_until(
    last: int, begun: Callable[[], TrainState], material: Material, settings: TrainSettings
) -> TrainState:
    """Take steps until `last`, and go back where a failure asks for it.

    Nobody else holds the state, so that going back leaves one alone on the device.
    """
    state = begun()
    device = next(state.networks.parameters()).device
    with Interruption() as interruption:
        _take_steps(last, state, material, settings, interruption)
        while settings.on_failure == "rollback" and state.ranks.any(is_given_up(state, settings)):
            failed = Failed.of(state)
            del state
            state, finding = roll_back(failed, settings, device, material.lender)
            if state.ranks.is_first:
                logger.warning(finding.sentence)
                with Report(settings.run, state.step) as report:
                    report.finding(finding)
            _take_steps(last, state, material, settings, interruption)
    return state


def _take_steps(
    last: int,
    state: TrainState,
    material: Material,
    settings: TrainSettings,
    interruption: Interruption,
) -> None:
    device, ranks, crops = next(state.networks.parameters()).device, state.ranks, material.crops

    def may_go_on() -> bool:
        return not ranks.any(interruption.requested or is_given_up(state, settings))

    doctor = Doctor(settings, crops, device)
    upkeep = Upkeep(state, last, doctor, material, settings) if ranks.is_first else None
    with upkeep or nullcontext() as keep:
        while state.step < last and may_go_on():
            rate = settings.schedule.rate(state.step, crops.steps_per_epoch) * state.rate_share
            state.set_learning_rate(rate, rate * settings.optimizers.discriminators_rate)
            real_a, real_b = (to_signed(sent(x, device)) for x in crops[state.step])
            seed_step(settings.seed, state.step, ranks.rank)
            losses = _step(material.teacher, settings, state, real_a, real_b)
            state.average.update(state.networks, state.step - 1)
            if keep:
                keep.watch(state, losses)
            if state.step == last or state.step % settings.checkpoint_every == 0:
                save(state, settings)
            if keep:
                keep.show(state, rate)

        # Here and not in the loop: a signal may come at any place of it.
        if ranks.any(interruption.requested):
            save(state, settings)


def _step(
    teacher: Teacher | None,
    settings: TrainSettings,
    state: TrainState,
    real_a: Images,
    real_b: Images,
) -> StepLosses | DistillLosses:
    if teacher and isinstance(settings, DistillSettings):
        return distill_step(state, teacher, real_a, real_b, settings.imitation)
    return train_step(state, real_a, real_b, settings.weights)


def _check_ranks(ranks: Ranks, settings: TrainSettings) -> None:
    """Refuse a number of ranks that cannot share the batch."""
    parts = ranks.count * settings.accumulate
    if settings.batch % parts:
        raise UsageError(
            f"--batch {settings.batch} cannot be shared by {ranks.count} ranks in "
            f"{settings.accumulate} parts each; give --batch {parts} or a multiple of it"
        )
    if settings.judging.pull and settings.batch < 2 * parts:
        raise UsageError(
            f"--judging.pull compares the images of a part, and of --batch {settings.batch} each "
            f"has one; give --batch {2 * parts} or more"
        )
