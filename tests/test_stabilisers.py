import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from cyclegan.checkpoint import LATEST, Checkpoint
from cyclegan.contract import FILE_AB, INPUT, ModelCard
from cyclegan.discriminator import DiscriminatorConfig, PatchDiscriminator
from cyclegan.errors import UsageError
from cyclegan.export_command import run as export
from cyclegan.generator import Generator, GeneratorConfig
from cyclegan.networks import Networks, NetworksConfig, initialise
from cyclegan.pixels import to_bytes, to_signed
from training import loop
from training.device import seed_step
from training.settings import LossWeights, Schedule
from training.stabilisers import Average, InstanceNoise, LabelDraw, Replay
from training.state import TrainState
from training.step import train_step
from training.train_command import read_settings

CPU = torch.device("cpu")
IMAGES = torch.zeros(4000, 3, 1, 1)
TINY = (
    "--crop 16 --load-size 20 --history 2 --device cpu --precision fp32 --log-every 3 "
    "--sample-every 100 "
    "--checkpoint-every 4 --schedule.constant-epochs 1 --schedule.decay-epochs 7 "
    "--networks.generator.width 4 --networks.generator.blocks 1 "
    "--networks.discriminator.width 4 --networks.discriminator.layers 2"
)
EACH = [
    "--stabilisers.labels one_sided",
    "--stabilisers.labels random",
    "--stabilisers.flip 0.3",
    "--stabilisers.noise 0.5 --stabilisers.noise-steps 20",
    "--stabilisers.replay-every 3 --stabilisers.replay-steps 2",
    "--stabilisers.augment color,translation,cutout",
    "--stabilisers.average 0.9",
    "--networks.generator.noise 0.1",
    "--networks.generator.activation leaky_relu",
    "--networks.generator.downsampling average",
    "--networks.discriminator.downsampling average",
    "--networks.generator.upsampling shuffle",
    "--optimizers.discriminators sgd",
    "--optimizers.discriminators-rate 0.5",
    "--schedule.policy cosine",
    "--schedule.policy constant",
]


@pytest.fixture
def folder(tmp_path, tiny_settings):
    return tmp_path  # tiny_settings has drawn pictures there


def settings_of(folder, flags="", run="run"):
    words = f"--data {folder}/data --run {folder}/{run} {TINY} {flags}"
    return read_settings(words.split())


def weights_after(folder, flags, run, steps=6):
    state = loop.train(settings_of(folder, f"{flags} --steps {steps}", run))
    averaged = state.average.state_dict() or {}
    return {**state.networks.state_dict(), **{f"mean.{n}": w for n, w in averaged.items()}}


def differ(one, other):
    return any(
        a.shape != b.shape or not torch.equal(a, b)
        for a, b in zip(one.values(), other.values(), strict=True)
    )


@pytest.mark.parametrize("flags", EACH)
def test_each_has_an_effect_and_a_run_with_it_continues_exactly(folder, flags):
    without = weights_after(folder, "", "without")
    whole = weights_after(folder, flags, "whole", steps=11)
    weights_after(folder, flags, "broken", steps=4)  # in a replay, of weights kept at step 2
    continued = weights_after(folder, flags, "broken", steps=11)

    after_six = weights_after(folder, flags, "six")
    assert after_six.keys() != without.keys() or differ(after_six, without)
    for name, weights in continued.items():
        torch.testing.assert_close(weights, whole[name], rtol=0, atol=0, msg=name)


def test_labels_are_one_and_zero_unless_told_otherwise():
    real, fake = LabelDraw("hard", 0)(IMAGES)

    assert (real == 1).all()
    assert (fake == 0).all()


def test_one_sided_labels_leave_the_fakes_alone():
    real, fake = LabelDraw("one_sided", 0)(IMAGES)

    torch.testing.assert_close(real, torch.full_like(real, 0.9))
    assert (fake == 0).all()


def test_random_labels_fill_the_ranges_of_the_literature():
    real, fake = LabelDraw("random", 0)(IMAGES)

    assert (real.min(), real.max()) == pytest.approx((0.7, 1.2), abs=0.01)
    assert (fake.min(), fake.max()) == pytest.approx((0.0, 0.3), abs=0.01)
    assert len(real.unique()) > 3000


def test_flips_come_with_their_probability_to_either_kind_on_its_own():
    real, fake = LabelDraw("hard", 0.2)(IMAGES)

    assert (real == 0).float().mean().item() == pytest.approx(0.2, abs=0.03)
    assert (fake == 1).float().mean().item() == pytest.approx(0.2, abs=0.03)
    assert ((real == 0) & (fake == 1)).float().mean().item() == pytest.approx(0.04, abs=0.02)


