"""What is written of a run while it runs: losses, findings and sample pictures.

Losses stand in log.jsonl, findings in findings.jsonl, scores in validation.jsonl, and all of it in
TensorBoard.
"""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from cyclegan.atomic_file import write_atomically
from training.distillation import DistillLosses
from training.finding import Finding
from training.samples import png
from training.step import StepLosses
from training.validation import SCORES, Score


class Report:
    """The records of a run, in its folder.

    Losses are summed where they are computed; only `losses` waits for the device.
    """

    def __init__(self, run: Path, step: int) -> None:
        self._run = run
        self._log = run / "log.jsonl"
        self._findings = run / "findings.jsonl"
        self._scores = run / SCORES
        for file in (self._log, self._findings, self._scores):
            _forget_after(step, file)
        self._writer = SummaryWriter(str(run / "tensorboard"), purge_step=step + 1)
        self._names: tuple[str, ...] = ()
        self._sum: Tensor | None = None
        self._count = 0

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, *_error: object) -> None:
        self._writer.close()

    def add(self, losses: StepLosses | DistillLosses) -> None:
        """Note the losses of a step, without waiting for them."""
        self._names, values = losses._fields, torch.stack(losses)
        self._sum = values if self._sum is None else self._sum + values
        self._count += 1

    def losses(self, step: int, rate: float) -> dict[str, float]:
        """Record the means since the last call, under the step just taken, and return them."""
        if self._sum is None:
            return {}
        means = dict(zip(self._names, (self._sum / self._count).tolist(), strict=True))
        self._sum, self._count = None, 0
        with self._log.open("a") as log:
            log.write(json.dumps({"step": step, **means, "learning_rate": rate}) + "\n")
        for name, value in means.items():
            self._writer.add_scalar(f"loss/{name}", value, step)
        self._writer.add_scalar("learning_rate", rate, step)
        return means

    def sample(self, step: int, picture: UInt8[np.ndarray, "h w 3"]) -> Path:
        """Keep a grid of sample pictures under the step's number."""
        folder = self._run / "samples"
        folder.mkdir(exist_ok=True)
        file = folder / f"step_{step:07d}.png"
        write_atomically(file, png(picture))
        self._writer.add_image("samples", picture, step, dataformats="HWC")
        return file

    def score(self, step: int, score: Score) -> None:
        """Record how good the run is on held-out pictures."""
        with self._scores.open("a") as scores:
            scores.write(json.dumps({"step": step, **score._asdict()}) + "\n")
        for name, value in score._asdict().items():
            self._writer.add_scalar(f"validation/{name}", value, step)

    def finding(self, finding: Finding) -> None:
        """Record what the doctor says."""
        with self._findings.open("a") as findings:
            findings.write(json.dumps(asdict(finding)) + "\n")
        text = f"**{finding.severity}** {finding.sentence}"
        self._writer.add_text(f"doctor/{finding.kind}", text, finding.step)


def _forget_after(step: int, file: Path) -> None:
    """Drop lines of steps that a killed run took but did not save; they are taken again."""
    if not file.exists():
        return
    lines = file.read_text().splitlines(keepends=True)
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
    write_atomically(file, "".join(kept).encode())
