"""How many requests are in flight: growth, halving, limits a minute."""

import asyncio
import random
import time

import pytest

from vlm_eval.backends.pace import Pace, Places
from vlm_eval.backends.quota import Quota
from vlm_eval.flow import Answer


def test_it_starts_at_sixteen_and_doubles_every_round_trip_up_to_what_was_asked_for():
    pace, rounds = Pace(100), []
    for _ in range(4):
        rounds.append(pace.limit)
        for _ in range(pace.limit):
            pace.answered()
    assert rounds == [16, 32, 64, 100]
    assert Pace(4).limit == 4


def test_calls_that_started_together_halve_it_once():
    pace = Pace(16)
    for _ in range(9):
        pace.pressed(0)
    assert pace.limit == 8
    pace.pressed(pace.round)
    assert pace.limit == 4
    for _ in range(9):
        pace.pressed(pace.round)
    assert pace.limit == 1


def test_a_server_that_refuses_one_call_in_ten_at_random_is_not_asked_one_by_one():
    generator, pace, limits = random.Random(0), Pace(64), []
    for _ in range(400):
        started, calls = pace.round, pace.limit
        limits.append(calls)
        for _ in range(calls):
            if generator.random() < 0.1:
                pace.pressed(started)
            else:
                pace.answered()
    assert sum(limits[50:]) / len(limits[50:]) > 16


def test_places_are_given_in_order_and_never_more_than_the_pace_allows():
    async def scenario():
        pace, order, most, inside = Pace(3), [], 0, 0
        places = Places(pace)

        async def visit(number):
            nonlocal most, inside
            async with places:
                order.append(number)
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.001)
                inside -= 1

        await asyncio.gather(*map(visit, range(20)))
        return order, most

    assert asyncio.run(scenario()) == (list(range(20)), 3)


def test_a_place_whose_taker_was_cancelled_goes_to_the_next():
    async def scenario():
        places, done = Places(Pace(1)), []

        async def visit(number, seconds):
            async with places:
                await asyncio.sleep(seconds)
                done.append(number)

        tasks = [asyncio.create_task(visit(number, 0.01)) for number in range(4)]
        await asyncio.sleep(0.001)
        tasks[0].cancel()  # inside
        tasks[1].cancel()  # waiting, and just given the place
        await asyncio.sleep(0)
        tasks[2].cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 1)
        async with asyncio.timeout(1), places:
            return done

    assert asyncio.run(scenario()) == [3]


def test_who_repeats_gives_way_where_the_pace_has_dropped_and_comes_before_newcomers():
    async def scenario():
        pace, order = Pace(4), []
        places = Places(pace)

        async def visit(number):
            async with places:
                await asyncio.sleep(0.005)
                await places.give_way()
                order.append(number)
                await asyncio.sleep(0.005)

        tasks = [asyncio.create_task(visit(number)) for number in range(6)]
        await asyncio.sleep(0.001)
        pace.pressed(0)
        pace.pressed(1)  # one place is left; 0 to 2 give way to 3
        await asyncio.sleep(0.008)
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(1), places:
            return order, places._taken

    order, taken = asyncio.run(scenario())
    assert sorted(order) == [1, 2, 3, 4, 5]
    assert set(order[:3]) == {1, 2, 3}
    assert taken == 1


@pytest.mark.parametrize("amounts", [[1] * 300, [5, 1, 40, 2] * 40])
def test_no_minute_holds_more_than_its_share_however_it_is_cut(amounts):
    quota, now, used = Quota(per_minute=60), 0.0, []
    for amount in amounts:
        now += quota.book(amount, now)
        used.append((now, amount))
    for start, _ in used:
        assert sum(amount for time, amount in used if start <= time < start + 60) <= 60 + max(amounts) - 1


def test_a_quota_that_rested_does_not_save_up():
    quota = Quota(per_minute=60)
    quota.book(1, 0.0)
    assert [quota.book(1, 1000.0) for _ in range(3)] == [0, 1, 2]


def test_what_was_booked_too_much_is_given_back():
    quota = Quota(per_minute=60)
    quota.book(50, 0.0)
    quota.correct(-40)
    assert quota.book(1, 0.0) == 10


def test_a_server_that_takes_eight_at_a_time_is_met_and_every_request_is_answered(ask, make, server, mock):
    refused = 0

    def plan(call):
        nonlocal refused
        if server.in_flight > 8:
            refused += 1
            return mock.error(429, "Too many", {"Retry-After": "0"})
        return mock.Step(mock.completion(call.text), latency=0.02)

    server.plan = plan
    outcomes = ask([make.request(f"x{number}") for number in range(300)], concurrency=64, max_attempts=30)
    assert sum(isinstance(outcome, Answer) for outcome in outcomes.values()) == 300
    assert server.most_in_flight < 40
    assert refused < 300


def test_requests_a_minute_are_kept(ask, make, server):
    started = time.monotonic()  # not the first arrival, which a busy machine may see late
    ask([make.request(f"x{number}") for number in range(8)], requests_per_minute=1200)
    assert time.monotonic() - started >= 7 * 0.05


def test_tokens_a_minute_are_kept_by_what_the_server_counts(ask, make, server):
    # 18 tokens a call by the server's count; the estimate beforehand says 11.
    started = time.monotonic()
    ask([make.request(f"x{number}") for number in range(6)], tokens_per_minute=18 * 600, concurrency=1)
    assert 5 * 0.1 - 0.05 <= time.monotonic() - started < 3
