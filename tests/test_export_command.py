from importlib.metadata import version

import pytest
import torch
from fake_models import write_inverting
from test_reference import PARITY

from cyclegan.__main__ import main
from cyclegan.checkpoint import Checkpoint, load_tensors
from cyclegan.contract import TrainingFacts
from cyclegan.errors import ExportError
from cyclegan.networks import Networks, initialise
from cyclegan.reference import read_discriminator, read_generator
from service.catalogue import load_model
from service.engine import Engine


@pytest.fixture
def run(tiny_networks, tmp_path):
    networks = Networks(tiny_networks)
    initialise(networks, seed=0)
    facts = TrainingFacts(origin="made in a test", steps=5)
    (tmp_path / "run").mkdir()
    Checkpoint(tiny_networks, networks.state_dict(), ("photo", "painting"), facts, {}).save(
        tmp_path / "run" / "latest.pt"
    )
    return tmp_path / "run"


def test_a_run_becomes_two_models_that_know_their_names(run, tmp_path):
    assert main(["export", "--run", str(run), "--out", str(tmp_path / "models" / "mine")]) == 0

    models = load_model(tmp_path / "models" / "mine", Engine("cpu", 1))
    assert [model.card.translation for model in models] == ["photo2painting", "painting2photo"]
    assert models[0].card.training.steps == 5
    assert models[0].card.training.weights == "last"


def test_a_checkpoint_can_be_named_itself(run, tmp_path):
    code = main(["export", "--run", str(run / "latest.pt"), "--out", str(tmp_path / "m")])

    assert code == 0
    assert sorted(file.name for file in (tmp_path / "m").iterdir()) == ["a2b.onnx", "b2a.onnx"]


def test_of_a_model_both_directions_are_written_or_none(run, tmp_path, monkeypatch, capsys):
    made = []

    def fails_on_the_second(generator, card):
        made.append(card)
        if len(made) == 2:
            raise ExportError("the ONNX model differs")
        return b"a model"

    monkeypatch.setattr("cyclegan.export_command.to_onnx", fails_on_the_second)

    assert main(["export", "--run", str(run), "--out", str(tmp_path / "m")]) == 2

    assert not (tmp_path / "m").exists()


def test_our_weights_are_written_in_the_authors_form(run, tmp_path):
    assert main(["export", "--run", str(run), "--reference-weights", str(tmp_path / "w")]) == 0

    ours = Checkpoint.load(run / "latest.pt").networks()
    theirs = {
        name: load_tensors(tmp_path / "w" / f"latest_net_{name}.pth")
        for name in ("G_A", "G_B", "D_A", "D_B")
    }
    image = torch.rand(1, 3, 16, 16)
    assert torch.equal(read_generator(theirs["G_A"])(image), ours.gen_ab(image))
    assert torch.equal(read_generator(theirs["G_B"])(image), ours.gen_ba(image))
    assert torch.equal(read_discriminator(theirs["D_A"])(image), ours.disc_b(image))
    assert torch.equal(read_discriminator(theirs["D_B"])(image), ours.disc_a(image))


@pytest.mark.parametrize(
    ("words", "file", "translation"),
    [([], "a2b.onnx", "photo2painting"), (["--reverse"], "b2a.onnx", "painting2photo")],
)
def test_the_authors_file_becomes_a_model(tmp_path, words, file, translation):
    weights = str(PARITY / "released_G_A.pth")
    out = tmp_path / "models" / "monet"

    code = main(["import-weights", weights, "--out", str(out), "--names", "photo,painting", *words])

    assert code == 0
    assert [path.name for path in out.iterdir()] == [file]
    [model] = load_model(out, Engine("cpu", 1))
    assert model.card.translation == translation
    assert "released_G_A.pth" in model.card.training.origin


@pytest.fixture
def quick_export(monkeypatch):
    monkeypatch.setattr("cyclegan.import_command.to_onnx", lambda *_: b"a model")


def imported(out, *words):
    weights = str(PARITY / "released_G_A.pth")
    return main(["import-weights", weights, "--out", str(out), *words])


@pytest.mark.usefixtures("quick_export")
def test_a_model_is_not_made_half_another(tmp_path, capsys):
    write_inverting(tmp_path / "a2b.onnx", "painting", "photo")
    write_inverting(tmp_path / "b2a.onnx", "photo", "painting")
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}

    assert imported(tmp_path, "--names", "photo,painting") == 2

    message = "b2a.onnx translates photo2painting, to which photo2painting is not the way back"
    assert message in capsys.readouterr().err
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.usefixtures("quick_export")
def test_the_way_back_is_put_beside_its_model(tmp_path):
    write_inverting(tmp_path / "a2b.onnx", "photo", "painting")

    assert imported(tmp_path, "--names", "photo,painting", "--reverse") == 0

    assert (tmp_path / "b2a.onnx").read_bytes() == b"a model"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["export", "--run", "nowhere", "--out", "m"],
            "nowhere does not exist; expected the --run",
        ),
        (["export", "--run", "nowhere"], "give --out models/NAME, --triton DIR or --reference"),
        (["import-weights", "no.pth", "--out", "m", "--names", "a,b"], "no.pth does not exist"),
        (["import-weights", "no.pth", "--out", "m"], "--names is missing"),
        (["translat"], "no verb 'translat'; is translate meant? See cyclegan --help"),
        (["go"], "cyclegan has no verb 'go'; see cyclegan --help"),
    ],
)
def test_a_wrong_command_is_answered_in_one_line_and_leaves_nothing(
    words, message, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    assert main(words) == 2

    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_discriminator_weights_is_refused(capsys, tmp_path):
    file = str(PARITY / "initial_D_A.pth")

    assert main(["import-weights", file, "--out", str(tmp_path / "m"), "--names", "a,b"]) == 2

    assert "expected a ResNet generator" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


def test_without_a_verb_the_verbs_are_told(capsys):
    assert main([]) == 0

    out = capsys.readouterr().out
    for verb in ("train", "check-data", "export", "import-weights", "translate", "serve"):
        assert f"\n  {verb}" in out


def test_the_version_is_told(capsys):
    assert main(["--version"]) == 0

    assert capsys.readouterr().out == f"cyclegan {version('cyclegan')}\n"
