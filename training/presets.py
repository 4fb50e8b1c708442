"""Flags that go together, under a name."""

from collections.abc import Sequence

from cyclegan.command_line import given

_SMALL = (
    "--networks.generator.width 32 --networks.generator.blocks 5 "
    "--networks.generator.block separable --networks.generator.upsampling resize "
)

PRESETS = {
    "paper": "",
    "compact": f"{_SMALL} --networks.generator.output detail",
    "pyramid": f"{_SMALL} --networks.generator.output pyramid",
    "light": f"{_SMALL} --networks.generator.output retouch --networks.generator.ends light",
    "tiny": (
        "--crop 64 --load-size 72 --schedule.learning-rate 5e-4 "
        "--schedule.constant-epochs 2 --schedule.decay-epochs 2 "
        "--networks.generator.width 16 --networks.generator.blocks 3 "
        "--networks.generator.upsampling resize "
        "--networks.discriminator.width 32 --networks.discriminator.layers 2 "
        "--checkpoint-every 200 --sample-every 200 --log-every 10"
    ),
}
"""What is read before the user's own flags, which therefore win."""

OBJECTIVES = {
    # Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1.
    "wgan": (
        "--judging.updates 5 --judging.clip 0.01 --schedule.learning-rate 5e-5 "
        "--optimizers.generators rmsprop --optimizers.discriminators rmsprop"
    ),
    # Gulrajani et al. 2017, arXiv:1704.00028, algorithm 1.
    "wgan_gp": (
        "--judging.updates 5 --schedule.learning-rate 1e-4 "
        "--optimizers.beta1 0 --optimizers.beta2 0.9"
    ),
    "ebgan": "--networks.discriminator.kind autoencoder",
}
"""What the paper of an objective asks for; read after the preset and before the user's flags."""


def with_preset(arguments: Sequence[str]) -> list[str]:
    """Put the flags of the `--preset` and the `--objective` among `arguments` before them.

    One that does not exist adds none; the settings then name those that do.
    """
    known = given(arguments, "--preset", "--objective")
    named = f"{PRESETS.get(known.preset, '')} {OBJECTIVES.get(known.objective, '')}"
    return [*named.split(), *arguments]
