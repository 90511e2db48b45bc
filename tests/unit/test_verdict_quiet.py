import numpy as np
import pytest
from record_example import LOOK, RECORD, TELEMETRY, changed, failed

from cotejo.verdict import Evidence, judge
from cotejo.verdict.quiet import THRESHOLDS, quiet

LEVEL = "single-stream"


def repeat(before=None, after=None, duration_s=100.0, **telemetry):
    """A repeat on a quiet machine, but for what is said."""
    level = {**RECORD["levels"][0], "duration_s": duration_s, "telemetry": {**TELEMETRY, **telemetry}}
    looks = {"before": {**LOOK, **(before or {})}, "after": {**LOOK, **(after or {})}}
    return changed(RECORD, levels=[level], quiet=looks)


def verdict(*repeats, **thresholds):
    """The word and the reasons of the repeats, of which the first four are quiet."""
    group = [*[repeat()] * 4, *repeats]
    return judge(quiet(Evidence(group, LEVEL, [], [], ""), {**THRESHOLDS, **thresholds}))


def test_a_quiet_machine_gets_no_reason():
    assert verdict(repeat(), repeat()) == ("publishable", ())


def test_a_reason_has_the_worst_number_and_how_many_repeats():
    assert verdict(repeat(foreign_cpu_percent=12.0), repeat(foreign_cpu_percent=41.2)) == (
        "noisy", ("foreign CPU 41.2 % of the pinned CPUs' time in 2 of 6 repeats (bound 3 %)",),
    )  # fmt: skip


def test_what_disturbs_another_node_of_the_run_counts_too():
    looks = {"before": {**LOOK, "leftovers": ["cotejo.worker"]}, "after": LOOK}
    two = changed(repeat(), nodes=[{"node": "n2", "quiet": looks, "gpus": []}])
    assert verdict(two) == ("noisy", ("node n2: leftover process cotejo.worker in 1 of 5 repeats",))
    calm = changed(repeat(), nodes=[{"node": "n2", "quiet": {"before": LOOK, "after": LOOK}, "gpus": []}])
    assert verdict(calm) == ("publishable", ())


HOG = {"name": "stress", "cpu_percent": 99.0, "last_cpu": 0}
SLEEPY = {"name": "crond", "cpu_percent": 4.0, "last_cpu": 0}


@pytest.mark.parametrize(
    ("noisy", "reason"),
    [
        (repeat(steal_percent=9.5), "steal 9.5 % of the pinned CPUs' time in 1 of 5 repeats (bound 2 %)"),
        (repeat(cpu_throttled=3), "CPU throttled 3 times in 1 of 5 repeats (bound 0 times)"),
        (repeat(after={"cpu_throttled": 12}), "CPU throttled 5 times in 1 of 5 repeats (bound 0 times)"),
        (repeat(swapped_mib=20.5), "swapped 20.5 MiB in 1 of 5 repeats (bound 1 MiB)"),
        (repeat(major_faults=5000), "major faults 50 per s in 1 of 5 repeats (bound 10 per s)"),
        (repeat(before={"leftovers": ["cotejo.worker"]}), "leftover process cotejo.worker in 1 of 5 repeats"),
        (repeat(after={"leftovers": ["cotejo.worker"] * 2}), "leftover process cotejo.worker in 1 of 5 repeats"),
    ],
)
def test_what_disturbs_is_noisy(noisy, reason):
    assert verdict(noisy) == ("noisy", (reason,))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("group", "whose"), [
    ("pinned", "the pinned CPUs'"), ("siblings", "their SMT siblings'"), ("others", "the other CPUs'"),
])  # fmt: skip
def test_a_busy_machine_is_noisy_and_names_who(when, group, whose):
    look = {"busy_percent": {**LOOK["busy_percent"], group: 60.0}, "busiest": [HOG, SLEEPY]}
    assert verdict(repeat(**{when: look})) == ("noisy", (
        f"busy {when} 60 % of {whose} time in 1 of 5 repeats (bound 10 %)",
        "busy process stress 99 % of a CPU's time in 1 of 5 repeats (bound 10 %)",
    ))  # fmt: skip


