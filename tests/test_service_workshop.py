import asyncio
import gc
from concurrent.futures import Executor, Future

import numpy as np
import pytest
from starlette.requests import ClientDisconnect

from cyclegan.errors import ModelError
from service.admission import Admission
from service.batching import Inference
from service.errors import DeadlineExceeded, QueueFull, ResultTooLong, UndecodableImage
from service.formats import PictureFormat
from service.images import Picture
from service.pipeline import Order, Read
from service.translator import Translator
from service.workshop import Workshop

PHASES = ["decode", "infer", "encode"]
ORDER = Order(PictureFormat.PNG, quality=90, max_pixels=10_000)
BLACK, WHITE = np.zeros((2, 3, 3), np.uint8), np.full((2, 3, 3), 255, np.uint8)
READ = Read(Picture(BLACK, alpha=None), (30, 20))
RESULTS = {"decode": READ, "infer": WHITE, "encode": b"a file"}


class Threads:
    """Stand for those of all phases: what was asked of them, and a future that the test fulfils."""

    def __init__(self):
        self.asked = {phase: [] for phase in PHASES}
        self.futures = {phase: [] for phase in PHASES}

    def ask(self, phase, *arguments):
        self.asked[phase].append(arguments)
        self.futures[phase].append(Future())
        return self.futures[phase][-1]

    def begin(self, phase):
        assert self.futures[phase][-1].set_running_or_notify_cancel()

    def end(self, phase, error=None):
        future = self.futures[phase][-1]
        if not future.running():
            self.begin(phase)
        future.set_exception(error) if error else future.set_result(RESULTS[phase])


class Models(Inference):
    def __init__(self, threads):
        self._threads = threads

    def submit(self, translator, pixels):
        return self._threads.ask("infer", translator, pixels)


class Writers(Executor):
    def __init__(self, threads):
        self._threads = threads

    def submit(self, function, /, *arguments):
        return self._threads.ask("encode", *arguments)


class Visit:
    """A picture brought to the workshop, and whether its client still waits."""

    def __init__(self, workshop, caller="a"):
        self.departure = asyncio.get_running_loop().create_future()
        translator = object.__new__(Translator)  # nobody looks at it
        self.task = asyncio.create_task(
            workshop.translate(b"data", translator, ORDER, caller, self.departure)
        )

    def leave(self):
        self.departure.set_result(None)


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


def run(scenario, queue=1, deadline=30.0):
    """Run `scenario(workshop, threads)`; nothing may be complained of when it is over."""
    complaints = []

    async def watched():
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        threads = Threads()
        workshop = Workshop(
            Admission(1, queue),
            lambda *arguments: threads.ask("decode", *arguments),
            Models(threads),
            Writers(threads),
            deadline,
        )
        result = await scenario(workshop, threads)
        await settle()
        gc.collect(1)  # the young ones: whoever ends unheard is complained of
        return result, workshop.admission

    result, admission = asyncio.run(watched())
    assert not complaints
    assert admission.working == admission.waiting == 0
    return result


async def get_to(threads, phase):
    """End the phases before `phase`, and begin that one."""
    await settle()
    for earlier in PHASES[: PHASES.index(phase)]:
        threads.end(earlier)
        await settle()
    threads.begin(phase)


def asked_for(threads):
    return [phase for phase in PHASES if threads.asked[phase]]


def test_a_picture_goes_from_phase_to_phase():
    async def scenario(workshop, threads):
        visit = Visit(workshop)
        await get_to(threads, "encode")
        threads.end("encode")
        return threads.asked, await visit.task

    asked, result = run(scenario)

    assert asked["decode"] == [(b"data", ORDER)]
    [(_, pixels)] = asked["infer"]
    assert pixels is BLACK
    [(picture, seen, translated, order)] = asked["encode"]
    assert picture is READ.picture
    assert seen is BLACK
    assert translated is WHITE
    assert order is ORDER
    assert (result.data, result.resized_from) == (b"a file", (30, 20))
    assert list(result.timings) == ["queue", *PHASES]


@pytest.mark.parametrize(
    ("phase", "error"),
    [
        ("decode", UndecodableImage("damaged")),
        ("infer", ModelError("out of memory")),
        ("encode", ResultTooLong("too wide")),
    ],
)
def test_what_fails_in_a_phase_is_told_and_the_place_is_free(phase, error):
    async def scenario(workshop, threads):
        visit = Visit(workshop)
        await get_to(threads, phase)
        threads.end(phase, error)
        with pytest.raises(type(error)) as caught:
            await visit.task
        return caught.value

    assert run(scenario) is error


