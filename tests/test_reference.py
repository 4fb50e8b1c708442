"""The authors' weights, both ways; recorded with their implementation (tests/data/README.md)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cyclegan.checkpoint import load_tensors
from cyclegan.discriminator import DiscriminatorConfig
from cyclegan.errors import WeightsError
from cyclegan.generator import Generator, GeneratorConfig
from cyclegan.networks import Networks, NetworksConfig, initialise
from cyclegan.reference import read_discriminator, read_generator, reference_weights
from training.settings import LossWeights, Schedule, TrainSettings
from training.state import TrainState
from training.step import train_step

PARITY = Path(__file__).parent / "data" / "reference-parity"
INPUTS = np.load(PARITY / "inputs.npz")
OUTPUTS = np.load(PARITY / "outputs.npz")
CPU = torch.device("cpu")


def weights(name):
    return load_tensors(PARITY / f"{name}.pth")


def real(domain, step):
    return torch.from_numpy(INPUTS[f"real_{domain}"][step])


@pytest.fixture
def state():
    """The authors' four networks as recorded, about to take their first step."""
    config = NetworksConfig(
        generator=GeneratorConfig(width=8, blocks=6), discriminator=DiscriminatorConfig(width=8)
    )
    networks = Networks(config)
    networks.gen_ab = read_generator(weights("initial_G_A"))
    networks.gen_ba = read_generator(weights("initial_G_B"))
    networks.disc_b = read_discriminator(weights("initial_D_A"))  # their D_A judges B
    networks.disc_a = read_discriminator(weights("initial_D_B"))
    settings = TrainSettings(
        run=Path("unused"), precision="fp32", history=0, schedule=Schedule(), networks=config
    )
    return TrainState.around(networks, settings, CPU)


def test_every_forward_output_is_that_of_the_authors(state):
    nets, a, b = state.networks, real("A", 0), real("B", 0)

    with torch.inference_mode():
        ours = {
            "fake_B": nets.gen_ab(a),
            "fake_A": nets.gen_ba(b),
            "score_A": nets.disc_a(a),
            "score_B": nets.disc_b(b),
        }

    for name, images in ours.items():
        np.testing.assert_allclose(images.numpy(), OUTPUTS[name], rtol=0, atol=1e-4)


def test_five_training_steps_lose_what_the_authors_lose(state):
    recorded = json.loads((PARITY / "losses.json").read_text())["steps"]

    for step, theirs in enumerate(recorded):
        ours = train_step(state, real("A", step), real("B", step), LossWeights())
        # The authors report losses with their weights: 10 for cycles, 5 for identities.
        pairs = {
            "G_A": ours.adversarial_ab,
            "G_B": ours.adversarial_ba,
            "cycle_A": 10 * ours.cycle_a,
            "cycle_B": 10 * ours.cycle_b,
            "idt_A": 5 * ours.identity_b,  # their idt_A is G_A on B
            "idt_B": 5 * ours.identity_a,
            "D_A": ours.discriminator_b,
            "D_B": ours.discriminator_a,
        }
        for name, value in pairs.items():
            assert value.item() == pytest.approx(theirs[name], rel=0.005), (step, name)


def test_after_five_steps_the_translations_are_those_of_the_authors(state):
    for step in range(5):
        train_step(state, real("A", step), real("B", step), LossWeights())

    with torch.inference_mode():
        fake_b, fake_a = state.networks.gen_ab(real("A", 0)), state.networks.gen_ba(real("B", 0))

    assert np.abs(fake_b.numpy() - OUTPUTS["trained_fake_B"]).mean() < 0.01
    assert np.abs(fake_a.numpy() - OUTPUTS["trained_fake_A"]).mean() < 0.01


def test_a_released_file_with_prefix_and_statistics_is_the_same_generator():
    released, initial = weights("released_G_A"), weights("initial_G_A")
    assert len(released) > len(initial)

    with torch.inference_mode():
        ours = read_generator(released)(real("A", 0))

    torch.testing.assert_close(ours, read_generator(initial)(real("A", 0)), rtol=0, atol=0)


