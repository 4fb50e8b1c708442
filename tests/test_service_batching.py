from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from threading import Event

import numpy as np
import pytest
from fake_models import write_inverting, write_pooling
from hypothesis import given, settings
from hypothesis import strategies as st

from cyclegan.errors import ModelError
from service.batching import Inference
from service.engine import Engine, EngineError
from service.translator import Translator

LONG = 60_000_000  # microseconds, to wait for in no test


@pytest.fixture(scope="session")
def pooling(tmp_path_factory):
    """Pads to multiples of 4, and to 8 at least."""
    file = write_pooling(tmp_path_factory.mktemp("models") / "pooling" / "a2b.onnx")
    return Translator.load(file, Engine("cpu", 1))


@dataclass
class Watched:
    """A model that notes its batches, and has to be let go before the first."""

    loaded: object
    go: Event = field(default_factory=Event)
    begun: Event = field(default_factory=Event)
    batches: list = field(default_factory=list)

    @property
    def metadata(self):
        return self.loaded.metadata

    def run(self, pictures):
        self.begun.set()
        assert self.go.wait(20)
        self.batches.append(pictures)
        return self.loaded.run(pictures)


class Failing(Watched):
    """Fails when there is a white pixel."""

    def run(self, pictures):
        super().run(pictures)
        if (pictures == 255).all(axis=-1).any():
            raise EngineError("too white")
        return 255 - pictures


def watched(translator, kind=Watched):
    """The same model, watched, and how it is watched."""
    watch = kind(translator.loaded)
    return replace(translator, loaded=watch), watch


def picture(height, width, value=7):
    return np.full((height, width, 3), value, np.uint8)


def held(inference, pooling):
    """Keep the thread busy until the event is set."""
    translator, watch = watched(pooling)
    inference.submit(translator, picture(8, 8))
    assert watch.begun.wait(20)
    return watch.go


@settings(deadline=None)
@given(
    jobs=st.lists(
        st.tuples(
            st.integers(0, 1),  # which model
            st.integers(1, 13),
            st.integers(1, 13),
            st.integers(0, 3).map(lambda n: n == 0),  # cancelled
        ),
        max_size=20,
    ),
    limit=st.integers(1, 5),
)
def test_each_picture_is_translated_once_in_a_batch_of_its_like(pooling, jobs, limit):
    sizes = []
    models = [watched(pooling) for _ in range(2)]
    for _, watch in models:
        watch.go.set()
    # Different from one another in every byte that the model looks at.
    pictures = [picture(height, width, i) for i, (_, height, width, _) in enumerate(jobs)]
    with closing(Inference(limit, on_batch=sizes.append)) as inference:
        go = held(inference, pooling)
        futures = [
            inference.submit(models[model][0], pixels)
            for (model, *_), pixels in zip(jobs, pictures, strict=True)
        ]
        for (*_, cancelled), future in zip(jobs, futures, strict=True):
            if cancelled:
                assert future.cancel()
        go.set()

    expected = Counter()
    for (model, _, _, cancelled), pixels, future in zip(jobs, pictures, futures, strict=True):
        if not cancelled:
            np.testing.assert_array_equal(future.result(0), pooling.translate(pixels))
            expected[model, int(pixels[0, 0, 0])] += 1
    ran = [(m, batch) for m, (_, watch) in enumerate(models) for batch in watch.batches]
    assert Counter((m, int(p[0, 0, 0])) for m, batch in ran for p in batch) == expected
    assert sorted(sizes) == sorted([1, *(len(batch) for _, batch in ran)])  # with the held one
    assert max(sizes) <= limit


@settings(deadline=None)
@given(
    jobs=st.lists(st.tuples(st.sampled_from([8, 12, 16]), st.booleans()), max_size=16),
    limit=st.integers(1, 4),
)
def test_the_oldest_goes_first_and_takes_the_next_of_its_like_along(pooling, jobs, limit):
    translator, watch = watched(pooling)
    watch.go.set()
    with closing(Inference(limit)) as inference:
        go = held(inference, pooling)
        futures = [
            inference.submit(translator, picture(8, width, i)) for i, (width, _) in enumerate(jobs)
        ]
        for future, (_, cancelled) in zip(futures, jobs, strict=True):
            assert not cancelled or future.cancel()
        go.set()

    waiting = [(i, width) for i, (width, cancelled) in enumerate(jobs) if not cancelled]
    expected = []
    while waiting:
        batch = [job for job in waiting if job[1] == waiting[0][1]][:limit]
        waiting = [job for job in waiting if job not in batch]
        expected.append([i for i, _ in batch])
    assert [batch[:, 0, 0, 0].tolist() for batch in watch.batches] == expected


