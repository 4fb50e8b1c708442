import torch

from cyclegan.discriminator import DiscriminatorConfig, PatchDiscriminator


def test_a_discriminator_has_as_many_weights_as_the_authors():
    network = PatchDiscriminator(DiscriminatorConfig())

    assert sum(p.numel() for p in network.parameters()) == 2_764_737


def test_an_image_of_256_pixels_gets_30_by_30_scores():
    network = PatchDiscriminator(DiscriminatorConfig(width=2))

    assert network(torch.zeros(2, 3, 256, 256)).shape == (2, 1, 30, 30)


def test_a_score_depends_on_a_patch_of_70_by_70_pixels():
    network = PatchDiscriminator(DiscriminatorConfig(width=2, norm="none"))
    image = torch.randn(1, 3, 128, 128, requires_grad=True)

    network(image)[0, 0, 7, 7].backward()

    touched = image.grad.abs().sum(dim=(0, 1)).nonzero()
    assert (touched.amax(dim=0) - touched.amin(dim=0) + 1).tolist() == [70, 70]


def test_width_stops_growing_at_eight_times_the_first():
    network = PatchDiscriminator(DiscriminatorConfig(width=2, layers=5))

    assert network.score.in_channels == 16
