import onnx
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as triton

from cyclegan.__main__ import main
from cyclegan.checkpoint import Checkpoint
from cyclegan.contract import INPUT, OUTPUT, TrainingFacts
from cyclegan.discriminator import DiscriminatorConfig
from cyclegan.generator import GeneratorConfig
from cyclegan.networks import Networks, NetworksConfig


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    config = NetworksConfig(
        generator=GeneratorConfig(width=4, blocks=1),
        discriminator=DiscriminatorConfig(width=4, layers=2),
    )
    facts = TrainingFacts(origin="made in a test")
    file = tmp_path_factory.mktemp("run") / "latest.pt"
    weights = Networks(config).state_dict()
    Checkpoint(config, weights, ("photo", "painting"), facts, {}).save(file)
    return file


@pytest.fixture(scope="module")
def repository(checkpoint):
    folder = checkpoint.with_name("triton")
    assert main(["export", "--run", str(checkpoint), "--triton", str(folder)]) == 0
    return folder


def config_of(model):
    """Read by Triton's own schema, which refuses what it does not know."""
    return text_format.Parse((model / "config.pbtxt").read_text(), triton.ModelConfig())


def test_a_run_becomes_a_repository_of_both_translations(repository):
    files = sorted(str(file.relative_to(repository)) for file in repository.rglob("*.*"))

    assert files == [
        "painting2photo/1/model.onnx",
        "painting2photo/config.pbtxt",
        "photo2painting/1/model.onnx",
        "photo2painting/config.pbtxt",
    ]


def test_a_configuration_says_what_the_model_takes_and_gives(repository):
    for folder in repository.iterdir():
        config = config_of(folder)
        graph = onnx.load(folder / "1" / "model.onnx").graph

        assert config.name == folder.name
        assert (config.platform, config.max_batch_size) == ("onnxruntime_onnx", 8)
        for declared, name, value in (
            (config.input, INPUT, graph.input),
            (config.output, OUTPUT, graph.output),
        ):
            [tensor], [in_graph] = declared, value
            assert tensor.name == in_graph.name == name
            assert tensor.data_type == triton.TYPE_UINT8
            # Triton counts the first dimension, the batch, apart.
            sizes = [d.dim_value or -1 for d in in_graph.type.tensor_type.shape.dim]
            assert [-1, *tensor.dims] == sizes


def test_the_algorithms_are_not_searched_anew_for_each_size(repository):
    """Where the parameters lack it, the backend's default goes over what the accelerators say.

    Source: onnxruntime_backend, src/onnxruntime.cc.
    """
    for folder in repository.iterdir():
        config = config_of(folder)

        assert config.parameters["cudnn_conv_algo_search"].string_value == "1"
        assert not config.optimization.execution_accelerators.gpu_execution_accelerator


def test_work_that_cannot_be_done_in_time_is_refused(repository):
    for folder in repository.iterdir():
        policy = config_of(folder).dynamic_batching.default_queue_policy

        assert policy.max_queue_size == 64
        assert policy.timeout_action == triton.ModelQueuePolicy.REJECT
        assert policy.default_timeout_microseconds == 10_000_000


def test_a_model_is_warm_before_it_is_ready(repository):
    for folder in repository.iterdir():
        [warmup] = config_of(folder).model_warmup

        assert list(warmup.inputs) == [INPUT]
        assert list(warmup.inputs[INPUT].dims) == [256, 256, 3]
        assert warmup.inputs[INPUT].zero_data


def test_a_folder_that_cannot_be_written_is_told_in_one_line(
    checkpoint, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("cyclegan.export_command.to_onnx", lambda generator, card: b"a model")
    in_the_way = tmp_path / "triton"
    in_the_way.write_text("")

    assert main(["export", "--run", str(checkpoint), "--triton", str(in_the_way)]) == 2

    [line] = capsys.readouterr().err.splitlines()
    assert "could not be written" in line
