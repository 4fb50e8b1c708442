import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
import torch
from conftest import change, draw_pictures
from PIL import Image

from cyclegan.checkpoint import Checkpoint
from cyclegan.errors import CheckpointError, DataError, UsageError
from cyclegan.export_command import run as export
from cyclegan.exported_weights import card_of
from training.beginning import first_networks
from training.folders import find_folders
from training.loop import train
from training.progress import TrainingBar
from training.samples import Samples
from training.saves import keep
from training.sources import samples_of
from training.state import TrainState
from training.validation_settings import ValidationSettings


def weights_of(run):
    return Checkpoint.load(run / "latest.pt").weights


def everything_in(run):
    checkpoint = Checkpoint.load(run / "latest.pt")
    return checkpoint.weights, checkpoint.resume


def lines_of(run):
    return (run / "log.jsonl").read_text().splitlines()


def assert_same(one, other):
    torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("stop", [1, 4, 7, 11])
def test_a_continued_run_ends_exactly_where_an_uninterrupted_one_does(tiny_settings, stop):
    whole = change(tiny_settings, run=tiny_settings.run.with_name("whole"))
    train(whole)

    train(change(tiny_settings, steps=stop))
    train(tiny_settings)

    assert_same(everything_in(tiny_settings.run), everything_in(whole.run))
    assert Checkpoint.load(tiny_settings.run / "latest.pt").resume["step"] == 12


