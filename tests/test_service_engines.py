import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from fake_models import write_inverting, write_without_card
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ is not installed

from benchmarks.load_pictures import draw
from cyclegan.contract import TrainingFacts
from cyclegan.errors import UsageError
from cyclegan.export import describe, to_onnx
from cyclegan.generator import Generator, GeneratorConfig
from cyclegan.networks import initialise
from service import engine as engines
from service.engine import Engine, EngineError
from service.external_data import LEADS_TO, leads_elsewhere

ROOT = Path(__file__).parents[1]

needs_openvino = pytest.mark.skipif(not find_spec("openvino"), reason="needs OpenVINO")


def has_bf16():
    if not find_spec("openvino"):
        return False
    from service.openvino_engine import computes_in_bf16

    return computes_in_bf16()


@pytest.fixture(params=["cpu", pytest.param("openvino", marks=needs_openvino)])
def engine(request):
    return Engine(request.param, threads=1)


def load(write, tmp_path, engine):
    return engine.load(write(tmp_path / "m" / "a2b.onnx").read_bytes())


def noise(*shape):
    return np.random.default_rng(sum(shape)).integers(0, 256, (*shape, 3), dtype=np.uint8)


def test_an_engine_gives_what_the_model_computes(tmp_path, engine):
    inverting = load(write_inverting, tmp_path, engine)

    for pictures in (noise(1, 5, 7), noise(3, 1, 1), noise(2, 5, 7)):
        np.testing.assert_array_equal(inverting.run(pictures), 255 - pictures)


def test_an_engine_reads_what_the_file_says_about_itself(tmp_path, engine):
    file = write_inverting(tmp_path / "m" / "a2b.onnx")
    written = {entry.key: entry.value for entry in onnx.load(file).metadata_props}

    assert dict(engine.load(file.read_bytes()).metadata) == written
    assert dict(engine.load(write_without_card(file).read_bytes()).metadata) == {}


def test_a_result_is_the_callers_to_keep(tmp_path, engine):
    inverting = load(write_inverting, tmp_path, engine)
    pictures = noise(1, 8, 8)

    first = inverting.run(pictures)
    inverting.run(255 - pictures)

    np.testing.assert_array_equal(first, 255 - pictures)


def test_a_result_does_not_follow_its_picture(tmp_path, engine):
    inverting = load(write_inverting, tmp_path, engine)
    pictures = noise(1, 8, 8)
    expected = 255 - pictures

    result = inverting.run(pictures)
    pictures[:] = 0

    np.testing.assert_array_equal(result, expected)


def test_threads_may_share_a_model(tmp_path, engine):
    inverting = load(write_inverting, tmp_path, engine)
    batches = [noise(1, 30 + i % 3, 40) for i in range(64)]

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(inverting.run, batches))

    for pictures, result in zip(batches, results, strict=True):
        np.testing.assert_array_equal(result, 255 - pictures)


