import torch

from cyclegan.pixels import to_bytes, to_signed


def test_every_byte_survives_the_way_there_and_back():
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)

    assert torch.equal(to_bytes(to_signed(levels)), levels)


def test_black_is_minus_one_and_white_is_one():
    ends = torch.tensor([0, 255], dtype=torch.uint8).reshape(1, 1, 1, 2)

    assert to_signed(ends).flatten().tolist() == [-1.0, 1.0]


def test_values_outside_are_clipped_and_between_rounded():
    values = torch.tensor([-1.5, -1.0, 0.0, 0.0045, 1.0, 7.0]).reshape(1, 1, 1, 6)

    # 0 lies at level 127.5, which rounds to the even 128; 0.0045 is level 128.07
    assert to_bytes(values).flatten().tolist() == [0, 0, 128, 128, 255, 255]