@pytest.mark.parametrize("outcome", ["done", "failed"])
@pytest.mark.parametrize("phase", PHASES)
def test_who_leaves_ends_the_work_with_the_phase_that_runs(phase, outcome):
    async def scenario(workshop, threads):
        visit = Visit(workshop)
        await get_to(threads, phase)
        visit.leave()
        with pytest.raises(ClientDisconnect):
            await visit.task  # at once
        await settle()
        assert workshop.admission.working == 1, "the thread is still busy"
        threads.end(phase, ModelError("nobody cares") if outcome == "failed" else None)
        await settle()
        assert workshop.admission.working == 0
        return asked_for(threads)

    assert run(scenario) == PHASES[: PHASES.index(phase) + 1]


def test_who_leaves_before_a_thread_has_begun_frees_the_place_at_once():
    async def scenario(workshop, threads):
        visit = Visit(workshop)
        await settle()
        visit.leave()
        with pytest.raises(ClientDisconnect):
            await visit.task
        await settle()
        return workshop.admission.working, threads.futures["decode"][0].cancelled()

    assert run(scenario) == (0, True)


def test_who_leaves_the_queue_makes_room_at_once():
    async def scenario(workshop, threads):
        first, second = Visit(workshop), Visit(workshop)
        await get_to(threads, "decode")
        third = Visit(workshop)
        with pytest.raises(QueueFull):
            await third.task
        second.leave()
        with pytest.raises(ClientDisconnect):
            await second.task
        await settle()
        fourth = Visit(workshop)
        await settle()
        assert workshop.admission.waiting == 1
        threads.end("decode", UndecodableImage("damaged"))
        with pytest.raises(UndecodableImage):
            await first.task
        await get_to(threads, "encode")
        threads.end("encode")
        return len(threads.asked["decode"]), await fourth.task

    decoded, result = run(scenario)

    assert decoded == 2
    assert result.data == b"a file"


@pytest.mark.parametrize("phase", PHASES)
def test_after_the_deadline_the_client_is_told_at_once_and_the_phase_ends(phase):
    async def scenario(workshop, threads):
        visit = Visit(workshop)
        await get_to(threads, phase)
        with pytest.raises(DeadlineExceeded, match=r"0\.3 seconds"):
            await visit.task
        assert visit.departure.cancelled()
        await settle()
        assert workshop.admission.working == 1, "the thread is still busy"
        threads.end(phase)
        await settle()
        return asked_for(threads)

    assert run(scenario, deadline=0.3) == PHASES[: PHASES.index(phase) + 1]


def test_the_deadline_holds_in_the_queue_as_well():
    async def scenario(workshop, threads):
        first, second = Visit(workshop), Visit(workshop)
        await get_to(threads, "decode")
        for visit in first, second:
            with pytest.raises(DeadlineExceeded):
                await visit.task
        await settle()
        assert workshop.admission.waiting == 0
        threads.end("decode")
        await settle()
        return len(threads.asked["decode"])

    assert run(scenario, deadline=0.3) == 1


@pytest.mark.parametrize("phase", PHASES)
def test_a_request_that_is_broken_off_gives_its_place_back_too(phase):
    async def scenario(workshop, threads):
        visit = Visit(workshop)
        await get_to(threads, phase)
        visit.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await visit.task
        threads.end(phase)

    run(scenario)


def test_a_failure_is_not_complained_of_when_nobody_is_there_to_hear_of_it():
    async def scenario(workshop, threads):
        visit = Visit(workshop)
        await get_to(threads, "decode")
        threads.end("decode", UndecodableImage("damaged"))
        for _ in range(4):  # until the work has failed, and nobody has been told
            await asyncio.sleep(0)
        assert workshop.admission.working == 0
        visit.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await visit.task

    run(scenario)


def test_a_result_is_not_lost_to_a_client_that_leaves_in_the_same_moment():
    async def scenario(workshop, threads):
        visit = Visit(workshop)
        await get_to(threads, "encode")
        threads.end("encode")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        visit.leave()
        return await visit.task

    assert run(scenario).data == b"a file"
