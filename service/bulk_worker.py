"""What each process of a bulk does: batches of names in, the names with what went wrong out."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from cyclegan.errors import CycleGANError
from service.batching import Inference
from service.bulk_plan import BulkJob
from service.bulk_settings import BulkSettings
from service.errors import ClientError
from service.formats import PictureFormat
from service.full_size import seen_by_model
from service.isolation import IsolatedReader
from service.pipeline import written
from service.storage import FileSystem, read_file, write_file

_SECONDS = 10.0
_MEGABYTES = 1024
_MICROSECONDS = 2000

Batch = dict[str, np.ndarray]
"""A column of values by its name."""


class BulkWorker:
    """Translates files with a model of its own; knows nothing of Ray.

    While the model has a picture, others are read, decoded, encoded and written. Decoding has
    processes of its own: a file that is the death of its decoder is one failure, where it would
    otherwise be the death of this worker again and again.
    """

    def __init__(
        self, settings: BulkSettings, origins: Sequence[FileSystem], out: FileSystem
    ) -> None:
        """Load the model.

        Args:
            settings: Of the bulk.
            origins: Where the sources lie; a job says by number in which.
            out: Where the results go.
        """
        self._settings = settings
        self._origins = origins
        self._out = out
        self._translator = settings.load(settings.threads)
        self._reader = IsolatedReader(settings.workers, _SECONDS, _MEGABYTES)
        self._inference = Inference(settings.batch_size, _MICROSECONDS)
        self._threads = ThreadPoolExecutor(settings.workers)

    def __call__(self, batch: Batch) -> Batch:
        """Translate the jobs of a batch.

        Args:
            batch: The fields of `BulkJob` as columns.

        Returns:
            `source`, `target`, and `problem`: in one line, empty where there is none.
        """
        columns = (batch[field].tolist() for field in BulkJob._fields)
        jobs = [BulkJob(*values) for values in zip(*columns, strict=True)]
        problems = list(self._threads.map(self._problem, jobs))
        return {
            "source": batch["source"],
            "target": batch["target"],
            "problem": np.array(problems, object),
        }

    def _problem(self, job: BulkJob) -> str:
        try:
            self._translate(job)
        except (OSError, ClientError, CycleGANError) as error:
            return str(error).partition("\n")[0] or type(error).__name__
        return ""

    def _translate(self, job: BulkJob) -> None:
        order = self._settings.order(PictureFormat(job.format))
        data = read_file(self._origins[job.origin], job.source)
        picture = self._reader.submit(data, order).result().picture
        seen = seen_by_model(picture.pixels, order.model_edge)
        translated = self._inference.submit(self._translator, seen).result()
        result = written(picture, seen, translated, order)
        write_file(self._out, job.target, result)