def test_what_is_no_model_is_one_line(tmp_path, engine):
    whole = write_inverting(tmp_path / "m" / "a2b.onnx").read_bytes()

    for data in (b"", b"nonsense", whole[: len(whole) // 2], b'<?xml version="1.0"?><net/>'):
        with pytest.raises(EngineError) as caught:
            engine.load(data)
        assert str(caught.value)
        assert "\n" not in str(caught.value)


@cache
def exported(**config):
    generator = Generator(GeneratorConfig(**({"width": 4, "blocks": 1} | config)))
    initialise(generator, seed=0)
    return to_onnx(generator, describe(generator, ("a", "b"), TrainingFacts(origin="for a test")))


COMPACT = {"block": "separable", "upsampling": "resize"}
CONFIGS = [
    {},
    *(COMPACT | {"output": output} for output in ("detail", "retouch", "pyramid")),
    COMPACT | {"output": "retouch", "ends": "light"},
]


SIZES = [(1, 8, 8), (2, 64, 36), (1, 100, 132), (3, 8, 40), (1, 64, 36)]


@needs_openvino
@pytest.mark.parametrize("config", CONFIGS)
def test_openvino_gives_what_onnx_runtime_gives(config):
    model = exported(**config)
    first, second = Engine("cpu", 2).load(model), Engine("openvino", 2).load(model)

    for size in SIZES:
        expected = first.run(noise(*size)).astype(int)
        assert expected.std() > 10
        assert np.abs(second.run(noise(*size)) - expected).max() <= 1


@pytest.mark.skipif(not has_bf16(), reason="needs a CPU that computes in bf16")
@pytest.mark.parametrize("config", CONFIGS)
def test_bf16_is_a_few_levels_off(config):
    model = exported(**config)
    exact, rounded = Engine("cpu", 2).load(model), Engine("openvino", 2, "bf16").load(model)

    for size in SIZES:
        levels = np.abs(rounded.run(noise(*size)).astype(int) - exact.run(noise(*size)))
        assert 0 < levels.mean() <= 2
        assert levels.max() <= 32


@needs_openvino
@pytest.mark.parametrize("file", sorted((ROOT / "models").glob("*/*.onnx")), ids=str)
def test_a_bundled_model_gives_the_same_in_both_engines(file):
    model, picture = file.read_bytes(), np.asarray(draw(256, 256, seed=0))[None]
    expected = Engine("cpu", 2).load(model).run(picture).astype(int)

    exact = Engine("openvino", 2).load(model).run(picture)
    assert expected.std() > 10
    assert np.abs(exact - expected).max() <= 1

    if has_bf16():  # docs/service.md says how far off
        levels = np.abs(Engine("openvino", 2, "bf16").load(model).run(picture) - expected)
        assert 0 < levels.mean() <= 0.5
        assert levels.max() <= 16


@pytest.mark.parametrize("config", CONFIGS)
def test_a_real_network_translates_several_as_each_alone(engine, config):
    model = engine.load(exported(**config))
    pictures = noise(3, 40, 64)

    together = model.run(pictures).astype(int)

    for picture, result in zip(pictures, together, strict=True):
        assert np.abs(model.run(picture[None])[0] - result).max() <= 1


def test_the_settings_of_a_session_are_those_of_the_engine(tmp_path):
    session = load(write_inverting, tmp_path, Engine("cpu", 2)).session

    options = session.get_session_options()
    assert options.intra_op_num_threads == 2
    assert options.inter_op_num_threads == 1
    assert options.execution_mode == onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    assert not options.enable_mem_pattern
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


class Short:
    """A compiled model that memory is too short for."""

    def create_infer_request(self):
        raise RuntimeError(
            "Exception from src/infer_request.cpp:224:\n\nCannot allocate\nat line 1\n"
        )


@needs_openvino
def test_after_a_failure_openvino_begins_anew(tmp_path):
    # What a failed run leaves behind makes the next one fail, or worse.
    model = load(write_inverting, tmp_path, Engine("openvino", 1))
    model._compiled = Short()

    with pytest.raises(EngineError, match=r"^Cannot allocate$"):
        model.run(noise(1, 8, 8))

    np.testing.assert_array_equal(model.run(noise(1, 8, 8)), 255 - noise(1, 8, 8))


def test_onnx_runtimes_own_format_is_no_onnx_model(tmp_path, engine):
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "m.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    file = write_inverting(tmp_path / "m" / "a2b.onnx")
    onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    assert onnxruntime.InferenceSession(tmp_path / "m.ort", providers=["CPUExecutionProvider"])

    with pytest.raises(EngineError):
        engine.load((tmp_path / "m.ort").read_bytes())


@needs_openvino
def test_the_settings_of_a_compiled_model_are_those_of_the_engine(tmp_path):
    compiled = load(write_inverting, tmp_path, Engine("openvino", 2))._compiled

    assert compiled.get_property("INFERENCE_NUM_THREADS") == 2
    assert compiled.get_property("NUM_STREAMS") == 1
    assert compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"
    assert not compiled.get_property("ENABLE_CPU_PINNING")


def test_a_provider_that_is_missing_is_refused_aloud(tmp_path, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)

    with pytest.raises(
        UsageError, match=r"'cuda' cannot be used: .*built without it; choose --pro"
    ):
        load(write_inverting, tmp_path, Engine("cuda", 1))


def test_a_provider_without_its_device_is_refused_aloud(tmp_path, monkeypatch):
    # Without a device, ONNX Runtime goes on with the CPU and says so to nobody.
    class Fallen(onnxruntime.InferenceSession):
        def __init__(self, model, sess_options, providers):
            super().__init__(model, sess_options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Fallen)

    with pytest.raises(UsageError, match=r"no such device or driver was found; choose --pro"):
        load(write_inverting, tmp_path, Engine("cuda", 1))


@pytest.mark.gpu
def test_a_gpu_computes_the_same_bytes(tmp_path):
    model = load(write_inverting, tmp_path, Engine("cuda", 1))

    assert model.session.get_providers()[0] == "CUDAExecutionProvider"
    np.testing.assert_array_equal(model.run(noise(2, 9, 14)), 255 - noise(2, 9, 14))


@pytest.mark.parametrize("installed", [True, False])
def test_auto_takes_openvino_where_it_is_installed(monkeypatch, caplog, installed):
    monkeypatch.setattr(engines, "find_spec", lambda _: installed or None)
    caplog.set_level("INFO", "service")

    engine = Engine.choose("auto", 3, "fp32")

    assert engine == Engine("openvino" if installed else "cpu", 3)
    name = "OpenVINO" if installed else "ONNX Runtime"
    assert f"models run in {name} on the CPU, fp32, 3 threads" in caplog.text


def test_openvino_that_is_not_installed_is_refused_aloud(monkeypatch):
    monkeypatch.setattr(engines, "find_spec", lambda _: None)

    with pytest.raises(UsageError, match=r"'openvino' is not installed; .*choose --provider cpu"):
        Engine.choose("openvino", 1, "fp32").load(b"")


@pytest.mark.parametrize("provider", ["cpu", "cuda", "auto"])
def test_bf16_without_openvino_is_refused_aloud(monkeypatch, provider):
    monkeypatch.setattr(engines, "find_spec", lambda _: None)

    with pytest.raises(UsageError, match=r"does not compute in bf16; .*choose --precision fp32"):
        Engine.choose(provider, 1, "bf16")


@needs_openvino
def test_bf16_on_a_cpu_without_it_is_refused_aloud(tmp_path, monkeypatch):
    monkeypatch.setattr("service.openvino_engine.computes_in_bf16", lambda: False)

    with pytest.raises(UsageError, match="this CPU does not compute in bf16; choose --precision"):
        load(write_inverting, tmp_path, Engine("openvino", 1, "bf16"))


QUIET = """
import socket, sys
from pathlib import Path
from service.engine import Engine

def refuse(*arguments):
    raise AssertionError(f"a connection to {arguments}")

socket.socket.connect = socket.getaddrinfo = refuse
Engine(sys.argv[1], 1).load(Path(sys.argv[2]).read_bytes())
print(*(name for name in sys.modules if "telemetry" in name and sys.modules[name]))
print(*({"openvino", "onnxruntime"} & set(sys.modules)))
"""


def test_an_engine_is_alone_and_tells_nobody(tmp_path, engine):
    file, home = write_inverting(tmp_path / "a2b.onnx"), tmp_path / "home"
    home.mkdir()
    # Nothing of what would keep it quiet by chance, such as `CI`.
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}

    words = [sys.executable, "-c", QUIET, engine.provider, str(file)]
    done = subprocess.run(
        words, check=True, cwd=ROOT, env=environment, capture_output=True, text=True
    )

    telemetry, imported = done.stdout.split("\n")[:2]
    assert telemetry == ""
    assert imported == {"cpu": "onnxruntime", "openvino": "openvino"}[engine.provider]
    assert list(home.rglob("*")) == []


def messages_that_lead_to_tensors():
    """By onnx's own schema: the fields of each message below a model that lead to a tensor."""
    fields, todo = {}, [onnx.ModelProto.DESCRIPTOR]
    while todo:
        message = todo.pop()
        if message.name not in fields:
            fields[message.name] = [f for f in message.fields if f.message_type]
            todo += [f.message_type for f in fields[message.name]]
    leading = {"TensorProto"}
    while True:
        more = {n for n, fs in fields.items() if any(f.message_type.name in leading for f in fs)}
        if more <= leading:
            break
        leading |= more
    return {
        name.removesuffix("Proto"): {
            f.number: f.message_type.name.removesuffix("Proto")
            for f in fields[name]
            if f.message_type.name in leading
        }
        for name in leading
    }


def test_external_data_is_looked_for_wherever_onnx_has_room_for_a_tensor():
    assert messages_that_lead_to_tensors() == LEADS_TO


def a_tensor(external):
    tensor = onnx.numpy_helper.from_array(np.zeros(3, np.float32), "t")
    if external:
        onnx.external_data_helper.set_external_data(tensor, "elsewhere")
    return tensor


def paths_to_a_tensor():
    """All ways from a model to a tensor, with each message at most twice on the way."""
    ways = [("Model", ())]
    while ways:
        message, way = ways.pop()
        if message == "Tensor":
            yield way
        for number, leads_to in LEADS_TO[message].items():
            if sum(name == leads_to for _, name in way) < 2:
                ways.append((leads_to, (*way, (number, leads_to))))


@settings(deadline=None)
@given(st.sampled_from(list(paths_to_a_tensor())), st.booleans())
def test_external_data_is_found_however_deep_it_lies(way, external):
    model = message = onnx.ModelProto(ir_version=10, producer_name="x" * 300)
    for number, name in way:
        field = message.DESCRIPTOR.fields_by_number[number]
        child = getattr(message, field.name)
        message = child.add() if field.is_repeated else child
        if name == "Tensor":
            message.CopyFrom(a_tensor(external))

    assert leads_elsewhere(model.SerializeToString()) == external


def tensors_of(message):
    if isinstance(message, onnx.TensorProto):
        yield message
    for field, value in message.ListFields():
        if field.message_type:
            for child in value if field.is_repeated else [value]:
                yield from tensors_of(child)


def leads_elsewhere_by_onnx(data):
    """None if onnx cannot read it."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        return None
    tensors = list(tensors_of(model))
    return any(t.data_location == onnx.TensorProto.EXTERNAL or t.external_data for t in tensors)


def a_model_that_leads_elsewhere():
    node = onnx.helper.make_node("Constant", [], ["y"], value=a_tensor(external=True))
    graph = onnx.helper.make_graph([node], "g", [], [], [a_tensor(external=True)])
    return onnx.helper.make_model(graph).SerializeToString()


LEADING = a_model_that_leads_elsewhere()


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(LEADING) - 1), st.binary(max_size=3)), max_size=4),
)
def test_what_leads_elsewhere_for_onnx_is_never_let_through(edits):
    data = bytearray(LEADING)
    for place, change in edits:
        data[place : place + len(change)] = change
    try:
        ours = leads_elsewhere(bytes(data))
    except ValueError:
        return
    if leads_elsewhere_by_onnx(bytes(data)):
        assert ours


@settings(deadline=None)
@given(st.binary())
def test_bytes_that_are_no_model_are_told_or_lead_nowhere(data):
    with suppress(ValueError):
        assert not leads_elsewhere(data) or leads_elsewhere_by_onnx(data) in (None, True)
