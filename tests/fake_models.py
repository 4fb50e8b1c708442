"""Tiny exported models of which every byte of the result can be worked out by hand."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from cyclegan.contract import FILE_AB, FILE_BA, INPUT, OUTPUT, ModelCard, TrainingFacts


def write_inverting(file, source="summer", target="winter", **settings):
    """Each byte becomes 255 minus itself; `settings` are those of the training."""
    nodes = [helper.make_node("Sub", ["white", INPUT], [OUTPUT])]
    card = _card(source, target, settings=settings)
    return _write(file, nodes, [_bytes("white", [255])], card)


def write_swapping(file, source="winter", target="summer"):
    """Red and blue change places."""
    nodes = [helper.make_node("Gather", [INPUT, "order"], [OUTPUT], axis=3)]
    order = numpy_helper.from_array(np.array([2, 1, 0]), "order")
    return _write(file, nodes, [order], _card(source, target))


def write_pooling(file, source="photo", target="mosaic"):
    """Each block of 4×4 pixels becomes its brightest byte; other sizes fail, and sides below 8."""
    nodes = [
        helper.make_node("Shape", [INPUT], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["height"]),
        helper.make_node("Gather", ["shape", "two"], ["width"]),
        # (n·h/4, 4, w/4, 4, 3): a Reshape that only multiples of 4 allow.
        helper.make_node("Div", ["width", "four"], ["columns"]),
        helper.make_node("Concat", ["any", "four", "columns", "four", "three"], ["split"], axis=0),
        helper.make_node("Reshape", [INPUT, "split"], ["blocks"]),
        helper.make_node("ReduceMax", ["blocks", "axes"], ["brightest"], keepdims=1),
        helper.make_node("Shape", ["blocks"], ["blocks_shape"]),
        helper.make_node("Expand", ["brightest", "blocks_shape"], ["filled"]),
        helper.make_node("Reshape", ["filled", "shape"], ["result"]),
        # How much the shorter side lacks to 8, negative: no Tile repeats less than 0 times.
        helper.make_node("Min", ["height", "width"], ["side"]),
        helper.make_node("Sub", ["side", "eight"], ["spare"]),
        helper.make_node("Clip", ["spare", "", "none"], ["lack"]),
        helper.make_node("Add", ["lack", "one"], ["once"]),
        helper.make_node("Concat", ["one", "one", "one", "once"], ["times"], axis=0),
        helper.make_node("Tile", ["result", "times"], [OUTPUT]),
    ]
    numbers = {"any": -1, "one": 1, "two": 2, "three": 3, "four": 4, "eight": 8}
    constants = [numpy_helper.from_array(np.array([v]), name) for name, v in numbers.items()]
    constants.append(numpy_helper.from_array(np.array([1, 3]), "axes"))
    constants.append(numpy_helper.from_array(np.array(0), "none"))
    return _write(file, nodes, constants, _card(source, target, size_multiple=4, min_side=8))


def write_choosy(file, size, source="summer", target="winter"):
    """Takes one picture of one height and width only, and inverts it."""
    nodes = [
        helper.make_node("Sub", ["white", INPUT], ["inverted"]),
        helper.make_node("Concat", ["inverted", "black"], ["both"], axis=3),
        helper.make_node("Gather", ["both", "channels"], [OUTPUT], axis=3),
    ]
    constants = [
        _bytes("white", [255]),
        numpy_helper.from_array(np.zeros((1, *size, 3), np.uint8), "black"),
        numpy_helper.from_array(np.array([0, 1, 2]), "channels"),
    ]
    return _write(file, nodes, constants, _card(source, target))


def write_turning(file):
    """Height and width change places, against the contract."""
    nodes = [helper.make_node("Transpose", [INPUT], [OUTPUT], perm=[0, 2, 1, 3])]
    return _write(file, nodes, [], _card("summer", "winter"))


def write_floats(file):
    """The bytes come out as floats, against the contract."""
    nodes = [helper.make_node("Cast", [INPUT], [OUTPUT], to=TensorProto.FLOAT)]
    return _write(file, nodes, [], _card("summer", "winter"), TensorProto.FLOAT)


def write_leading_elsewhere(file, location, inside="initializer"):
    """Inverts with a byte that it looks for in the file `location`."""
    model = onnx.load(write_inverting(file))
    tensor = TensorProto()
    tensor.CopyFrom(model.graph.initializer[0])
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", str(location)), ("offset", "0"), ("length", "1")):
        tensor.external_data.add(key=key, value=value)
    del model.graph.initializer[:]
    if inside == "initializer":
        model.graph.initializer.append(tensor)
    else:
        model.graph.node.insert(0, helper.make_node("Constant", [], ["white"], value=tensor))
    file.write_bytes(model.SerializeToString())
    return file


def write_models(folder):
    """A folder `models` with one model, `seasons`: summer2winter inverts, winter2summer swaps."""
    write_inverting(folder / "seasons" / FILE_AB)
    write_swapping(folder / "seasons" / FILE_BA)
    return folder


def write_without_card(file):
    write_inverting(file)
    model = onnx.load(file)
    del model.metadata_props[:]
    onnx.save(model, file)
    return file


def _card(source, target, size_multiple=1, min_side=1, settings=None):
    return ModelCard(
        source=source,
        target=target,
        size_multiple=size_multiple,
        min_side=min_side,
        parameters=1,
        architecture={"kind": "by hand"},
        training=TrainingFacts(origin="made for a test", steps=7, settings=settings or {}),
    )


def _bytes(name, values):
    return numpy_helper.from_array(np.array(values, np.uint8), name)


def _write(file: Path, nodes, constants, card, result=TensorProto.UINT8):
    shape = ["n", "h", "w", 3]
    graph = helper.make_graph(
        nodes,
        "by-hand",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info(OUTPUT, result, shape)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, card.to_metadata())
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, file)
    return file
