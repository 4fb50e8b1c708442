"""Exported models as a model repository of NVIDIA's Triton Inference Server.

Its layout and the keys of `config.pbtxt` are those of Triton's `model_config.proto`.
"""

from collections.abc import Iterable
from pathlib import Path

from cyclegan.contract import INPUT, OUTPUT, ModelCard
from cyclegan.export import write_files

_VERSION = "1"

_CONFIG = """\
# Written by `cyclegan export --triton`.
# Pictures of any height and width that are multiples of {size_multiple} and at least {min_side};
# only those of the same size share a batch.
name: "{name}"
platform: "onnxruntime_onnx"
max_batch_size: 8
input [ {{ name: "{input}" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] }} ]
output [ {{ name: "{output}" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] }} ]
instance_group [ {{ kind: KIND_AUTO count: 1 }} ]
dynamic_batching {{
  max_queue_delay_microseconds: 2000
  default_queue_policy {{
    max_queue_size: 64
    timeout_action: REJECT
    default_timeout_microseconds: 10000000
  }}
}}
# HEURISTIC. Here and not in an accelerator's block: without this key the backend would write its
# default over that, and try all algorithms anew for each new size of picture.
parameters {{ key: "cudnn_conv_algo_search" value: {{ string_value: "1" }} }}
# Not ready before one picture has been translated.
model_warmup [ {{
  name: "one picture"
  batch_size: 1
  inputs {{
    key: "{input}"
    value: {{ data_type: TYPE_UINT8 dims: [ {side}, {side}, 3 ] zero_data: true }}
  }}
}} ]
"""


def write_repository(folder: Path, models: Iterable[tuple[ModelCard, bytes]]) -> None:
    """Write `folder/TRANSLATION/config.pbtxt` and `folder/TRANSLATION/1/model.onnx` of each model.

    Raises:
        ExportError: A file cannot be written.
    """
    for card, content in models:
        model = folder / card.translation
        # The model first: a server that looks meanwhile takes no configuration without one.
        write_files(model / _VERSION, {"model.onnx": content})
        write_files(model, {"config.pbtxt": _config(card).encode()})


def _config(card: ModelCard) -> str:
    return _CONFIG.format(
        name=card.translation,
        input=INPUT,
        output=OUTPUT,
        size_multiple=card.size_multiple,
        min_side=card.min_side,
        # About 256, the side that the models are trained for.
        side=-(-256 // card.size_multiple) * card.size_multiple,
    )
