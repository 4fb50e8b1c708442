"""The loop: take steps, look after what has to be written, stop when it is time."""

import logging
from pathlib import Path

import torch

from cyclegan.atomic_file import write_atomically
from cyclegan.checkpoint import LATEST, Checkpoint
from cyclegan.errors import UsageError
from cyclegan.generator import Generator
from cyclegan.pixels import to_signed
from training.data import Domain, UnpairedCrops
from training.device import choose_device, precision_context, seed_step
from training.doctor import Doctor
from training.folders import DataFolders, find_folders
from training.interruption import Interruption
from training.pictures import picture_files
from training.progress import TrainingBar
from training.report import Report
from training.samples import Samples, evenly
from training.saves import HEALTHY, check_success, is_given_up, roll_back, save
from training.settings import TrainSettings
from training.state import TrainState
from training.step import train_step

logger = logging.getLogger(__name__)

SAMPLE_ROWS = 4

# A run may go on with another value of these: moved pictures, another rhythm or device.
_FREE = {
    "data", "domain_a", "domain_b", "run", "steps", "device",
    "checkpoint_every", "sample_every", "log_every", "cache_mib", "doctor", "on_failure",
}  # fmt: skip


def train(settings: TrainSettings) -> TrainState:
    """Train to the end of the schedule; called again with the same settings, continue.

    Raises:
        DataError: A folder or picture cannot be trained on.
        UsageError: The run was begun with other settings, a device is missing, or the run cannot be
            written to.
        CheckpointError: The run's checkpoint cannot be read or written.
        TrainingFailed: The run has failed, and was told not to go on or has nothing to save.
    """
    device = choose_device(settings.device)
    folders = find_folders(settings.data, settings.domain_a, settings.domain_b)
    former = _former(settings)  # before pictures are read, which may take minutes
    crops = _crops(folders, settings)
    samples = _samples(folders, settings)
    if former is None:
        _prepare(settings)
        state = TrainState.start(settings, device)
    else:
        state = TrainState.restore(former, settings, device)
    whole = settings.schedule.steps(crops.steps_per_epoch)
    last = min(whole, settings.steps or whole)
    _say_what_begins(state.step, whole, crops, device, settings)
    try:
        state = _train_until(last, state, crops, samples, settings)
    except OSError as error:
        raise UsageError(
            f"{settings.run} could not be written to ({error.strerror}); the last checkpoint there "
            "is whole: make room, then run the same command again"
        ) from None
    check_success(state, settings)
    _say_how_it_ended(state.step, whole, settings)
    return state


def _train_until(
    last: int, state: TrainState, crops: UnpairedCrops, samples: Samples, settings: TrainSettings
) -> TrainState:
    """Take steps until `last`, and go back where a failure asks for it."""
    device = next(state.networks.parameters()).device
    with Interruption() as interruption:
        _take_steps(last, state, crops, samples, settings, interruption)
        while is_given_up(state, settings) and settings.on_failure == "rollback":
            state, finding = roll_back(state, settings, device)
            logger.warning(finding.sentence)
            with Report(settings.run, state.step) as report:
                report.finding(finding)
            _take_steps(last, state, crops, samples, settings, interruption)
    return state


def _take_steps(
    last: int,
    state: TrainState,
    crops: UnpairedCrops,
    samples: Samples,
    settings: TrainSettings,
    interruption: Interruption,
) -> None:
    device = next(state.networks.parameters()).device
    doctor = Doctor(settings, crops, device)
    with (
        Report(settings.run, state.step) as report,
        TrainingBar(state.step, last, settings.pictures_per_step) as bar,
    ):
        while state.step < last and not interruption.requested and not is_given_up(state, settings):
            rate = settings.schedule.rate(state.step, crops.steps_per_epoch) * state.rate_share
            state.set_learning_rate(rate, rate * settings.optimizers.discriminators_rate)
            real_a, real_b = (to_signed(x.to(device)) for x in crops[state.step])
            seed_step(settings.seed, state.step)
            with precision_context(settings.precision, device):
                losses = train_step(state, real_a, real_b, settings.weights)
            state.average.update(state.networks)

            report.add(losses)
            bar.advance(state.step)
            for finding in doctor.watch(state, losses):
                report.finding(finding)
                bar.say(f"step {finding.step}: {finding.severity}: {finding.sentence}")
            finished = state.step == last
            if finished or state.step % settings.checkpoint_every == 0:
                save(state, settings)
            if finished or state.step % settings.log_every == 0:
                bar.show(report.losses(state.step, rate))
            if finished or state.step % settings.sample_every == 0:
                report.sample(state.step, samples.grid(state.networks))

        # Here and not in the loop: a signal may come at any place of it.
        if interruption.requested:
            save(state, settings)


