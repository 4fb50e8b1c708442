"""Settings of `cyclegan translate --ray`."""

from pydantic import NonNegativeFloat, PositiveInt
from pydantic_settings import CliPositionalArg

from service.translation_settings import TranslationSettings


class BulkSettings(TranslationSettings):
    """Translate folders of pictures on all cores of several machines with Ray Data.

    Folders may lie in object storage: s3://bucket/folder, gs://bucket/folder. What has its result
    already is left out: the same command again does only what is missing. Of local folders, the
    model's too, each machine must have the same.
    """

    pictures: CliPositionalArg[list[str]]
    """Pictures and folders, paths or URLs."""
    out: str
    """Folder for the results, a path or a URL; they keep the names of their pictures. Failures are
    named in its file failures.jsonl."""
    processes: PositiveInt | None = None
    """Processes that translate; if not given, as many as the cluster has cores, or shares of GPUs,
    for."""
    threads: PositiveInt = 1
    """Threads of a process for its model, and the cores that Ray keeps for it."""
    gpus: NonNegativeFloat = 0.0
    """Share of a GPU that Ray keeps for a process: 0.25 puts four on one. With --provider cuda."""
    workers: PositiveInt = 2
    """Pictures that a process reads, decodes, encodes and writes at one time, while its model has
    one; more where the pictures come from far away."""
    batch_size: PositiveInt = 1
    """Pictures of the same size that the model translates at a time, at most; 8 on a GPU."""
    ray_address: str | None = None
    """Ray cluster to work on, auto for the one that runs on this machine; if not given, one begins
    and ends with the command."""
