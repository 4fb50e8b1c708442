"""What `torchrun` starts in the tests: trainings whose settings stand in a file, one a line.

`python -m torch.distributed.run ... tests/train_in_ranks.py FILE`
"""

import sys
from pathlib import Path

import torch

from training.loop import train
from training.settings import TrainSettings

if __name__ == "__main__":
    torch.set_num_threads(1)
    for line in Path(sys.argv[1]).read_text().splitlines():
        train(TrainSettings.model_validate_json(line))