@pytest.mark.parametrize(("blocks", "tensors"), [(9, 48), (6, 36)])
def test_our_weights_have_the_authors_names_and_come_back_the_same(blocks, tensors):
    networks = Networks(NetworksConfig(generator=GeneratorConfig(width=4, blocks=blocks)))
    initialise(networks, seed=0)

    theirs = reference_weights(networks)["G_A"]

    assert len(theirs) == tensors
    assert f"model.{17 + blocks}.weight" in theirs
    back = read_generator(theirs)
    for name, tensor in networks.gen_ab.state_dict().items():
        assert torch.equal(back.state_dict()[name], tensor)


@pytest.mark.parametrize("name", ["G_A", "G_B", "D_A", "D_B"])
def test_the_authors_files_come_out_as_they_went_in(state, name):
    out = reference_weights(state.networks)[name]
    went_in = weights(f"initial_{name}")

    assert list(out) == list(went_in)
    assert all(torch.equal(out[key], went_in[key]) for key in went_in)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_prefixes_of_wrappers_are_dropped(prefix):
    initial = weights("initial_G_A")

    generator = read_generator({prefix + name: tensor for name, tensor in initial.items()})

    assert torch.equal(generator.encode[0][0].weight, initial["model.1.weight"])


def with_dropout(initial):
    """Number the layers as the authors' file does where a dropout stands between them."""
    return {
        name.replace("conv_block.5.", "conv_block.6."): tensor for name, tensor in initial.items()
    }


def test_layers_numbered_around_a_dropout_are_found():
    initial = weights("initial_G_A")

    with torch.inference_mode():
        ours = read_generator(with_dropout(initial))(real("A", 0))

    np.testing.assert_allclose(ours.numpy(), OUTPUTS["fake_B"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_a_generator_with_another_norm_is_recognised(norm):
    config = GeneratorConfig(width=4, blocks=2, norm=norm)
    networks = Networks(NetworksConfig(generator=config))
    initialise(networks, seed=0)
    theirs = reference_weights(networks)["G_A"]
    assert ("model.2.running_mean" in theirs) == (norm == "batch")

    back = read_generator(theirs).eval()

    assert back.config == config
    image = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(back(image), networks.gen_ab.eval()(image))


def test_a_missing_layer_is_named():
    broken = weights("initial_G_A")
    del broken["model.13.conv_block.5.weight"]

    with pytest.raises(WeightsError, match=r"model\.13\.conv_block\.5\.weight is missing"):
        read_generator(broken)


def test_a_layer_of_another_shape_is_named():
    broken = weights("initial_G_A") | {"model.4.weight": torch.zeros(1, 2, 3, 3)}

    with pytest.raises(WeightsError, match=r"model\.4\.weight is \(1, 2, 3, 3\); expected"):
        read_generator(broken)


def test_a_layer_too_many_is_named():
    broken = weights("initial_G_A") | {"model.99.weight": torch.zeros(1)}

    with pytest.raises(WeightsError, match=r"model\.99\.weight, which has no place"):
        read_generator(broken)


def test_a_u_net_is_named_as_such():
    with pytest.raises(WeightsError, match="U-Net"):
        read_generator({"model.model.0.weight": torch.zeros(64, 3, 4, 4)})


def test_a_discriminator_is_no_generator_and_the_reverse():
    with pytest.raises(WeightsError, match="expected a ResNet generator"):
        read_generator(weights("initial_D_A"))
    with pytest.raises(WeightsError, match="PatchGAN"):
        read_discriminator(weights("initial_G_A"))


@pytest.mark.parametrize(
    "difference",
    [{"block": "separable"}, {"output": "retouch"}, {"output": "pyramid"}, {"ends": "light"}],
)
def test_a_compact_generator_cannot_be_written_in_the_authors_form(difference):
    config = GeneratorConfig(width=4, blocks=1, **difference)
    networks = Networks(NetworksConfig(generator=config))

    [(name, value)] = difference.items()
    theirs = getattr(GeneratorConfig(), name)
    with pytest.raises(WeightsError) as caught:
        reference_weights(networks)
    assert str(caught.value) == (
        f"these generators are not of the authors' kind: --networks.generator.{name} is {value}, "
        f"theirs {theirs}; those that --preset paper trains are"
    )


def test_a_generator_reads_its_width_and_blocks_from_the_file():
    assert isinstance(read_generator(weights("initial_G_A")), Generator)
    assert read_generator(weights("initial_G_A")).config == GeneratorConfig(width=8, blocks=6)
