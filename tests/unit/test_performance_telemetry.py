"""What telemetry costs, judged on known numbers."""

import importlib

import pytest

from cotejo.command import ROOT


@pytest.fixture
def telemetry_cost(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests" / "performance")
    return importlib.import_module("telemetry_cost")


OFF_MS = [100.0, 102.0, 98.0, 101.0, 99.0]  # a standard deviation of 1.58 % of the median


@pytest.mark.parametrize(("on_ms", "met"), [([101.0, 103.0, 99.0, 102.0, 100.0], True), ([102.0] * 5, False)])
def test_the_change_of_the_median_is_held_against_the_noise(telemetry_cost, on_ms, met):
    latency, own = telemetry_cost.comparisons(on_ms, OFF_MS, [0.3, 0.4, 0.3, 0.3, 0.5])
    assert (latency.target, latency.met()) == (1.0158, met)
    assert own.met()


def test_one_percent_of_a_core_is_the_most(telemetry_cost):
    assert not telemetry_cost.comparisons(OFF_MS, OFF_MS, [0.3, 1.1, 1.2])[1].met()


def test_the_order_of_on_and_off_alternates(telemetry_cost, monkeypatch):
    order = []
    monkeypatch.setattr(telemetry_cost, "median_latency_ms", lambda bench: order.append("off") or 100.0)
    monkeypatch.setattr(
        telemetry_cost,
        "median_latency_beside_sampler_ms",
        lambda bench, own: order.append("on") or own.append(0.3) or 100.0,
    )
    telemetry_cost.telemetry_cost(None, 3)
    assert order == ["on", "off", "off", "on", "on", "off"]
