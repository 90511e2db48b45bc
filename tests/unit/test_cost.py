import math
import random

import pytest

from cotejo.cost import (
    Assumptions,
    Owned,
    Price,
    assumptions,
    bounds,
    break_even,
    break_even_purchase_usd,
    machines_needed,
    power_w,
    rented,
    sensitivity,
    usd_per_unit,
)

# 8,766 USD over one year is 1 USD an hour; 500 W at 0.2 USD/kWh are 0.1 USD an hour.
MACHINE = Owned(purchase_usd=8766, power_w=500)
ASSUMED = Assumptions(lifetime_years=1, utilisation=0.5, electricity_usd_per_kwh=0.2, pue=1)


class TestUnits:
    @pytest.mark.parametrize(
        ("metric", "value", "usd"),
        [
            ("tokens_per_s", 10, 1.536e6 / 36000),  # 100,000 s at 1.536 USD/h
            ("requests_per_s", 10, 1.536 * 100 / 3600),
            ("inferences_per_s", 2, 1.536 * 500 / 3600),
            ("frames_per_s", 40, 1.536 * 25 / 3600),
            ("real_time_factor", 0.25, 1.536 / 4),  # a quarter of an hour for an hour of audio
            ("train_s", 7200, 3.072),
        ],
    )
    def test_hand_computed(self, metric: str, value: float, usd: float) -> None:
        assert usd_per_unit(1.536, metric, value) == pytest.approx(usd)

    def test_a_million_tokens_on_an_m6i(self) -> None:
        assert round(usd_per_unit(1.536, "tokens_per_s", 10), 2) == 42.67

    def test_nothing_is_done_at_no_speed(self) -> None:
        with pytest.raises(ValueError, match="tokens_per_s: 0: no work"):
            usd_per_unit(1.536, "tokens_per_s", 0)

    def test_cost_falls_as_the_rate_rises(self) -> None:
        draw = random.Random(0)
        for _ in range(200):
            price, slow = draw.uniform(0.01, 50), draw.uniform(1e-3, 1e4)
            fast = slow * draw.uniform(1.001, 100)
            assert usd_per_unit(price, "tokens_per_s", fast) < usd_per_unit(price, "tokens_per_s", slow)
            assert usd_per_unit(price, "train_s", slow) < usd_per_unit(price, "train_s", fast)


class TestBounds:
    def test_of_a_rate_swap(self) -> None:
        low, high = bounds(3.6, "requests_per_s", 8, 12.5)
        assert (low, high) == pytest.approx((1 / 12.5, 1 / 8))

    def test_of_a_time_dont(self) -> None:
        assert bounds(3600, "train_s", 8, 12.5) == pytest.approx((8, 12.5))

    def test_no_interval_stays_none(self) -> None:
        assert all(map(math.isnan, bounds(3.6, "requests_per_s", math.nan, math.nan)))


class TestPrice:
    def test_an_owned_hour_of_work_bears_the_hours_kept_for_it(self) -> None:
        assert MACHINE.price(ASSUMED) == pytest.approx((1.0, 0.1))
        assert MACHINE.price(ASSUMED).usd_per_hour(0.5) == pytest.approx(2.1)

    def test_the_site_draws_pue_times_as_much(self) -> None:
        assert MACHINE.price(Assumptions(1, 0.5, 0.2, pue=1.5)).busy_usd_per_hour == pytest.approx(0.15)

    def test_a_rented_hour_costs_the_same_at_any_utilisation(self) -> None:
        assert rented(1.536).usd_per_hour(0.01) == rented(1.536).usd_per_hour(1) == 1.536

    def test_machines_add_up(self) -> None:
        assert rented(2).times(3).usd_per_hour(1) == 6

    @pytest.mark.parametrize(
        ("accelerators", "gpus", "nodes", "machines"),
        [
            (0, 0, 0, 1), (0, 2, 0, 1), (1, 2, 0, 1), (2, 2, 1, 1), (3, 2, 0, 2), (4, 1, 0, 4), (4, 0, 0, 1),
            # Nodes count whole, used or not; what they don't suffice for takes more, as ever.
            (2, 2, 2, 2), (4, 1, 4, 4), (0, 0, 2, 2), (4, 1, 2, 4),
        ],
    )  # fmt: skip
    def test_whole_machines(self, accelerators: int, gpus: int, nodes: int, machines: int) -> None:
        assert machines_needed(accelerators, gpus, nodes) == machines

    def test_a_system_has_its_own_assumptions_first(self) -> None:
        config = {"lifetime_years": 5, "utilisation": 0.5, "electricity_usd_per_kwh": 0.15, "pue": 1}
        assert assumptions(config, {"cost": {"lifetime_years": 3}}) == Assumptions(3, 0.5, 0.15, 1)

    def test_power_from_the_energy_of_requests(self) -> None:
        assert power_w(energy_per_request_j=20, requests_per_s=5) == 100


