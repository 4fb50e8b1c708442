import errno
import json
import os
import shutil
import subprocess
import sys

import pytest
from conftest import change

from cyclegan.errors import UsageError
from training.loop import train
from training.run_folder import locked_folder


def test_two_processes_do_not_train_in_one_folder(tiny_settings):
    with (
        locked_folder(tiny_settings),
        pytest.raises(UsageError, match=f"is being trained by process {os.getpid()}; wait"),
    ):
        train(tiny_settings)

    assert not (tiny_settings.run / "settings.json").exists()


def test_a_process_that_was_killed_leaves_the_folder_free(tiny_settings):
    code = """
import os, signal, sys
from training.run_folder import locked_folder
from training.settings import TrainSettings
lock = locked_folder(TrainSettings.model_validate_json(sys.argv[1]))
lock.__enter__()
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code, tiny_settings.model_dump_json()], check=False)
    assert (tiny_settings.run / ".lock").read_text()

    assert train(tiny_settings).step == 12


def test_a_folder_that_somebody_removes_is_no_error_of_its_own(tiny_settings):
    with locked_folder(tiny_settings):
        shutil.rmtree(tiny_settings.run)

    assert not tiny_settings.run.exists()


def test_a_file_system_without_locks_is_said_and_trained_on(tiny_settings, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)

    assert train(change(tiny_settings, steps=1)).step == 1

    assert "cannot be locked (No locks available); see to it that no other process" in caplog.text


def test_parts_and_recomputation_may_change_from_one_part_of_a_run_to_the_next(tiny_settings):
    whole = tiny_settings.model_copy(update={"batch": 2, "steps": 1})
    train(whole)

    changed = {"accumulate": 2, "recompute_activations": True, "precision": "auto", "steps": 2}
    assert train(whole.model_copy(update=changed)).step == 2
    assert json.loads((whole.run / "settings.json").read_text())["accumulate"] == 1