def _crops(folders: DataFolders, settings: TrainSettings) -> UnpairedCrops:
    files = picture_files(folders.train_a), picture_files(folders.train_b)
    budget = settings.cache_mib * 2**20
    a = Domain(files[0], settings.load_size, budget * len(files[0]) // sum(map(len, files)))
    b = Domain(files[1], settings.load_size, budget * len(files[1]) // sum(map(len, files)))
    a.preload(f"reading {settings.names[0]}")
    b.preload(f"reading {settings.names[1]}")
    return UnpairedCrops(
        a,
        b,
        crop=settings.crop,
        flip=settings.flip,
        batch=settings.pictures_per_step,
        seed=settings.seed,
    )


def _samples(folders: DataFolders, settings: TrainSettings) -> Samples:
    """Take test pictures where there are some."""
    files_a = picture_files(folders.test_a or folders.train_a)
    files_b = picture_files(folders.test_b or folders.train_b)
    rows = min(SAMPLE_ROWS, len(files_a), len(files_b))
    # In the scale of training, of which the crops are cut.
    side = settings.load_size - settings.load_size % Generator.SIZE_MULTIPLE
    return Samples(evenly(files_a, rows), evenly(files_b, rows), side, settings.names)


def _former(settings: TrainSettings) -> Checkpoint | None:
    """Load what an earlier run left, if these settings continue it."""
    latest = settings.run / LATEST
    if not latest.exists():
        return None
    checkpoint = Checkpoint.load(latest)
    _check_same(checkpoint.facts.settings, settings)
    return checkpoint


def _prepare(settings: TrainSettings) -> None:
    try:
        settings.run.mkdir(parents=True, exist_ok=True)
        (settings.run / HEALTHY).unlink(missing_ok=True)  # of a run whose latest was deleted
        text = settings.model_dump_json(indent=2) + "\n"
        write_atomically(settings.run / "settings.json", text.encode())
    except OSError as error:
        raise UsageError(
            f"{settings.run} cannot be written to ({error.strerror}); give another --run"
        ) from None


def _check_same(former: dict[str, object], settings: TrainSettings) -> None:
    """Refuse to go on with settings that would make it another run."""
    now = settings.model_dump(mode="json")
    changed = [key for key in former if key not in _FREE and former[key] != now.get(key)]
    if changed:
        key = changed[0]
        raise UsageError(
            f"{settings.run} was begun with {key} = {former[key]}, now it is {now.get(key)}; "
            "repeat the former command to continue, or give another --run to begin anew"
        )


def _say_what_begins(
    step: int, whole: int, crops: UnpairedCrops, device: torch.device, settings: TrainSettings
) -> None:
    a, b = settings.names
    logger.info(
        "%s from step %d of %d on %s: %d pictures of %s, %d of %s",
        settings.run,
        step,
        whole,
        device,
        len(crops.a),
        a,
        len(crops.b),
        b,
    )
    logger.info("watch with: tensorboard --logdir %s, or look into %s/samples", *[settings.run] * 2)


def _say_how_it_ended(step: int, whole: int, settings: TrainSettings) -> None:
    run: Path = settings.run
    if settings.steps and settings.steps <= step < whole:
        logger.info("saved at step %d of %d; go on with a larger --steps, or without", step, whole)
    elif step < whole:
        logger.info("saved at step %d of %d; the same command goes on from there", step, whole)
    logger.info("export with: cyclegan export --run %s --out models/NAME", run)
