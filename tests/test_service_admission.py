import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.admission import Admission
from service.errors import Draining, QueueFull, RateLimited
from service.rates import Rates


class Visit:
    """Somebody who asks for a place and works at it until told to go on."""

    def __init__(self, admission, caller="a", log=None):
        self.admission, self.caller = admission, caller
        self.log = [] if log is None else log
        self.asked = self.inside = self.left = self.should_be_refused = False
        self.go_on = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(self.work())

    async def work(self):
        admission, self.asked = self.admission, True
        self.should_be_refused = (
            admission.working == admission.workers and admission.waiting == admission.queue
        )
        async with admission.place(self.caller):
            self.inside = True
            self.log.append(self.caller)
            try:
                await self.go_on
            finally:
                self.inside = False

    def finish(self):
        if not self.go_on.done():
            self.go_on.set_result(None)

    def fail(self):
        if not self.go_on.done():
            self.go_on.set_exception(ValueError("the work failed"))

    def leave(self):
        self.left = self.task.cancel() or self.left


async def turns(count=3):
    for _ in range(count):
        await asyncio.sleep(0)


def visit_all(scenario):
    """Run `scenario(visits)`, which adds to the list, and then let everybody finish."""

    async def run():
        visits = []
        result = await scenario(visits)
        for _ in range(len(visits) + 1):
            for visit in visits:
                if visit.inside:
                    visit.finish()
            await turns()
        assert all(visit.task.done() for visit in visits), "somebody is lost"
        return result, await asyncio.gather(*(v.task for v in visits), return_exceptions=True)

    return asyncio.run(run())


def check_limits(admission, visits):
    inside = sum(visit.inside for visit in visits)
    outside = sum(v.asked and not (v.inside or v.left or v.task.done()) for v in visits)
    assert inside <= admission.working <= admission.workers
    assert admission.waiting <= admission.queue
    assert outside <= admission.queue + admission.working - inside
    assert admission.working == admission.workers or not admission.waiting, "a place is idle"


STEPS = st.tuples(
    st.sampled_from(["come", "come", "finish", "fail", "leave"]),
    st.integers(0, 9),
    st.integers(0, 3),  # how often the loop turns before the next one: they meet in every moment
)


def take(step, admission, visits, log=None):
    action, number, _ = step
    if action == "come":
        visits.append(Visit(admission, "abc"[number % 3], log))
        return
    able = [v for v in visits if (not v.task.done() if action == "leave" else v.inside)]
    if able:
        getattr(able[number % len(able)], action)()


@settings(max_examples=500, deadline=None)
@given(st.integers(1, 3), st.integers(0, 4), st.lists(STEPS, max_size=60))
def test_whatever_happens_no_limit_is_passed_and_nobody_is_lost(workers, queue, steps):
    admission = Admission(workers, queue)

    async def scenario(visits):
        for step in steps:
            take(step, admission, visits)
            await turns(step[-1])
            check_limits(admission, visits)
        return visits

    visits, outcomes = visit_all(scenario)

    for visit, outcome in zip(visits, outcomes, strict=True):
        assert isinstance(outcome, QueueFull) == visit.should_be_refused or visit.left
        assert isinstance(outcome, asyncio.CancelledError) <= visit.left
        assert visit.log or visit.left or visit.should_be_refused, "it never had its turn"
    assert admission.working == admission.waiting == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_nobody_is_passed_over_twice_by_the_same_caller(steps):
    admission, log = Admission(workers=1, queue=20), []

    async def scenario(visits):
        waits_since = {}  # caller: how long the log was when it began to wait
        for step in steps:
            take(step, admission, visits, log)
            await turns()
            waiting = {v.caller for v in visits if not (v.inside or v.task.done())}
            for caller in "abc":
                if caller not in waiting or caller in log[waits_since.get(caller, 0) :]:
                    waits_since.pop(caller, None)
                if caller in waiting:
                    begin = waits_since.setdefault(caller, len(log))
                    assert max(Counter(log[begin:]).values(), default=0) <= 1, (caller, log)

    visit_all(scenario)


def served(workers, queue, callers, share=None):
    """Callers in the order in which they got a place, and how many were refused."""
    admission, log = Admission(workers, queue, share), []

    async def scenario(visits):
        for caller in callers:
            visits.append(Visit(admission, caller, log))
            await turns()

    _, outcomes = visit_all(scenario)
    return "".join(log), sum(isinstance(outcome, QueueFull) for outcome in outcomes)


def test_callers_take_turns():
    assert served(1, 9, "aaaabbc") == ("aabcaba", 0)


def test_who_leaves_the_queue_makes_room_at_once():
    admission = Admission(workers=1, queue=1)

    async def scenario(visits):
        for _ in range(3):
            visits.append(Visit(admission))
            await turns()
            assert admission.waiting == len(visits) - 1 - sum(visit.left for visit in visits)
            if admission.waiting:
                visits[-1].leave()
                await turns()

    _, [_, *others] = visit_all(scenario)
    assert [type(outcome) for outcome in others] == [asyncio.CancelledError] * 2