def test_a_run_killed_while_it_saves_continues_to_the_same_end(tiny_settings):
    whole = change(tiny_settings, run=tiny_settings.run.with_name("whole"))
    train(whole)
    # Dies for good in the middle of its second checkpoint, at step 8.
    code = """
        import os, signal, sys
        import cyclegan.atomic_file, cyclegan.checkpoint
        from training.loop import train
        from training.settings import TrainSettings
        saved, write = [], cyclegan.checkpoint.write_atomically
        def killed(path, content):
            saved.append(path)
            if len(saved) == 2:
                os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
                content = content[: len(content) // 2]
            write(path, content)
        cyclegan.checkpoint.write_atomically = killed
        import torch; torch.set_num_threads(1)
        train(TrainSettings.model_validate_json(sys.argv[1]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), tiny_settings.model_dump_json()],
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert Checkpoint.load(tiny_settings.run / "latest.pt").resume["step"] == 4

    train(tiny_settings)

    assert_same(everything_in(tiny_settings.run), everything_in(whole.run))
    steps = [json.loads(line)["step"] for line in lines_of(tiny_settings.run)]
    assert steps == [3, 6, 9, 12]
    assert not list(tiny_settings.run.glob(".*.partial"))


def test_a_signal_ends_the_run_between_two_steps_and_saves(tiny_settings):
    long = change(
        tiny_settings, schedule=tiny_settings.schedule.model_copy(update={"decay_epochs": 9999})
    )

    def interrupt():
        while not (long.run / "latest.pt").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    state = train(long)

    assert 4 <= state.step < 29_000
    assert Checkpoint.load(long.run / "latest.pt").resume["step"] == state.step


def test_a_signal_while_samples_are_drawn_loses_no_step(tiny_settings, monkeypatch):
    grid = Samples.grid

    def interrupted(samples, networks):
        os.kill(os.getpid(), signal.SIGTERM)
        return grid(samples, networks)

    monkeypatch.setattr(Samples, "grid", interrupted)

    state = train(change(tiny_settings, sample_every=3, checkpoint_every=100))

    assert state.step == 3
    assert Checkpoint.load(tiny_settings.run / "latest.pt").resume["step"] == 3


def test_samples_change_nothing_of_a_run_even_with_batch_norm(tiny_settings):
    generator = tiny_settings.networks.generator.model_copy(update={"norm": "batch"})
    networks = tiny_settings.networks.model_copy(update={"generator": generator})
    often = change(tiny_settings, networks=networks, sample_every=1)
    rarely = change(often, run=tiny_settings.run.with_name("rarely"), sample_every=100)

    train(often)
    train(rarely)

    assert_same(weights_of(often.run), weights_of(rarely.run))


def test_states_are_kept_by_steps_to_export_and_to_start_from(tiny_settings, tmp_path):
    settings = change(tiny_settings, keep_every=5)

    state = train(settings)

    names = [file.name for file in sorted(settings.run.glob("step-*"))]
    assert names == ["step-0000005.pt", "step-0000010.pt"]
    fifth = settings.run / names[0]
    assert fifth.stat().st_size < 0.7 * (settings.run / "latest.pt").stat().st_size
    export(["--run", str(fifth), "--out", str(tmp_path / "model")])
    card = card_of(tmp_path / "model" / "a2b.onnx")
    assert card.training.steps == 5
    begun = first_networks(change(settings, start_from=fifth))
    assert not same_weights(begun, state.networks)
    again = train(change(settings, run=tmp_path / "again", steps=5))
    assert same_weights(begun, again.networks)


def same_weights(one, other):
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.equal(mine, theirs) for mine, theirs in pairs)


def test_weights_that_are_no_numbers_are_not_kept(tiny_settings):
    settings = change(tiny_settings, keep_every=5)
    state = TrainState.start(settings, torch.device("cpu"))
    next(state.networks.parameters()).data.fill_(float("nan"))

    keep(state, settings)

    assert not list(settings.run.glob("step-*"))


def test_a_finished_run_says_so_and_how_to_train_on(tiny_settings, caplog):
    caplog.set_level("INFO", "training")

    train(change(tiny_settings, steps=11))
    assert "finished, all" not in caplog.text

    train(tiny_settings)
    told = f"finished, all 12 steps; another --run with --start-from {tiny_settings.run} trains on"
    assert told in caplog.text


def test_a_finished_run_stays_as_it_is(tiny_settings):
    train(tiny_settings)
    before = everything_in(tiny_settings.run)

    assert train(tiny_settings).step == 12

    assert_same(everything_in(tiny_settings.run), before)


def test_one_seed_gives_one_result_and_another_another(tiny_settings):
    runs = [tiny_settings.run.with_name(name) for name in ("one", "same", "other")]
    for run, seed in zip(runs, (0, 0, 1), strict=True):
        train(change(tiny_settings, run=run, seed=seed))

    first, same, other = (weights_of(run) for run in runs)
    assert_same(first, same)
    assert not torch.equal(first["gen_ab.decode.2.weight"], other["gen_ab.decode.2.weight"])


def test_a_run_leaves_settings_losses_samples_and_curves(tiny_settings):
    train(tiny_settings)
    run = tiny_settings.run

    assert json.loads((run / "settings.json").read_text())["crop"] == 16
    lines = [json.loads(line) for line in lines_of(run)]
    assert [line["step"] for line in lines] == [3, 6, 9, 12]
    assert lines[-1]["cycle_a"] > 0
    assert lines[0]["learning_rate"] > lines[-1]["learning_rate"] > 0
    with Image.open(run / "samples" / "step_0000012.png") as grid:
        assert grid.width == 6 * (20 + 2) + 2
    assert list((run / "tensorboard").glob("events*"))


def test_what_is_read_is_said_before(tiny_settings, caplog):
    caplog.set_level("INFO")

    train(change(tiny_settings, steps=1))

    assert "reading 3 pictures of summer, 2 pictures of winter" in caplog.text


def test_bfloat16_trains_too(tiny_settings):
    state = train(change(tiny_settings, precision="bf16"))

    assert state.step == 12
    assert all(torch.isfinite(p).all() for p in state.networks.parameters())


@pytest.mark.parametrize(
    ("features", "precision", "is_said"),
    [({}, "bf16", True), ({}, "auto", False), ({"avx512_bf16": True}, "bf16", False)],
)
def test_bfloat16_on_a_processor_that_has_to_convert_is_advised_against(
    tiny_settings, monkeypatch, caplog, features, precision, is_said
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)

    train(change(tiny_settings, precision=precision, steps=1))

    assert ("has no instructions for bf16" in caplog.text) == is_said
    assert ("give --precision auto" in caplog.text) == is_said


def test_a_step_of_more_pictures_than_there_are_is_told(tiny_settings, caplog):
    train(change(tiny_settings, batch=3, steps=1))
    assert "they repeat" not in caplog.text

    train(change(tiny_settings, batch=4, steps=1, run=tiny_settings.run.with_name("larger")))
    assert "a step takes 4 pictures of each domain, more than there are: they repeat" in caplog.text


def test_the_checkpoint_names_the_domains_and_no_path(tiny_settings):
    train(tiny_settings)

    checkpoint = Checkpoint.load(tiny_settings.run / "latest.pt")

    assert checkpoint.domains == ("summer", "winter")
    assert checkpoint.facts.steps == checkpoint.facts.images == 12
    assert str(tiny_settings.data.parent) not in checkpoint.facts.model_dump_json()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop": 20}, "was begun with other settings: --crop was 16, now 20; repeat"),
        ({"seed": 5}, "--seed was 0, now 5"),
        ({"names": ("x", "y")}, "--names was summer,winter, now x,y"),
        ({"validation": ValidationSettings(pictures=9)}, "--validation.pictures was 50, now 9"),
        (
            {"crop": 20, "flip": False, "seed": 5, "batch": 2, "history": 5},
            "--crop was 16, now 20, --flip was True, now False, --batch was 1, now 2, and 2 more;",
        ),
    ],
)
def test_a_run_is_not_continued_with_other_settings(tiny_settings, changes, message):
    train(change(tiny_settings, steps=2))

    with pytest.raises(UsageError, match=message):
        train(change(tiny_settings, **changes))


def test_another_architecture_in_the_folder_is_refused(tiny_settings):
    train(change(tiny_settings, steps=2))
    wider = tiny_settings.networks.model_copy(
        update={"generator": tiny_settings.networks.generator.model_copy(update={"width": 8})}
    )

    with pytest.raises(
        UsageError, match=r"settings: --networks\.generator\.width was 4, now 8; rep"
    ):
        train(change(tiny_settings, networks=wider))


def begun_before_outputs_had_a_choice(settings):
    """Take a step, and forget what an earlier version did not know."""
    train(change(settings, steps=1))
    former = Checkpoint.load(settings.run / "latest.pt")
    del former.facts.settings["networks"]["generator"]["output"]
    former.save(settings.run / "latest.pt")


def test_a_run_of_an_earlier_version_goes_on_with_what_is_its_default_now(tiny_settings):
    begun_before_outputs_had_a_choice(tiny_settings)

    assert train(change(tiny_settings, steps=2)).step == 2


def test_a_run_of_an_earlier_version_does_not_become_another(tiny_settings):
    begun_before_outputs_had_a_choice(tiny_settings)
    generator = tiny_settings.networks.generator.model_copy(update={"output": "detail"})
    other = tiny_settings.networks.model_copy(update={"generator": generator})

    with pytest.raises(UsageError, match=r"--networks\.generator\.output was image, now detail"):
        train(change(tiny_settings, networks=other))


def test_what_changes_no_result_may_change_from_one_part_of_a_run_to_the_next(tiny_settings):
    train(change(tiny_settings, steps=1))

    validation = ValidationSettings(best_by="edges")
    assert train(change(tiny_settings, cuda_graphs=False, validation=validation, steps=2)).step == 2


def test_a_run_is_not_continued_with_more_or_fewer_pictures(tiny_settings):
    train(change(tiny_settings, steps=2))
    (tiny_settings.data / "a" / "2.png").unlink()

    with pytest.raises(UsageError, match="was begun with 3 pictures of summer, now there are 2; "):
        train(tiny_settings)


def test_other_pictures_under_the_names_of_the_former_are_warned_of(tiny_settings, caplog):
    train(change(tiny_settings, steps=2))
    shutil.rmtree(tiny_settings.data / "b")
    draw_pictures(tiny_settings.data / "b", 2, side=30)

    assert train(change(tiny_settings, steps=3)).step == 3

    assert "pictures of winter have other names or sizes" in caplog.text
    assert "pictures of summer have other" not in caplog.text


def test_moved_pictures_are_the_same(tiny_settings, caplog):
    train(change(tiny_settings, steps=2))
    moved = tiny_settings.data.rename(tiny_settings.data.with_name("moved"))

    assert train(change(tiny_settings, data=moved, steps=3)).step == 3

    assert "other names or sizes" not in caplog.text


def test_a_run_of_an_earlier_version_learns_its_pictures_when_it_goes_on(tiny_settings):
    train(change(tiny_settings, steps=1))
    (tiny_settings.run / "pictures.json").unlink()
    train(change(tiny_settings, steps=2))
    draw_pictures(tiny_settings.data / "a" / "more", 1)

    with pytest.raises(UsageError, match="3 pictures of summer, now there are 4; "):
        train(tiny_settings)


def test_a_run_begun_anew_in_the_folder_of_another_may_have_other_pictures(tiny_settings):
    train(change(tiny_settings, steps=1))
    (tiny_settings.run / "latest.pt").unlink()
    draw_pictures(tiny_settings.data / "a" / "more", 1)

    train(change(tiny_settings, steps=1))

    assert train(change(tiny_settings, steps=2)).step == 2


def test_a_damaged_checkpoint_is_not_written_over(tiny_settings):
    train(change(tiny_settings, steps=2))
    latest = tiny_settings.run / "latest.pt"
    latest.write_bytes(latest.read_bytes()[:1000])

    with pytest.raises(CheckpointError, match="damaged"):
        train(tiny_settings)

    assert latest.stat().st_size == 1000


def test_a_run_folder_that_cannot_be_made_is_said_before_training(tiny_settings, tmp_path):
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(UsageError, match="give another --run"):
        train(change(tiny_settings, run=tmp_path / "file" / "run"))


def test_a_folder_without_pictures_is_said_and_nothing_is_begun(tiny_settings, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()

    with pytest.raises(DataError, match="empty"):
        train(change(tiny_settings, data=None, domain_a=empty, domain_b=tiny_settings.data / "b"))

    assert not tiny_settings.run.exists()


def test_pictures_smaller_than_the_crop_are_enlarged(tiny_settings, tmp_path):
    small = draw_pictures(tmp_path / "small", 2, side=5)

    state = train(
        change(tiny_settings, data=None, domain_a=small, domain_b=tiny_settings.data / "b", steps=2)
    )

    assert state.step == 2


def test_pictures_may_have_names_that_are_no_text(tiny_settings):
    a = tiny_settings.data / "a"
    next(a.iterdir()).rename(a / os.fsdecode(b"\xff.png"))

    train(change(tiny_settings, steps=1))

    assert (tiny_settings.run / "latest.pt").exists()


@pytest.mark.parametrize("place", ["a", "a/deep/run", "b/run"])
def test_a_run_among_its_own_pictures_is_refused(tiny_settings, place):
    settings = change(tiny_settings, run=tiny_settings.data / place)

    with pytest.raises(UsageError, match="whose pictures it is to train on"):
        train(settings)

    assert not (settings.run / "settings.json").exists()


def test_a_device_that_is_not_there_is_said(tiny_settings):
    if torch.cuda.is_available():
        pytest.skip("needs a machine without CUDA")
    with pytest.raises(UsageError, match="finds no such device here; give --device cpu"):
        train(change(tiny_settings, device="cuda"))


def test_a_full_disk_ends_the_run_and_the_former_checkpoint_goes_on(tiny_settings, monkeypatch):
    def full(_path, _content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    whole = change(tiny_settings, run=tiny_settings.run.with_name("whole"))
    train(whole)
    train(change(tiny_settings, steps=4))
    with monkeypatch.context() as patch:
        patch.setattr("cyclegan.checkpoint.write_atomically", full)
        with pytest.raises(CheckpointError, match="No space left on device"):
            train(tiny_settings)

    train(tiny_settings)

    assert_same(everything_in(tiny_settings.run), everything_in(whole.run))


def test_where_test_pictures_are_samples_show_them(tiny_settings, tmp_path):
    authors = tmp_path / "authors"
    for i, name in enumerate(("trainA", "trainB", "testA", "testB")):
        draw_pictures(authors / name, 2, seed=i)

    samples = samples_of(find_folders(authors, None, None), tiny_settings)

    with Image.open(authors / "testA" / "0.png") as picture:
        expected = torch.tensor(picture.resize((20, 20), Image.Resampling.BICUBIC).getpixel((0, 0)))
    assert torch.equal(samples._real_a[0, :, 0, 0], expected.to(torch.uint8))


def test_pictures_smaller_than_the_crop_are_told_and_trained_on(tiny_settings, caplog):
    draw_pictures(tiny_settings.data / "b" / "small", 3, seed=4, side=15)

    train(change(tiny_settings, steps=1))

    warnings = [line for line in caplog.messages if "smaller than the crop" in line]
    assert warnings == [
        "3 of 5 pictures of winter are smaller than the crop of 16 pixels: they are enlarged and "
        "look blurred; `cyclegan check-data --crop 16 --load-size 20` names them and a --crop that "
        "fits"
    ]


def test_where_there_is_no_terminal_a_sentence_tells_how_far_it_is_and_how_long_it_will_be(
    monkeypatch, capsys
):
    seconds = iter([0.0, 40.0])
    monkeypatch.setattr("training.progress.time.monotonic", lambda: next(seconds))

    with TrainingBar(step=100, steps=4100, batch=2) as bar:
        bar.advance(500)

    sentence = capsys.readouterr().err.splitlines()[0]
    assert sentence.strip() == "step 500 of 4100: 20.0 pictures/s, 0:06:00 left;"
