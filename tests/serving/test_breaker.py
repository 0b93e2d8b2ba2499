"""The breaker: five failures open it, after five seconds one may try."""

from penchant.serving.breaker import FAILURES, REST, Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock=clock)
    for _ in range(FAILURES):
        assert breaker.admits()
        breaker.failed()
    return breaker


def test_that_five_failures_in_a_row_open_it_and_no_fewer() -> None:
    breaker = Breaker(clock=Clock())
    for _ in range(3):
        for _ in range(FAILURES - 1):
            breaker.failed()
        assert (breaker.state, breaker.admits()) == ("closed", True)
        breaker.succeeded()
    for _ in range(FAILURES):
        breaker.failed()
    assert (breaker.state, breaker.admits()) == ("open", False)


def test_that_after_its_rest_one_may_try_and_only_one() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += REST - 0.01
    assert not breaker.admits()
    clock.now += 0.01
    assert breaker.state == "half_open"
    assert [breaker.admits() for _ in range(3)] == [True, False, False]
    assert breaker.state == "half_open"


def test_that_the_one_that_tries_decides() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += REST
    assert breaker.admits()
    breaker.failed()
    assert (breaker.state, breaker.admits()) == ("open", False)
    clock.now += REST
    assert breaker.admits()
    breaker.succeeded()
    assert (breaker.state, breaker.admits(), breaker.admits()) == ("closed", True, True)


def test_that_one_that_never_tells_does_not_keep_all_others_out() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += REST
    assert breaker.admits()
    clock.now += REST
    assert breaker.admits()