def test_who_leaves_does_not_cost_its_caller_the_turn():
    admission, log = Admission(workers=1, queue=9), []

    async def scenario(visits):
        for caller in "aaabb":
            visits.append(Visit(admission, caller, log))
            await turns()
        visits[0].finish()
        visits[1].leave()  # in the moment in which it would get the place

    visit_all(scenario)
    assert log == ["a", "a", "b", "b"]


def test_who_leaves_while_a_place_is_handed_over_passes_it_on():
    admission, log = Admission(workers=1, queue=9), []

    async def scenario(visits):
        visits += [Visit(admission, caller, log) for caller in "abc"]
        await turns()
        visits[0].finish()
        await turns(1)  # the place is promised to the second, which does not know it yet
        visits[1].leave()

    visit_all(scenario)
    assert log == ["a", "c"]
    assert admission.working == 0


def test_one_caller_cannot_have_more_than_its_share_of_the_queue():
    assert served(1, 4, "aaaaabb", share=2) == ("aabab", 2)


def test_without_a_queue_who_finds_no_place_is_refused():
    assert served(2, 0, "abc") == ("ab", 1)


def test_the_door_refuses_what_the_queue_would(monkeypatch):
    admission = Admission(workers=1, queue=1)

    async def scenario(visits):
        admission.check("a")
        visits.append(Visit(admission))
        await turns()
        admission.check("a")
        visits.append(Visit(admission))
        await turns()
        with pytest.raises(QueueFull, match="1 are waiting; come again in 1 seconds"):
            admission.check("a")

    visit_all(scenario)
    admission.check("a")


def test_retry_after_is_the_time_that_the_accepted_work_takes(monkeypatch):
    now = 100.0
    monkeypatch.setattr("service.admission.monotonic", lambda: now)
    admission = Admission(workers=2, queue=10)
    told = [admission.retry_after_seconds()]

    async def scenario(visits):
        nonlocal now
        visits += [Visit(admission) for _ in range(7)]
        await turns()
        now += 3.0
        visits[0].finish()
        await turns()
        told.append(admission.retry_after_seconds())  # 2 at work and 4 waiting, 3 s each
        visits[1].finish()
        await turns()
        told.append(admission.retry_after_seconds())
        now += 13.0
        visits[2].finish()
        await turns()
        told.append(admission.retry_after_seconds())  # 3 s + (13 s - 3 s) / 10 each, 4 to go

    visit_all(scenario)
    assert told == [1, 9, 8, 8]  # 6·3/2, 5·3/2 and 4·4/2, rounded up


def test_a_closed_door_lets_nobody_in_but_who_is_inside_gets_a_place():
    admission, log = Admission(workers=1, queue=5), []

    async def scenario(visits):
        visits += [Visit(admission, "a", log), Visit(admission, "b", log)]
        await turns()
        admission.close()
        with pytest.raises(Draining):
            admission.check("a")
        visits.append(Visit(admission, "c", log))  # its body was being read

    visit_all(scenario)
    assert log == ["a", "b", "c"]


def test_a_caller_who_comes_too_often_is_refused_at_the_door_and_at_the_place():
    admission = Admission(workers=1, queue=5, rates=Rates("2/hour"))

    async def scenario(visits):
        for _ in range(9):
            admission.check("a")  # asking counts for nothing
        visits += [Visit(admission, caller) for caller in "aaab"]
        await turns()
        with pytest.raises(RateLimited):
            admission.check("a")
        admission.check("b")

    _, outcomes = visit_all(scenario)
    assert [type(outcome) for outcome in outcomes] == [
        *(type(None), type(None), RateLimited, type(None))
    ]


def test_who_finds_the_queue_full_has_not_used_up_its_rate():
    admission = Admission(workers=1, queue=0, rates=Rates("2/hour"))

    async def scenario(visits):
        for _ in range(5):
            visits.append(Visit(admission))
            await turns()

    _, outcomes = visit_all(scenario)
    assert Counter(map(type, outcomes)) == {type(None): 1, QueueFull: 4}
    admission.check("a")


def test_who_would_wait_beyond_the_deadline_is_refused_at_once():
    # Work takes 0.4 s: one works and one waits for 0.8 s in all, so a third would need 1.2 s.
    admission = Admission(workers=1, queue=9, patience_seconds=1.0)
    admission._note(0.4)

    async def scenario(visits):
        for _ in range(3):
            visits.append(Visit(admission))
            await turns()
        return admission.working, admission.waiting

    inside, results = visit_all(scenario)

    assert inside == (1, 1)
    assert [type(result) for result in results] == [type(None), type(None), QueueFull]
