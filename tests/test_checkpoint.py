import errno
import io
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

from cyclegan.checkpoint import Checkpoint, load_tensors
from cyclegan.contract import TrainingFacts
from cyclegan.errors import CheckpointError
from cyclegan.generator import GeneratorConfig
from cyclegan.networks import Networks, NetworksConfig, initialise
from training.state import TrainState


@pytest.fixture
def checkpoint(tiny_networks):
    networks = Networks(tiny_networks)
    initialise(networks, seed=1)
    facts = TrainingFacts(origin="made in a test", steps=7)
    return Checkpoint(
        tiny_networks, networks.state_dict(), ("photo", "painting"), facts, {"step": 7}
    )


def test_what_is_saved_is_loaded(checkpoint, tmp_path):
    checkpoint.save(tmp_path / "latest.pt")

    loaded = Checkpoint.load(tmp_path / "latest.pt")

    assert loaded.config == checkpoint.config
    assert loaded.domains == ("photo", "painting")
    assert loaded.facts == checkpoint.facts
    assert loaded.resume == {"step": 7}
    torch.testing.assert_close(loaded.weights, checkpoint.weights, rtol=0, atol=0)


def test_networks_are_built_without_being_told_their_shape(checkpoint, tmp_path):
    checkpoint.save(tmp_path / "latest.pt")

    networks = Checkpoint.load(tmp_path / "latest.pt").networks()

    assert networks.config == checkpoint.config
    torch.testing.assert_close(networks.state_dict(), checkpoint.weights, rtol=0, atol=0)


def test_a_full_disk_leaves_the_former_checkpoint_whole(checkpoint, tmp_path, monkeypatch):
    path = tmp_path / "latest.pt"
    checkpoint.save(path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", no_space)

    with pytest.raises(CheckpointError, match=r"No space left on device.*former.*whole"):
        checkpoint.save(path)

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def no_space(_descriptor):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_is_really_full_is_said_in_one_line(checkpoint):
    # Linux gives a device that is always full; its folder is written to through a symbolic link.
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with pytest.raises(CheckpointError, match="could not be written"):
        checkpoint.save(Path("/dev/full/latest.pt"))


def test_a_folder_that_may_not_be_written_to_is_said_so(checkpoint, tmp_path):
    with pytest.raises(CheckpointError, match=r"latest\.pt could not be written \(No such file"):
        checkpoint.save(tmp_path / "nowhere" / "latest.pt")


def test_a_process_killed_while_saving_leaves_the_former_checkpoint(checkpoint, tmp_path):
    path = tmp_path / "latest.pt"
    checkpoint.save(path)
    before = path.read_bytes()
    # Dies for good when the new content is written and its name is not.
    code = f"""
        import os, pathlib, signal
        os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        from cyclegan.atomic_file import write_atomically
        write_atomically(pathlib.Path({str(path)!r}), b"half a checkpoint")
    """

    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)

    assert done.returncode == -9
    assert path.read_bytes() == before


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, proof):
        self.proof = proof

    def __reduce__(self):
        return os.mkdir, (str(self.proof),)


def pickled_with_torch(contents):
    buffer = io.BytesIO()
    torch.save(contents, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("write", [pickle.dumps, pickled_with_torch])
def test_a_file_that_would_execute_code_is_refused_and_executes_nothing(tmp_path, write):
    proof, path = tmp_path / "executed", tmp_path / "latest.pt"
    path.write_bytes(write({"format": 1, "weights": Trap(proof)}))

    with pytest.raises(CheckpointError, match=r"latest\.pt was refused.*execute"):
        Checkpoint.load(path)

    assert not proof.exists()


@pytest.mark.parametrize("length", [0, 1, 100, 5000])
def test_a_file_cut_short_is_called_damaged(checkpoint, tmp_path, length):
    path = tmp_path / "latest.pt"
    checkpoint.save(path)
    path.write_bytes(path.read_bytes()[:length])

    with pytest.raises(CheckpointError, match="damaged"):
        Checkpoint.load(path)


def test_what_is_no_file_of_torch_is_called_so(tmp_path):
    (tmp_path / "latest.pt").write_text("a letter to a friend")

    with pytest.raises(CheckpointError, match="damaged"):
        Checkpoint.load(tmp_path / "latest.pt")


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        Checkpoint.load(tmp_path / "latest.pt")
    with pytest.raises(CheckpointError, match="is a folder"):
        load_tensors(tmp_path)


def test_a_checkpoint_of_another_version_is_refused(tmp_path):
    torch.save({"format": 99}, tmp_path / "latest.pt")

    with pytest.raises(CheckpointError, match="format 99; expected 1"):
        Checkpoint.load(tmp_path / "latest.pt")


def test_a_checkpoint_that_lacks_parts_is_refused(tmp_path):
    torch.save({"format": 1, "config": {}}, tmp_path / "latest.pt")

    with pytest.raises(CheckpointError, match="lacks parts"):
        Checkpoint.load(tmp_path / "latest.pt")


def test_weights_of_another_architecture_are_refused(checkpoint, tmp_path):
    other = NetworksConfig(generator=GeneratorConfig(width=8, blocks=1))
    mixed = Checkpoint(other, checkpoint.weights, ("a", "b"), checkpoint.facts, {})

    mixed.save(tmp_path / "latest.pt")

    with pytest.raises(CheckpointError, match=r"latest\.pt has weights that do not fit the arch"):
        Checkpoint.load(tmp_path / "latest.pt").networks()


def test_a_run_that_cannot_go_on_names_its_checkpoint(checkpoint, tiny_settings, tmp_path):
    checkpoint.save(tmp_path / "healthy.pt")  # without the state of any optimizer
    loaded = Checkpoint.load(tmp_path / "healthy.pt")

    with pytest.raises(CheckpointError, match=r"healthy\.pt lacks the state of its optimizers"):
        TrainState.restore(loaded, tiny_settings, torch.device("cpu"))


def test_a_list_is_no_checkpoint(tmp_path):
    torch.save([1, 2], tmp_path / "latest.pt")

    with pytest.raises(CheckpointError, match="holds a list; expected a dictionary"):
        Checkpoint.load(tmp_path / "latest.pt")
