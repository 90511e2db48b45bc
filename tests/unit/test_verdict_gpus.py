import pytest
from record_example import LOOK, RECORD, TELEMETRY, changed

from cotejo.verdict import Evidence, judge
from cotejo.verdict.gpus import THRESHOLDS, gpus
from cotejo.verdict.quiet import THRESHOLDS as OF_MACHINE

LEVEL = RECORD["levels"][0]
FACTS = {
    "name": "NVIDIA A30", "driver": "535.104.05", "persistence": True, "mig": False,
    "power_limit_w": 165.0, "power_limit_default_w": 165.0,
}  # fmt: skip
GPU = {
    "foreign_processes": 0, "throttle_reasons": [], "sm_clock_change_percent": 0.4, "rx_mb_per_s": 2.0,
    "tx_mb_per_s": 1.0,
}  # fmt: skip
LOOKED = {"foreign_processes": 0, "throttle_reasons": [], "memory_used_mib": 3, "utilisation_percent": 0}


def repeat(number=0, before=None, after=None, shown=True, clocks=None, facts=None, device="cuda", **meanwhile):
    """A repeat on the first of two GPUs, whatever is said being so of the one of that number, of all: None."""

    def both(usual, other):
        told = [{"uuid": f"GPU-{gpu}", **usual, **(other or {} if number in (gpu, None) else {})} for gpu in (0, 1)]
        return [gpu for gpu in told if gpu]

    level = {
        **LEVEL,
        "telemetry": {**TELEMETRY, "gpus": both(GPU, meanwhile)},
        **({"clocks": clocks} if clocks else {}),
    }
    looks = {"before": {**LOOK, "gpus": both(LOOKED, before)}, "after": {**LOOK, "gpus": both(LOOKED, after)}}
    own = [{"uuid": "GPU-0", "gpu": "GPU-0", "name": "NVIDIA A30", "memory_mib": 24576}] if shown else None
    return changed(
        RECORD,
        levels=[level],
        quiet=looks,
        run__device=device,
        affinity__gpus=own,
        environment__gpus=both(FACTS, facts),
    )


def verdict(*repeats, **thresholds):
    """The word and the reasons of the repeats, beside four that nothing disturbs."""
    evidence = Evidence([*[repeat()] * 4, *repeats], LEVEL["level"], [], [], "")
    return judge(gpus(evidence, {**OF_MACHINE, **THRESHOLDS, **thresholds}))


def test_gpus_that_a_run_has_for_itself_are_no_reason():
    assert verdict(repeat(), repeat(shown=False)) == ("publishable", ())


@pytest.mark.parametrize(
    ("noisy", "reason"),
    [
        ({"foreign_processes": 1}, "foreign GPU processes 1 in 1 of 5 repeats (bound 0)"),
        ({"before": {"foreign_processes": 2}}, "foreign GPU processes 2 in 1 of 5 repeats (bound 0)"),
        ({"after": {"foreign_processes": 1}}, "foreign GPU processes 1 in 1 of 5 repeats (bound 0)"),
        (
            {"before": {"utilisation_percent": 97}},
            "busy before 97 % of a GPU's time in 1 of 5 repeats (bound 10 %)",
        ),
        ({"throttle_reasons": ["hw_slowdown"]}, "GPU throttled: hw_slowdown in 1 of 5 repeats"),
        ({"throttle_reasons": ["hw_power_brake_slowdown"]}, "GPU throttled: hw_power_brake_slowdown in 1 of 5 repeats"),
        ({"throttle_reasons": ["hw_thermal_slowdown"]}, "GPU throttled: hw_thermal_slowdown in 1 of 5 repeats"),
        (
            {"before": {"throttle_reasons": ["sw_thermal_slowdown"]}},
            "GPU throttled: sw_thermal_slowdown in 1 of 5 repeats",
        ),
    ],
)
def test_what_disturbs_the_runs_own_gpus_is_noisy(noisy, reason):
    assert verdict(repeat(**noisy)) == ("noisy", (reason,))
    # Where nobody told which they are, any of the machine's may be.
    assert verdict(repeat(number=1, shown=False, **noisy)) == ("noisy", (reason,))


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"throttle_reasons": ["hw_thermal_slowdown", "sw_power_cap"]},
        {"before": {"utilisation_percent": 97, "throttle_reasons": ["hw_thermal_slowdown"]}},
        {"sm_clock_change_percent": -40.0},
        {"facts": {"persistence": False, "mig": True, "power_limit_w": 100.0}},
        {"rx_mb_per_s": 9000.0},  # of no process of others'
    ],
)
def test_what_becomes_of_gpus_that_the_run_does_not_use_is_nobodys_affair(elsewhere):
    assert verdict(repeat(number=1, **elsewhere)) == ("publishable", ())