def test_different_sizes_that_are_padded_alike_share_a_batch(pooling):
    translator, watch = watched(pooling)
    watch.go.set()
    with closing(Inference(4)) as inference:
        go = held(inference, pooling)
        sizes = [(5, 9), (8, 12), (8, 13), (1, 10)]
        futures = [inference.submit(translator, picture(*size)) for size in sizes]
        go.set()

    assert [batch.shape[:3] for batch in watch.batches] == [(3, 8, 12), (1, 8, 16)]
    assert [future.result(0).shape[:2] for future in futures] == sizes


def test_a_full_batch_does_not_wait(pooling):
    with closing(Inference(2, LONG)) as inference:
        futures = [inference.submit(pooling, picture(8, 8, i)) for i in range(4)]

        for i, future in enumerate(futures):
            np.testing.assert_array_equal(future.result(20), picture(8, 8, i))


def test_one_that_nothing_goes_with_waits_no_longer_than_told(pooling):
    with closing(Inference(8, 100_000)) as inference:
        np.testing.assert_array_equal(
            inference.submit(pooling, picture(8, 8)).result(20), picture(8, 8)
        )


def test_a_batch_waits_for_others_to_come(pooling):
    sizes = []
    with closing(Inference(2, LONG, sizes.append)) as inference:
        first = inference.submit(pooling, picture(8, 8))
        with pytest.raises(TimeoutError):
            first.result(0.2)
        inference.submit(pooling, picture(8, 8)).result(20)

    assert sizes == [2]


def test_what_is_in_the_model_can_no_longer_be_cancelled(pooling):
    translator, watch = watched(pooling)
    with closing(Inference()) as inference:
        future = inference.submit(translator, picture(8, 8))
        assert watch.begun.wait(20)
        assert not future.cancel()
        watch.go.set()
        assert future.result(20).shape == (8, 8, 3)


def test_by_default_each_picture_is_run_alone_and_at_once(pooling):
    sizes = []
    with closing(Inference(on_batch=sizes.append)) as inference:
        go = held(inference, pooling)
        for _ in range(3):
            inference.submit(pooling, picture(8, 8))
        go.set()

    assert sizes == [1] * 4


def test_of_a_batch_that_fails_the_innocent_are_translated(pooling):
    translator, watch = watched(pooling, Failing)
    watch.go.set()
    with closing(Inference(3)) as inference:
        go = held(inference, pooling)
        futures = [inference.submit(translator, picture(8, 8, i)) for i in (1, 255, 3)]
        go.set()

    np.testing.assert_array_equal(futures[0].result(0), picture(8, 8, 254))
    np.testing.assert_array_equal(futures[2].result(0), picture(8, 8, 252))
    with pytest.raises(ModelError, match="too white"):
        futures[1].result(0)


def test_whoever_waits_hears_of_any_error(pooling):
    class Broken(Watched):
        def run(self, pictures):
            raise MemoryError("short")

    translator, _ = watched(pooling, Broken)
    with closing(Inference(2, LONG)) as inference:
        futures = [inference.submit(translator, picture(8, 8)) for _ in range(2)]

        for future in futures:
            with pytest.raises(MemoryError, match="short"):
                future.result(20)
        # And the thread goes on.
        futures = [inference.submit(pooling, picture(8, 8)) for _ in range(2)]
        assert futures[1].result(20).shape == (8, 8, 3)


def test_what_was_submitted_is_finished_before_it_is_closed(tmp_path):
    inverting = Translator.load(write_inverting(tmp_path / "m" / "a2b.onnx"), Engine("cpu", 1))
    inference = Inference(3, 1000)

    futures = [inference.submit(inverting, picture(4, 4, i)) for i in range(10)]
    inference.close()

    assert [future.result(0)[0, 0, 0] for future in futures] == [255 - i for i in range(10)]
    with pytest.raises(RuntimeError):
        inference.submit(inverting, picture(4, 4))
