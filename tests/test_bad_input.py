"""Whatever a user gives: one line that helps, exit code 2, and nothing left behind."""

import os
import pickle
import resource
import socket
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from conftest import draw_pictures
from fake_models import write_models

from cyclegan.__main__ import main

TINY = [
    *("--crop", "32", "--load-size", "36", "--device", "cpu", "--steps", "2"),
    *("--networks.generator.width", "4", "--networks.generator.blocks", "1"),
    *("--networks.discriminator.width", "4", "--networks.discriminator.layers", "2"),
]


@pytest.fixture(autouse=True)
def _at_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw_pictures(Path("data/a"), 2)
    draw_pictures(Path("data/b"), 2)


def train(*words):
    return main(["train", "--data", "data", "--run", "run", *TINY, *words])


def check_refusal(capsys, code, *parts):
    """Check that one line was said, and that it names all `parts`."""
    said = capsys.readouterr().err
    assert code == 2, said
    assert said.count("\n") == 1, said
    assert "Traceback" not in said
    for part in parts:
        assert part in said, said


def empty(folder):
    for file in folder.iterdir():
        file.unlink()


def test_an_empty_folder(capsys):
    empty(Path("data/a"))

    check_refusal(capsys, train(), "data/a holds no file", "expected pictures")
    assert not Path("run").exists()


def test_a_folder_without_pictures(capsys):
    empty(Path("data/b"))
    Path("data/b/letter.txt").write_text("Dear friend")

    check_refusal(capsys, train(), "data/b holds 1 file, which is no picture")
    assert not Path("run").exists()


def test_one_domain_missing(capsys):
    Path("data/b").rename("data/c")

    check_refusal(capsys, train(), "data", "expected trainA and trainB, or a and b")
    assert not Path("run").exists()


def test_no_data_at_all(capsys):
    code = main(["train", "--data", "nowhere", "--run", "run", *TINY])

    check_refusal(capsys, code, "nowhere")


@pytest.mark.parametrize("length", [0, 60, 500])
def test_a_picture_cut_short(capsys, length):
    file = Path("data/a/1.png")
    file.write_bytes(file.read_bytes()[:length])

    check_refusal(capsys, train(), "data/a/1.png")
    assert not Path("run").exists()


def test_a_picture_smaller_than_the_crop_is_enlarged():
    draw_pictures(Path("small/a"), 2, side=3)
    draw_pictures(Path("small/b"), 2, side=3)

    assert main(["train", "--data", "small", "--run", "run", *TINY]) == 0


def test_a_run_where_a_file_stands(capsys):
    Path("run").write_text("a file")

    check_refusal(capsys, train(), "run", "give another --run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_run_that_may_not_be_written_to(capsys):
    Path("closed").mkdir(mode=0o500)

    check_refusal(capsys, train("--run", "closed/run"), "Permission denied", "give another --run")


def test_a_damaged_checkpoint(capsys):
    assert train() == 0
    capsys.readouterr()
    latest = Path("run/latest.pt")
    latest.write_bytes(latest.read_bytes()[:-500])

    check_refusal(capsys, train(), "run/latest.pt", "damaged")


def test_a_checkpoint_that_would_execute_code(capsys):
    class Trap:
        def __reduce__(self):
            return os.mkdir, ("executed",)

    Path("run").mkdir()
    Path("run/latest.pt").write_bytes(pickle.dumps(Trap(), protocol=2))

    check_refusal(capsys, train(), "run/latest.pt was refused")
    check_refusal(capsys, main(["export", "--run", "run", "--out", "m"]), "refused")
    words = ["import-weights", "run/latest.pt", "--out", "m", "--names", "a,b"]
    check_refusal(capsys, main(words), "refused")
    assert not Path("executed").exists()
    assert not Path("m").exists()


def test_a_checkpoint_of_another_architecture(capsys):
    assert train() == 0
    capsys.readouterr()

    check_refusal(capsys, train("--networks.generator.width", "8"), "width was 4, now 8", "--run")


def test_a_disk_that_is_full_while_saving_leaves_the_former_checkpoint():
    assert train() == 0
    before = Path("run/latest.pt").read_bytes()

    # No file may grow beyond 20 kB in this process: as if the disk had no more room.
    code = "import sys; from cyclegan.__main__ import main; sys.exit(main(sys.argv[1:]))"
    words = ["train", "--data", "data", "--run", "run", *TINY, "--steps", "4"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2, done.stderr
    assert "latest.pt could not be written (File too large)" in done.stderr
    assert "Traceback" not in done.stderr
    assert Path("run/latest.pt").read_bytes() == before
    assert not list(Path("run").glob(".*.partial"))


def test_a_model_without_a_card(capsys):
    write_models(Path("models"))
    [first, *_] = Path("models").rglob("*.onnx")
    model = onnx.load(first)
    del model.metadata_props[:]
    onnx.save(model, first)

    check_refusal(capsys, main(["serve", "--models", "models", "--port", "0"]), "has no model card")
    words = ["translate", "--model", str(first.parent), "--to", "winter", "data/a", "--out", "o"]
    check_refusal(capsys, main(words), "has no model card")
    assert not Path("o").exists()


def test_a_port_in_use(capsys):
    write_models(Path("models"))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])

        check_refusal(
            capsys, main(["serve", "--models", "models", "--port", port]), "in use", "--port"
        )


def test_no_models_folder(capsys):
    check_refusal(
        capsys, main(["serve", "--models", "away", "--port", "0"]), "away", "cyclegan export"
    )


def test_results_where_a_file_stands(capsys):
    [first, *_] = write_models(Path("models")).rglob("*.onnx")
    Path("o").write_text("a file")
    words = ["translate", "--model", str(first.parent), "--to", "winter", "data/a", "--out", "o"]

    check_refusal(capsys, main(words), "o cannot be a folder", "give another --out")


def test_a_domain_that_the_model_does_not_know(capsys):
    [first, *_] = write_models(Path("models")).rglob("*.onnx")
    words = ["translate", "--model", str(first.parent), "--to", "mars", "data/a", "--out", "o"]

    check_refusal(capsys, main(words), "'mars'", "it offers")
    assert not Path("o").exists()