def test_the_generators_objective_knows_nothing_of_smoothed_or_flipped_labels(folder):
    # In the first step both runs have the same discriminators.
    plain, odd = (
        TrainState.start(settings_of(folder, flags), CPU)
        for flags in ("", "--stabilisers.labels random --stabilisers.flip 0.4")
    )
    real = torch.rand(1, 3, 16, 16)

    one, other = (train_step(state, real, real, LossWeights()) for state in (plain, odd))

    assert one.adversarial_ab == other.adversarial_ab
    assert one.discriminator_a != other.discriminator_a


def test_instance_noise_falls_linearly_to_nothing():
    noise = InstanceNoise(0.4, steps=100)

    assert [noise.std_at(step) for step in (0, 50, 100, 200)] == [0.4, 0.2, 0, 0]
    assert noise.add(IMAGES, 50).std().item() == pytest.approx(0.2, rel=0.05)
    assert noise.add(IMAGES, 100) is IMAGES


def test_noise_in_the_generator_is_there_while_training_alone():
    generator = Generator(GeneratorConfig(width=4, blocks=1, noise=0.5))
    images = torch.rand(1, 3, 16, 16)

    generator.train()
    assert not torch.equal(generator(images), generator(images))
    generator.eval()
    assert torch.equal(generator(images), generator(images))


def test_noise_needs_no_weights_so_that_a_run_can_be_exported_without_it():
    noisy, quiet = (Generator(GeneratorConfig(width=4, blocks=1, noise=n)) for n in (0.5, 0.0))

    assert noisy.state_dict().keys() == quiet.state_dict().keys()


def test_a_replay_brings_back_who_was_there_a_while_ago(tiny_networks):
    replay, networks = Replay(every=10, steps=3), Networks(tiny_networks)
    met = []
    for step in range(25):
        with torch.no_grad():
            networks.disc_a.score.bias.fill_(step)  # what the networks are at this step
        met.append(int(replay.opponents(networks, step).disc_a.score.bias))

    # Kept at steps 3 and 13, met from 10 to 12 and from 20 to 22.
    assert met == [*range(10), 3, 3, 3, *range(13, 20), 13, 13, 13, 23, 24]


def test_in_a_replay_either_side_meets_the_other_as_it_was(tiny_settings):
    state = TrainState.start(tiny_settings, CPU)
    state.networks = networks_that(multiply=0.5, judge=1.0)
    past = networks_that(multiply=4.0, judge=3.0)
    state.opponents = lambda: past
    a, b = torch.full((1, 3, 4, 4), 0.2), torch.full((1, 3, 4, 4), 0.4)

    losses = train_step(state, a, b, LossWeights())

    # The generator's 0.5·0.2 is judged by 3; the discriminator sees the past 4·0.2.
    assert losses.adversarial_ab.item() == pytest.approx((0.5 * 0.2 * 3 - 1) ** 2)
    assert losses.discriminator_b.item() == pytest.approx(0.5 * ((0.4 - 1) ** 2 + 0.8**2))


class Times(nn.Module):
    """Stands for any network: multiplies by one number."""

    def __init__(self, factor, channels):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))
        self.channels = channels

    def forward(self, images):
        return images[:, : self.channels] * self.factor


def networks_that(multiply, judge):
    networks = Networks(NetworksConfig(generator=GeneratorConfig(width=1, blocks=0)))
    networks.gen_ab, networks.gen_ba = Times(multiply, 3), Times(multiply, 3)
    networks.disc_a, networks.disc_b = Times(judge, 1), Times(judge, 1)
    return networks


def test_without_replay_the_opponents_are_the_networks_themselves(tiny_networks):
    networks = Networks(tiny_networks)

    assert all(Replay(0, 5).opponents(networks, step) is networks for step in range(20))


def test_the_average_moves_by_its_share_of_the_difference(tiny_networks):
    networks = Networks(tiny_networks)
    name = "gen_ab.decode.2.weight"
    first = networks.state_dict()[name].clone()
    average = Average(0.75, networks)

    with torch.no_grad():
        networks.gen_ab.decode[2].weight.add_(1)
    average.update(networks, step=1000)

    torch.testing.assert_close(average.state_dict()[name], first + 0.25)
    assert not any("disc" in name for name in average.state_dict())


def test_the_average_forgets_the_first_weights_at_once(tiny_networks):
    networks = Networks(tiny_networks)
    average = Average(0.999, networks)
    name = "gen_ab.decode.2.weight"
    first = networks.state_dict()[name].clone()

    with torch.no_grad():
        networks.gen_ab.decode[2].weight.add_(1)
    for step in range(100):
        average.update(networks, step)

    left = first + 1 - average.state_dict()[name]
    assert left.max() < 1e-6  # 0.9 with a decay of 0.999 from the first step on
    assert average.decay_at(0) == 0.1
    assert average.decay_at(100_000) == 0.999


