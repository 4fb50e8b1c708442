"""Tests check the shapes and types of our packages' calls."""

import pytest
import torch
from conftest import types_unchecked
from jaxtyping import TypeCheckError

from cyclegan.pixels import to_signed

FLOATS = torch.zeros(1, 3, 8, 8)  # where bytes belong


def test_a_call_with_another_type_fails():
    with pytest.raises(TypeCheckError, match="to_signed"):
        to_signed(FLOATS)


def test_it_does_not_where_types_are_unchecked_and_does_again_behind():
    with types_unchecked():
        to_signed(FLOATS)

    with pytest.raises(TypeCheckError, match="to_signed"):
        to_signed(FLOATS)
