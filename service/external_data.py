"""Weights that an ONNX file looks for in other files.

Both engines would read them: a name without a folder means a file in the working directory to
them. Nothing outside of its file is a model's business, so such files are told from others before
an engine sees them. The numbers are those of onnx.proto; the wire format is that of
https://protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Iterator

# By message: the fields that lead to tensors, and the messages that these are.
LEADS_TO = {
    "Model": {7: "Graph", 20: "TrainingInfo", 25: "Function"},
    "TrainingInfo": {1: "Graph", 2: "Graph"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Function": {7: "Node", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": {
        5: "Tensor",
        6: "Graph",
        10: "Tensor",
        11: "Graph",
        22: "SparseTensor",
        23: "SparseTensor",
    },
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": dict[int, str](),
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # of a tensor
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_LARGEST_TAG = 2**32 - 1  # others would read a longer one as another


def leads_elsewhere(model: bytes) -> bool:
    """Whether any tensor of an ONNX file says that its numbers lie in another file.

    Raises:
        ValueError: The file is damaged, or no ONNX model.
    """
    messages = [("Model", memoryview(model))]
    while messages:  # not recursive: a file may nest as deeply as it likes
        kind, message = messages.pop()
        leads_to = LEADS_TO[kind]
        for field, value in _fields(message):
            if kind == "Tensor" and field in (_EXTERNAL_DATA, _DATA_LOCATION) and value:
                return True
            if field in leads_to and isinstance(value, memoryview):
                messages.append((leads_to[field], value))
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Go through the numbers of fields and their values; fixed-size values are left out."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag > _LARGEST_TAG:
            raise ValueError("a tag is too large")
        field, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield field, value
        elif wire == _LENGTH:
            length, begin = _varint(message, at)
            at = begin + length
            if at <= len(message):
                yield field, message[begin:at]
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
            at += 8 if wire == _EIGHT_BYTES else 4
        else:
            raise ValueError("a wire type is unknown")
    if at > len(message):
        raise ValueError("a message is cut short")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("a number is cut short")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number is too long")