def test_the_average_is_exported_and_the_card_says_so(folder):
    settings = settings_of(folder, "--stabilisers.average 0.9 --schedule.learning-rate 0.01")
    loop.train(settings)
    checkpoint = Checkpoint.load(settings.run / LATEST)
    averaged, last = checkpoint.networks(averaged=True), checkpoint.networks()
    assert differ(averaged.gen_ab.state_dict(), last.gen_ab.state_dict())

    export(["--run", str(settings.run), "--out", str(folder / "model")])

    session = onnxruntime.InferenceSession(
        str(folder / "model" / FILE_AB), providers=["CPUExecutionProvider"]
    )
    card = ModelCard.from_metadata(session.get_modelmeta().custom_metadata_map, "a2b")
    assert card.training.weights == "averaged"
    picture = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), dtype=np.uint8)
    [translated] = session.run(None, {INPUT: picture})
    images = to_signed(torch.from_numpy(picture).permute(0, 3, 1, 2))
    with torch.no_grad():
        of_average, of_last = (
            to_bytes(networks.gen_ab(images)).permute(0, 2, 3, 1).numpy().astype(int)
            for networks in (averaged, last)
        )
    assert abs(translated - of_average).max() <= 1
    assert abs(translated - of_last).max() > 1


@pytest.mark.parametrize(
    "changes",
    [{"activation": "leaky_relu"}, {"downsampling": "average"}, {"upsampling": "shuffle"}],
)
def test_every_layer_keeps_the_size_of_a_picture(changes):
    generator = Generator(GeneratorConfig(width=4, blocks=1, **changes))

    assert generator(torch.rand(1, 3, 24, 16)).shape == (1, 3, 24, 16)


def test_a_discriminator_that_averages_gives_as_many_scores():
    scores = {
        kind: PatchDiscriminator(DiscriminatorConfig(width=2, downsampling=kind))(
            torch.rand(1, 3, 64, 64)
        ).shape
        for kind in ("strided", "average")
    }

    assert scores["strided"] == scores["average"] == (1, 1, 6, 6)


def test_leaky_relu_lets_a_gradient_through_where_relu_does_not():
    strengths = {}
    for activation in ("relu", "leaky_relu"):
        config = GeneratorConfig(width=4, blocks=0, norm="none", activation=activation)
        generator = Generator(config)
        torch.nn.init.constant_(generator.encode[0][0].weight, -1.0)  # below zero everywhere
        generator(torch.ones(1, 3, 16, 16)).sum().backward()
        strengths[activation] = generator.encode[0][0].weight.grad.abs().max().item()

    assert strengths["relu"] == 0
    assert strengths["leaky_relu"] > 0


def test_a_shuffle_begins_without_a_checkerboard():
    generator = Generator(GeneratorConfig(width=4, blocks=1, upsampling="shuffle"))
    initialise(generator, seed=0)
    doubled = generator.decode[0][0](torch.rand(1, 16, 6, 6))

    torch.testing.assert_close(doubled[..., ::2, ::2], doubled[..., 1::2, 1::2])


@pytest.mark.parametrize(
    ("policy", "rates"),
    [
        ("linear", [1, 1, 1, 0.75, 0.25]),
        ("constant", [1, 1, 1, 1, 1]),
        ("cosine", [1, 0.853553, 0.5, 0.308658, 0.038060]),
    ],
)
def test_the_learning_rate_follows_its_policy_over_the_whole_run(policy, rates):
    schedule = Schedule(constant_epochs=4, decay_epochs=4, learning_rate=1.0, policy=policy)

    # By hand at steps 0, 2, 4, 5 and 7 of 8; cosine: (1 + cos(π · step / 8)) / 2.
    assert [schedule.rate(step, 1) for step in (0, 2, 4, 5, 7)] == pytest.approx(rates, rel=1e-4)


def test_the_discriminators_can_have_a_rate_of_their_own(folder):
    state = TrainState.start(settings_of(folder), CPU)

    state.set_learning_rate(0.1, of_discriminators=0.05)

    assert {group["lr"] for group in state.optim_gen.param_groups} == {0.1}
    assert {group["lr"] for group in state.optim_disc.param_groups} == {0.05}


def test_what_a_step_draws_follows_from_seed_and_step():
    def drawn(seed, step):
        seed_step(seed, step)
        return torch.rand(())

    assert drawn(1, 2) == drawn(1, 2)
    assert len({drawn(seed, step).item() for seed in range(5) for step in range(5)}) == 25


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--objective wgan --stabilisers.flip 0.1", "learn no labels to smooth or flip"),
        ("--objective hinge --stabilisers.labels random", "those of minimax, non_saturating"),
        ("--stabilisers.replay-every 5 --stabilisers.replay-steps 5", "it must be more"),
        ("--stabilisers.flip 0.5", "--stabilisers.flip is '0.5'"),
        ("--stabilisers.average 1", "--stabilisers.average is '1'"),
    ],
)
def test_a_stabiliser_that_cannot_work_is_said_in_one_line(folder, flags, message):
    with pytest.raises(UsageError, match=message) as caught:
        settings_of(folder, flags)
    assert "\n" not in str(caught.value)