def test_a_busy_process_counts_once_in_a_repeat():
    look = {"busiest": [HOG]}
    _, reasons = verdict(repeat(before=look, after=look, foreign_cpu_percent=50.0))
    assert reasons[1] == "busy process stress 99 % of a CPU's time in 1 of 5 repeats (bound 10 %)"


def test_a_busy_process_alone_is_no_reason():
    assert verdict(repeat(before={"busiest": [HOG]})) == ("publishable", ())  # one of very many CPUs


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (repeat(before={"governors": ["powersave"]}), "governor powersave in 1 of 5 repeats"),
        (repeat(before={"swap_used_mib": 300}), "swap in use in 1 of 5 repeats"),
    ],
)
def test_what_may_be_harmless_is_only_said(said, reason):
    assert verdict(said) == ("publishable", (reason,))


@pytest.mark.parametrize(
    ("unknown", "what"),
    [
        (changed(RECORD, levels=[{**RECORD["levels"][0], "telemetry": None}]), "no telemetry"),
        (changed(repeat(), quiet=None), "no look at the machine"),
        (repeat(foreign_cpu_percent=None), "foreign CPU unknown"),
    ],
)
def test_a_machine_not_proven_quiet_is_smoke(unknown, what):
    assert verdict(unknown) == ("smoke", (f"quiet machine not proven: {what} in 1 of 5 repeats",))


def test_what_a_machine_cannot_tell_is_no_reason():
    nothing = {"busy_percent": dict.fromkeys(LOOK["busy_percent"]), "governors": None, "cpu_throttled": None,
               "swap_used_mib": None}  # fmt: skip
    told = dict.fromkeys(("steal_percent", "cpu_throttled", "swapped_mib", "major_faults"))
    assert verdict(repeat(before=nothing, after=nothing, **told)) == ("publishable", ())


def test_load_averages_are_not_judged():
    assert verdict(repeat(before={"load_1min": 50.0, "runnable": 60}, load_1min=50.0)) == ("publishable", ())


def test_failed_repeats_and_other_levels_do_not_count():
    other = repeat(foreign_cpu_percent=90.0)
    other["levels"][0]["level"] = "another"
    assert verdict(failed("killed", quiet=None), other) == ("publishable", ())


def test_thresholds_are_those_given():
    assert verdict(repeat(foreign_cpu_percent=12.0), foreign_cpu_percent=20) == ("publishable", ())


def shares_of_ticks(rng, duration_s, cpus, tree, foreign, size):
    """Foreign CPU as it is told of a tree that computes a share of the time: a tick falls to whoever it meets."""
    ticks = round(100 * duration_s * cpus)
    return np.maximum(0, rng.binomial(ticks, tree + foreign, size) / ticks - tree) * 100


@pytest.mark.parametrize(("duration_s", "cpus"), [(0.3, 1), (2, 1), (20, 2), (100, 1), (100, 8)])
def test_the_ticks_of_a_quiet_machine_raise_no_false_alarm(duration_s, cpus):
    """200 runs of six repeats, half busy, which is where counting in ticks errs most; others take 0.5 %."""
    rng = np.random.default_rng(7)
    alarms = 0
    for shares in shares_of_ticks(rng, duration_s, cpus, tree=0.5, foreign=0.005, size=(200, 6)):
        group = [repeat(duration_s=duration_s, foreign_cpu_percent=share) for share in shares]
        for each in group:
            each["affinity"]["expected_cpus"] = list(range(cpus))
        findings = quiet(Evidence(group, LEVEL, [], [], ""), THRESHOLDS)
        alarms += any(finding.word == "noisy" for finding in findings)
    assert alarms <= 4  # 2 %


def test_a_tenth_of_a_cpu_is_found_in_100_s():
    rng = np.random.default_rng(8)
    for shares in shares_of_ticks(rng, 100, 1, tree=0.5, foreign=0.1, size=(200, 1)):
        assert verdict(repeat(foreign_cpu_percent=shares[0])).word == "noisy"