def test_another_users_work_on_another_gpu_is_said_and_counts_by_its_traffic():
    said = "other GPUs of the machine at work in 1 of 5 repeats"
    assert verdict(repeat(number=1, foreign_processes=1, rx_mb_per_s=700.0)) == ("publishable", (said,))
    assert verdict(repeat(number=1, after={"foreign_processes": 1})) == ("publishable", (said,))
    assert verdict(repeat(number=1, foreign_processes=1, tx_mb_per_s=5200.0)) == (
        "noisy", ("PCIe traffic of other GPUs 5.2e+03 MB/s in 1 of 5 repeats (bound 800 MB/s)", said),
    )  # fmt: skip
    assert verdict(repeat(number=1, foreign_processes=1, tx_mb_per_s=5200.0), neighbour_pcie_mb_per_s=6000).word == (
        "publishable"
    )


@pytest.mark.parametrize("percent", [7.25, -7.25])
def test_a_clock_that_moves_in_the_window_is_unsteady(percent):
    assert verdict(repeat(sm_clock_change_percent=percent)) == (
        "unsteady", ("GPU clock: from half to half 7.25 % in 1 of 5 repeats (bound 5 %)",),
    )  # fmt: skip
    assert verdict(repeat(sm_clock_change_percent=percent), clock_change_percent=8) == ("publishable", ())
    assert verdict(repeat(sm_clock_change_percent=None)) == ("publishable", ())


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"throttle_reasons": ["sw_power_cap", "sync_boost"]}, "GPU at its power cap"),
        ({"clocks": {"settled": False, "waited_s": 60.1}}, "GPU clocks not settled in the warm-up"),
        ({"facts": {"persistence": False}}, "GPU persistence off"),
        ({"facts": {"mig": True}}, "GPU divided (MIG): clocks, power and energy are of the whole of it"),
        ({"facts": {"power_limit_w": 100.0}}, "GPU power capped at 100 W, by default 165 W"),
    ],
)
def test_what_may_be_harmless_is_only_said(said, reason):
    assert verdict(repeat(**said)) == ("publishable", (f"{reason} in 1 of 5 repeats",))


@pytest.mark.parametrize("clocks", [{"settled": True, "waited_s": 3.0}, {"settled": None, "waited_s": 0.0}])
def test_clocks_that_settled_or_could_not_be_read_are_no_reason(clocks):
    assert verdict(repeat(clocks=clocks)) == ("publishable", ())


def test_who_computes_on_the_runs_gpus_must_be_known():
    unknown = ("smoke", ("quiet machine not proven: GPU processes unknown in 1 of 5 repeats",))
    assert verdict(repeat(foreign_processes=None)) == unknown
    assert verdict(changed(repeat(), levels=[{**LEVEL, "telemetry": {**TELEMETRY, "gpus": []}}])) == unknown
    assert verdict(repeat(number=1, foreign_processes=None)) == ("publishable", ())
    without = changed(repeat(), levels=[{**LEVEL, "telemetry": None}])
    assert verdict(without) == ("publishable", ())  # which is another rule's affair


def test_what_a_gpu_does_not_tell_is_no_reason():
    untold = dict.fromkeys(("throttle_reasons", "foreign_processes", "utilisation_percent"))
    facts = dict.fromkeys(("persistence", "mig", "power_limit_w", "power_limit_default_w"))
    told = repeat(before=untold, after=untold, throttle_reasons=None, rx_mb_per_s=None, facts=facts)
    assert verdict(told) == ("publishable", ())
    # As in older records.
    old = repeat()
    del old["affinity"]["gpus"]
    for gpu in old["levels"][0]["telemetry"]["gpus"]:
        del gpu["sm_clock_change_percent"]
    assert verdict(old) == ("publishable", ())


def test_the_gpus_of_a_run_on_the_cpu_may_be_busy():
    busy = {"foreign_processes": 3, "throttle_reasons": ["hw_thermal_slowdown"]}
    assert verdict(repeat(None, before=busy, after=busy, device="cpu", facts={"mig": True}, **busy)) == (
        "publishable", (),
    )  # fmt: skip


def test_another_node_of_the_run_has_gpus_of_its_own():
    def node(uuid):
        looked = [{"uuid": f"GPU-{name}", **LOOKED, "foreign_processes": int(name == "b")} for name in "ab"]
        looks = {when: {**LOOK, "gpus": looked} for when in ("before", "after")}
        return {
            "node": "n2", "quiet": looks, "gpus": [{"uuid": "GPU-a", **FACTS}, {"uuid": "GPU-b", **FACTS}],
            "gpus_shown": [{"uuid": uuid, "gpu": uuid, "name": None, "memory_mib": None}],
        }  # fmt: skip

    assert verdict(changed(repeat(), nodes=[node("GPU-b")])) == (
        "noisy", ("node n2: foreign GPU processes 1 in 1 of 5 repeats (bound 0)",),
    )  # fmt: skip
    assert verdict(changed(repeat(), nodes=[node("GPU-a")])) == (
        "publishable", ("node n2: other GPUs of the machine at work in 1 of 5 repeats",),
    )  # fmt: skip
