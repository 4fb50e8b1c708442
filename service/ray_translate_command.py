"""`cyclegan translate --ray`: translate pictures by the million, on several machines."""

import json
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import NamedTuple

from service.ray_cluster import cluster  # isort: skip - sets what Ray reads when it is imported

import ray
from ray.data import ActorPoolStrategy
from rich.console import Console

from cyclegan.command_line import parse
from cyclegan.errors import UsageError
from service.bulk_plan import BulkJob, missing, plan_bulk
from service.bulk_settings import BulkSettings
from service.bulk_worker import BulkWorker
from service.storage import Place, place_of, write_file

_FAILURES = "failures.jsonl"
_BLOCK = 32  # pictures that are done again when their worker dies


class _Failure(NamedTuple):
    source: str
    problem: str


def run(arguments: Sequence[str]) -> int:
    """Translate; 0 when all pictures have their results, 1 when some could not be done.

    Raises:
        CycleGANError: A flag is wrong, the model is damaged, there is nothing to translate, or no
            cluster.
    """
    words = [word for word in arguments if word != "--ray"]
    settings = parse(BulkSettings, words, "cyclegan translate --ray")
    inputs, out = [place_of(each) for each in settings.pictures], place_of(settings.out)
    jobs = plan_bulk(inputs, out, settings.picture_format)
    left = missing(jobs, out)
    settings.load(settings.threads)  # a worker would try again and again
    _note([], out)  # better now than after hours
    begin = perf_counter()
    failures = list(_translate(settings, left, inputs, out)) if left else []
    seconds = perf_counter() - begin
    _note(failures, out)
    done = len(left) - len(failures)
    Console(stderr=True, highlight=False).print(
        f"{done} translated into {settings.out} in {seconds:.1f} s "
        f"({done / seconds:.1f} images/s, the start included), "
        f"{len(jobs) - len(left)} were there before, "
        f"{len(failures)} failed" + (f": see {_FAILURES} there" if failures else ""),
        markup=False,
        soft_wrap=True,
    )
    return 1 if failures else 0


def _translate(
    settings: BulkSettings, jobs: Sequence[BulkJob], inputs: Sequence[Place], out: Place
) -> Iterator[_Failure]:
    with cluster(settings.ray_address, tell=False):
        rows = [job._asdict() for job in jobs]
        results = ray.data.from_items(
            rows, override_num_blocks=-(-len(rows) // _BLOCK)
        ).map_batches(
            BulkWorker,
            fn_constructor_args=(settings, [place.filesystem for place in inputs], out.filesystem),
            compute=ActorPoolStrategy(size=settings.processes or _room(settings)),
            batch_size=None,
            num_cpus=settings.threads,
            num_gpus=settings.gpus,
        )
        for row in results.iter_rows():
            if row["problem"]:
                yield _Failure(row["source"], row["problem"])


def _room(settings: BulkSettings) -> int:
    there = ray.cluster_resources()
    room = there.get("CPU", 0) // settings.threads
    if settings.gpus:
        room = min(room, there.get("GPU", 0) // settings.gpus)
    if room < 1:
        raise UsageError(
            f"the cluster has {there.get('CPU', 0):g} cores and {there.get('GPU', 0):g} GPUs; a "
            f"process needs {settings.threads} and {settings.gpus:g}: give other --threads, --gpus"
        )
    return int(room)


def _note(failures: Sequence[_Failure], out: Place) -> None:
    """Name the failures of this run; one of a run before is among them, or is mended."""
    lines = "".join(f"{json.dumps(failure._asdict())}\n" for failure in failures)
    path = f"{out.path}/{_FAILURES}"
    try:
        write_file(out.filesystem, path, lines.encode())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error}; give another --out") from None
