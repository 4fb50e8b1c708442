"""What takes minutes: the real service under load, for `make test-long`.

Judged by what it does, not by how fast: the speeds of `benchmarks.service_load` are for a machine
that does nothing else.
"""

import sys
from pathlib import Path

import pytest
from test_service_hostile import EXPECTED, WRONG_LABELS

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ is not installed

from benchmarks import load_hostile, load_neighbours, load_stop
from benchmarks.engines import export_untrained
from benchmarks.load_overload import overload
from benchmarks.load_service import serving
from benchmarks.load_soak import soak
from benchmarks.load_speed import Subject, alone, start
from benchmarks.load_swap import swap

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    export_untrained("tiny", models)
    return Subject("tiny", models, ())


def test_ten_times_too_much_for_a_minute_is_answered_or_refused(subject):
    ends, latency, _, memory = overload(subject, minutes=1.0)

    assert ends.met, ends
    assert set(ends.facts["statuses"]) == {200, 429}
    assert latency.met, latency
    assert memory.met, memory


def test_memory_does_not_grow_over_thousands_of_sizes(subject):
    [finding] = soak(subject, requests=4000)

    assert finding.met, finding


@pytest.mark.skipif(not load_hostile.PICTURES.is_dir(), reason=f"no {load_hostile.PICTURES}")
@pytest.mark.parametrize("isolation", ["threads", "process"])
def test_hostile_pictures_in_parallel_are_answered_as_their_labels_say(subject, isolation):
    pictures = load_hostile.hostile_pictures()
    with serving(subject.models, ["--isolation", isolation]) as service:
        statuses = load_hostile.send_all(service, pictures, load_hostile.CLIENTS)
        assert service.alive

    wrong = {
        picture.path: status
        for picture, status in zip(pictures, statuses, strict=True)
        if status not in WRONG_LABELS.get(picture.path, EXPECTED[picture.label])
    }
    assert wrong == {}


@pytest.mark.parametrize("isolation", ["threads", "process"])
def test_what_was_accepted_is_answered_after_sigterm(subject, isolation):
    # Long enough for a machine that does other things, too; as long as clients wait.
    flags = ("--isolation", isolation, "--deadline-seconds", "60", "--grace-seconds", "60")

    [finding] = load_stop.stop(subject._replace(flags=flags), side=512)

    assert finding.met, finding
    assert set(finding.facts["late"]) <= {0, 503}


def test_a_killed_decoder_costs_no_answer(subject):
    [finding] = load_stop.kill(subject)

    assert finding.met, finding


def test_a_model_is_swapped_under_load_without_a_wrong_answer(subject):
    [finding] = swap(subject)

    assert finding.met, finding


@pytest.mark.parametrize("misbehave", [load_neighbours.slow_senders, load_neighbours.leavers])
def test_clients_that_misbehave_cost_the_others_no_answer(subject, misbehave):
    [finding] = misbehave(subject, seconds=30.0)

    assert set(finding.facts["statuses"]) == {200}, finding


def test_four_models_get_ready(subject):
    [finding] = start(subject, rounds=1)

    assert finding.facts["seconds"][0] < 60


def test_a_client_alone_is_answered(subject):
    [finding] = alone(subject, rounds=2)

    assert finding.facts["statuses"] == {200: 20}