class TestBreakEven:
    def test_hand_computed(self) -> None:
        # 1/u + 0.1 = 2.6 at u = 0.4; half as fast, 1/u + 0.1 = 1.3 at u = 1/1.2.
        assert break_even(Price(1, 0.1), rented(2.6), speed=1) == pytest.approx(0.4)
        assert break_even(Price(1, 0.1), rented(2.6), speed=0.5) == pytest.approx(1 / 1.2)

    def test_both_cost_the_same_there(self) -> None:
        draw = random.Random(1)
        for _ in range(200):
            owned, hour = Price(draw.uniform(0.01, 2), draw.uniform(0, 0.5)), rented(draw.uniform(0.6, 20))
            rates = draw.uniform(1, 2), draw.uniform(0.5, 1)
            at = break_even(owned, hour, rates[0] / rates[1])
            costs = [
                usd_per_unit(price.usd_per_hour(at), "frames_per_s", rate)
                for price, rate in zip((owned, hour), rates, strict=True)
            ]
            assert costs[0] == pytest.approx(costs[1])
            busier = usd_per_unit(owned.usd_per_hour(at * 1.01), "frames_per_s", rates[0])
            assert busier < costs[1]

    def test_owning_never_pays_where_its_electricity_costs_as_much(self) -> None:
        assert break_even(Price(1, 0.5), rented(0.5), speed=1) == math.inf

    def test_the_price_at_which_it_pays_at_the_assumed_utilisation(self) -> None:
        usd = break_even_purchase_usd(MACHINE.price(ASSUMED), rented(2.6), 1, ASSUMED)
        assert usd == pytest.approx(0.5 * 2.5 * 8766)
        there = Owned(usd, MACHINE.power_w).price(ASSUMED)
        assert break_even(there, rented(2.6), 1) == pytest.approx(ASSUMED.utilisation)


class TestSensitivity:
    def swings(self) -> dict[str, tuple[float, float]]:
        found = sensitivity(MACHINE, ASSUMED, rented(2.6), speed=1, percent=50)
        return {swing.what: (swing.low, swing.high) for swing in found}

    def test_hand_computed(self) -> None:
        swings = self.swings()
        assert swings["purchase price"] == pytest.approx((0.2, 0.6))
        assert swings["lifetime"] == pytest.approx((0.8, 0.4 / 1.5))
        assert swings["electricity"] == pytest.approx((1 / 2.55, 1 / 2.45))
        assert swings["throughput, or rent"] == pytest.approx((1 / 1.2, 1 / 3.8))

    def test_what_moves_it_most_comes_first(self) -> None:
        assert list(self.swings())[-1] == "electricity"

    def test_a_break_even_that_is_lost_counts_as_the_widest(self) -> None:
        found = sensitivity(MACHINE, ASSUMED, rented(0.15), speed=1, percent=50)
        assert found[0].what.startswith("throughput") and found[0].low == math.inf
