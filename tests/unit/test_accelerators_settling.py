import math
import random

import pytest

from cotejo import affinity
from cotejo.accelerators.settling import MOST_S, STEADY_S, Settling
from cotejo.schema import check, schema_of

LEVEL_SCHEMA = schema_of("record")["properties"]["levels"]["items"]["properties"]


def warm_up(clock_mhz, step_s=0.2, gpus=1):
    """What comes of a warm-up whose requests take so long each, on GPUs with this clock at each instant."""
    now_s = 0.0
    settling = Settling(lambda: [clock_mhz(now_s)] * gpus, lambda: 1000 + now_s)
    while not settling.over():
        now_s += step_s
        assert now_s < 2 * MOST_S
    check(settling.facts(), LEVEL_SCHEMA["clocks"], affinity.SYSTEM)
    return settling.facts()


@pytest.mark.parametrize("step_s", [0.001, 0.2, 1.0])
def test_a_clock_that_stands_still_is_settled_after_three_seconds(step_s):
    facts = warm_up(lambda now_s: 1440, step_s)
    assert facts["settled"] and STEADY_S <= facts["waited_s"] <= STEADY_S + max(step_s, 0.1) + 1e-6


def test_of_long_requests_a_few_are_enough():
    assert warm_up(lambda now_s: 1440, step_s=10.0) == {"settled": True, "waited_s": pytest.approx(30)}


def test_a_clock_that_rises_from_rest_or_falls_while_it_warms_up_is_waited_for():
    risen = warm_up(lambda now_s: 210 if now_s < 1 else 1440)
    assert risen["settled"] and 1 + STEADY_S <= risen["waited_s"] < 1.5 + STEADY_S
    # 6 % in its first seconds, then less and less.
    fallen = warm_up(lambda now_s: 1200 + 240 * math.exp(-now_s / 8))
    assert fallen["settled"] and 6 < fallen["waited_s"] < 30


def test_jumps_at_a_power_cap_are_no_trend():
    draw = random.Random(3)
    assert warm_up(lambda now_s: draw.choice([1290, 1305, 1320, 1335, 1410]))["waited_s"] < 15


def test_a_clock_that_never_settles_is_measured_as_it_is():
    facts = warm_up(lambda now_s: 1440 if now_s % 4 < 2 else 1000)
    assert facts == {"settled": False, "waited_s": pytest.approx(MOST_S, abs=0.3)}


def test_every_gpu_must_settle_and_what_one_does_not_tell_is_no_reason_to_wait():
    now_s = 0.0
    settling = Settling(lambda: [1440, 1440 - 40 * now_s if now_s < 10 else 1040, None], lambda: now_s)
    while not settling.over():
        now_s += 0.2
    assert 10 < now_s < 10 + 2 * STEADY_S


def test_clocks_that_can_not_be_read_keep_nobody_waiting():
    settling = Settling(None, lambda: 1 / 0)
    assert settling.over()
    assert settling.facts() == {"settled": None, "waited_s": 0.0}
