"""What a new run begins with."""

from pathlib import Path

import pytest
import torch

from cyclegan.checkpoint import Checkpoint
from cyclegan.errors import CheckpointError, UsageError
from cyclegan.export_command import run as export
from cyclegan.exported_weights import exported_generators
from training.beginning import first_networks
from training.loop import train
from training.train_command import read_settings as train_settings


@pytest.fixture
def former(tiny_settings):
    """A run of one step."""
    settings = tiny_settings.model_copy(update={"steps": 1})
    train(settings)
    return settings


def begun(former, start, **changes):
    """Networks of a new run that starts from something."""
    return first_networks(former.model_copy(update={"start_from": start, "seed": 7} | changes))


def same(state, other):
    return all(torch.equal(weight, other[name]) for name, weight in state.items())


@pytest.mark.parametrize("name", ["latest.pt", "."])
def test_a_run_begins_with_the_networks_of_another(former, name):
    networks = begun(former, former.run / name)

    assert same(networks.state_dict(), Checkpoint.load(former.run / "latest.pt").weights)


def test_it_begins_with_judges_of_its_own_where_others_played_for_something_else(former):
    weights = Checkpoint.load(former.run / "latest.pt").networks()

    networks = begun(former, former.run, objective="hinge")

    assert same(networks.gen_ab.state_dict(), weights.gen_ab.state_dict())
    assert not same(networks.disc_a.state_dict(), weights.disc_a.state_dict())
    assert not same(networks.disc_b.state_dict(), weights.disc_b.state_dict())


def test_it_begins_with_the_average_of_a_run_that_keeps_one(tiny_settings):
    steady = tiny_settings.stabilisers.model_copy(update={"average": 0.5})
    former = tiny_settings.model_copy(update={"steps": 2, "stabilisers": steady})
    train(former)
    averaged = Checkpoint.load(former.run / "latest.pt").networks(averaged=True)

    networks = begun(former, former.run)

    assert same(networks.gen_ba.state_dict(), averaged.gen_ba.state_dict())


def test_a_run_begins_with_the_generators_of_an_exported_model(former, tmp_path):
    export(["--run", str(former.run), "--out", str(tmp_path / "model")])

    networks = begun(former, tmp_path / "model")

    gen_ab, gen_ba, _ = exported_generators(tmp_path / "model")
    assert same(networks.gen_ab.state_dict(), gen_ab.state_dict())
    assert same(networks.gen_ba.state_dict(), gen_ba.state_dict())
    with pytest.raises(UsageError, match=REVERSED):
        begun(former, tmp_path / "model", names=("winter", "summer"))


def test_what_such_a_run_exports_says_that_it_had_a_beginning(former, tmp_path):
    again = former.model_copy(update={"start_from": former.run, "run": tmp_path / "again"})

    train(again)

    facts = Checkpoint.load(tmp_path / "again" / "latest.pt").facts
    assert facts.origin == "trained with this project, from the networks of an earlier training"
    assert facts.steps == 1


REVERSED = "give --names summer,winter, and the pictures of summer"


def test_domains_the_other_way_round_are_refused(former):
    with pytest.raises(UsageError, match=REVERSED):
        begun(former, former.run, names=("winter", "summer"))


def test_other_domains_are_another_matter(former):
    assert begun(former, former.run, names=("spring", "autumn"))


def test_a_folder_of_something_else_is_said(former, tmp_path):
    with pytest.raises(UsageError, match=r"holds neither latest\.pt nor a2b\.onnx; expected"):
        begun(former, tmp_path)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"start_from": Path("nothing")}, CheckpointError),
        ({"names": ("winter", "summer")}, UsageError),
    ],
)
def test_it_is_said_before_pictures_are_read_and_nothing_is_left(
    former, tmp_path, monkeypatch, changes, error
):
    monkeypatch.setattr("training.sources.decoded", pytest.fail)
    new = {"start_from": former.run, "run": tmp_path / "new"}

    with pytest.raises(error):
        train(former.model_copy(update=new | changes))

    assert not (tmp_path / "new").exists()


def test_a_file_that_is_not_there_is_said(former, tmp_path):
    with pytest.raises(CheckpointError, match="nothing does not exist; expected the --run of"):
        begun(former, tmp_path / "nothing")


@pytest.mark.parametrize("start", ["run", "model"])
def test_domains_are_called_as_in_what_a_run_begins_with(former, tmp_path, start):
    export(["--run", str(former.run), "--out", str(tmp_path / "model")])
    former.run.rename(tmp_path / "run")
    words = ["--data", "data", "--run", "new", "--start-from", str(tmp_path / start)]

    assert train_settings(words).names == ("summer", "winter")
    assert train_settings([*words, "--names", "hot,cold"]).names == ("hot", "cold")
    assert train_settings([*words, "--names=hot,cold"]).names == ("hot", "cold")


def test_a_run_goes_on_under_its_own_names_when_what_it_began_with_is_gone(former, tmp_path):
    again = former.model_copy(update={"start_from": former.run, "run": tmp_path / "again"})
    train(again)
    words = ["--data", "data", "--run", str(again.run), "--start-from", str(tmp_path / "gone")]

    assert train_settings(words).names == ("summer", "winter")


def test_domains_have_no_names_of_what_cannot_be_read(tmp_path):
    words = ["--data", "data", "--run", "new", "--start-from", str(tmp_path / "nothing")]

    assert train_settings(words).names == ("a", "b")
