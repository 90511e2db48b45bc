import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cost_example import CONFIG, SYSTEMS, priced, published, published_row
from pandas.testing import assert_frame_equal
from summary_example import failed, measured, not_measured, served, summary, without_value

from cotejo.cost_pairs import pairs, taken_as
from cotejo.cost_rows import COLUMNS, price_of
from cotejo.cost_table import cost_table, read_cost
from cotejo.cost_words import NOT_COUNTED, said_of_prices, without_price

TEN = [10.0] * 6  # tokens/s: 100,000 s for a million
SPREAD = [8.0, 9.0, 10.0, 10.0, 12.0, 12.5]


def rows(table: pd.DataFrame, basis: str = "measured") -> list[dict[str, Any]]:
    return [*table[table["basis"] == basis].to_dict("records")]  # type: ignore[list-item]


def only(table: pd.DataFrame, basis: str = "measured") -> dict[str, Any]:
    [row] = rows(table, basis)
    return row


def energy(boundary: str, joules: float, **changes: Any) -> dict[str, Any]:
    """The energy of one of 60 requests in 12 s: 5 a second."""
    name = f"{boundary}_energy_per_request_j"
    return measured([joules] * 6, metric=name, unit="J", better="lower", source="telemetry", **changes)


class TestCosts:
    def test_a_rented_machine_by_the_hour(self) -> None:
        row = only(priced(summary(measured(TEN, system="cloud"))))
        assert row["usd"] == pytest.approx(100)
        assert (row["per"], row["machine"], row["assumed"]) == ("million tokens", "Cloud instance", "")
        assert math.isnan(row["power_w"]) and row["machines"] == 1

    def test_an_owned_one_by_price_lifetime_utilisation_and_power(self) -> None:
        row = only(priced(summary(measured(TEN, system="own"))))
        assert row["usd"] == pytest.approx(2.15 * 1e5 / 3600)
        assert (row["lifetime_years"], row["utilisation"], row["power_w"]) == (5, 0.5, 1000)
        assert json.loads(row["assumed"]) == SYSTEMS["own"]["assumed"]

    def test_the_interval_is_that_of_the_rate_turned_round(self) -> None:
        row = only(priced(summary(measured(SPREAD, system="cloud"))))
        assert (row["usd_low"], row["usd_high"]) == pytest.approx((1000 / 12.5, 1000 / 8))
        assert row["usd_low"] < row["usd"] < row["usd_high"]
        assert math.isnan(only(priced(summary(measured([10.0], system="cloud"))))["usd_high"])

    def test_a_run_on_more_gpus_than_the_machine_has_takes_several(self) -> None:
        row = only(priced(summary(measured(TEN, system="cluster", device="cuda", accelerators="4"))))
        assert row["machines"] == 4
        assert row["usd"] == pytest.approx(4 * 2 * 1e5 / 3600)

    def test_one_level_has_the_costs_of_all_that_is_bought(self) -> None:
        table = priced(summary(served("requests_per_s", 10, 4, system="cloud"), measured(TEN, system="cloud")))
        assert [row["per"] for row in rows(table)] == ["1,000 inferences", "million tokens"]

    def test_of_training_only_the_whole_run_is_bought(self) -> None:
        tuning = {"task": "fine-tuning", "system": "cloud"}
        table = priced(summary(measured(TEN, **tuning), measured([7200.0] * 6, metric="train_s", **tuning)))
        assert (only(table)["per"], only(table)["usd"]) == ("fine-tuning run", pytest.approx(7.2))

    def test_latencies_cost_nothing(self) -> None:
        assert not rows(priced(summary(served("latency_p50_ms", 10, 4, system="cloud"))))


def test_so_many_nodes_cost_so_many_machines() -> None:
    systems = {"cluster": {"name": "Node", "site": "cluster", "gpu": "A100", "gpus": 2, "usd_per_hour": 2.0}}
    two_gpus = {"system": "cluster", "device": "cuda", "accelerators": "2"}
    table = summary(measured(TEN, **two_gpus), measured(TEN, **two_gpus, nodes="2", run="on-two"))
    one, two = rows(priced(table, systems=systems))
    assert ((one["machines"], one["nodes"]), (two["machines"], two["nodes"])) == ((1, ""), (2, "2"))
    assert two["usd"] == pytest.approx(2 * one["usd"])


class TestBlanks:
    def test_a_machine_without_a_price_says_which_file_lacks_which_key(self) -> None:
        row = only(priced(summary(measured(TEN, system="free"))))
        assert math.isnan(row["usd"]) and math.isnan(row["machines"])
        assert row["reason"].startswith(
            "config/systems/free.yaml: neither usd_per_hour nor purchase_usd is given. Give"
        )

    def test_a_machine_without_a_file_likewise(self) -> None:
        assert (
            "config/systems/lab.yaml: no such file. Write it"
            in only(priced(summary(measured(TEN, system="lab"))))["reason"]
        )

    def test_power_is_needed_of_an_owned_one(self) -> None:
        systems = {"own": {"name": "Own", "site": "edge", "purchase_usd": 1000}}
        row = only(priced(summary(measured(TEN, system="own")), systems=systems))
        assert row["reason"].startswith("config/systems/own.yaml: power_w is not given, and no energy was measured")

    def test_what_has_no_rate_says_why(self) -> None:
        blank = without_value(measured(TEN, system="cloud"), "no value in 1 of 6 repeats; repeats 5 < 6")
        nothing = (not_measured(), not_measured(system="cloud"), not_measured(system="cloud", reasons="needs 2 GPUs"))
        table = priced(summary(blank, failed(system="cloud"), *nothing))
        told = ["no value in 1 of 6 repeats", "parity", "not measured", "not measured", "needs 2 GPUs"]
        assert [row["reason"] for row in rows(table)] == told
        assert all(math.isnan(row["usd"]) for row in rows(table))

    def test_named_systems_have_a_row_even_where_nothing_was_measured(self) -> None:
        table = priced(summary(), named=["own", "free"])
        assert [(row["system"], row["usd_per_hour"] > 0, bool(row["reason"])) for row in rows(table, "")] == [
            ("own", False, False),
            ("free", False, True),
        ]

    def test_a_table_is_the_same_once_it_was_written_and_read(self, tmp_path: Path) -> None:
        rates = summary(measured(SPREAD, system="own"), failed(system="free"), served("requests_per_s", 10, 4))
        table = cost_table(rates, published(published_row()), SYSTEMS, CONFIG, ["own", "cloud"])
        table.to_csv(tmp_path / "cost.csv", index=False)
        assert_frame_equal(read_cost(tmp_path / "cost.csv"), table)

    def test_nothing_gives_an_empty_table(self) -> None:
        assert list(cost_table(summary(), published(published_row())[:0], {}, {}, []).columns) == list(COLUMNS)


class TestEnergy:
    def test_measured_power_comes_before_what_the_file_says(self) -> None:
        table = priced(summary(measured(TEN, system="own"), energy("package", 20, system="own")))
        row = only(table)
        assert (row["power_w"], row["power"]) == (pytest.approx(100), "measured, of CPU packages (RAPL) alone")
        assert row["usd"] == pytest.approx((2 + 0.015) * 1e5 / 3600)

    def test_a_gpu_run_needs_the_gpus_energy(self) -> None:
        gpu = {"system": "own", "device": "cuda"}
        packages_alone = priced(summary(measured(TEN, **gpu), energy("package", 20, **gpu)))
        assert (only(packages_alone)["power_w"], only(packages_alone)["power"]) == (1000, "")
        both = priced(summary(measured(TEN, **gpu), energy("package", 20, **gpu), energy("gpu", 60, **gpu)))
        assert only(both)["power_w"] == pytest.approx(400)
        assert only(both)["power"] == "measured, of CPU packages (RAPL) and GPUs (NVML) alone"

    def test_another_levels_energy_is_not_taken(self) -> None:
        other = energy("package", 20, system="own", level="other")
        assert only(priced(summary(measured(TEN, system="own"), other)))["power_w"] == 1000

    def test_electricity_is_in_a_rented_hour(self) -> None:
        table = priced(summary(measured(TEN, system="cloud"), energy("package", 20, system="cloud")))
        assert math.isnan(only(table)["power_w"]) and only(table)["usd"] == pytest.approx(100)


class TestPublished:
    def test_published_rates_cost_too(self) -> None:
        row = only(priced(summary(), published=published(published_row())), "published")
        assert row["usd"] == pytest.approx(3.6 * 80 / 3600)
        assert (row["name"], row["device"], row["unit"], row["verdict"]) == ("cpu", "", "requests/s", "published")

    def test_of_iterations_only_their_mean(self) -> None:
        found = published(published_row(statistic="iteration1", in_ours=10.0), published_row())
        assert only(priced(summary(), published=found), "published")["median"] == 12.5

    def test_what_the_document_prints_instead_is_the_reason(self) -> None:
        row = only(priced(summary(), published=published(published_row(value="OOM", in_ours=math.nan))), "published")
        assert row["reason"] == "the document prints OOM"


class TestPairs:
    def of(self, *members: dict[str, Any], **options: Any) -> list[Any]:
        return pairs(rows(priced(summary(*members), **options)) + rows(priced(summary(), **options), "published"))

    def test_the_same_run_on_both(self) -> None:
        own = measured(SPREAD, system="own")
        [pair] = self.of(own, measured(TEN, system="cloud"), measured(TEN, system="cloud", precision="int4"))
        assert (pair.speed, pair.break_even()) == (1.0, pytest.approx(1 / (3.6 - 0.15)))
        assert (pair.speed_low, pair.speed_high) == (0.8, 1.25)
        assert pair.interval == pytest.approx((1 / (4.5 - 0.15), 1 / (2.88 - 0.15)))
        assert pair.purchase_usd == pytest.approx(0.5 * 3.45 * 43830)

    def test_a_shorter_time_is_a_higher_speed(self) -> None:
        rtf = {"metric": "real_time_factor", "better": "lower"}
        [pair] = self.of(measured([0.1] * 6, system="own", **rtf), measured([0.2] * 6, system="cloud", **rtf))
        assert pair.speed == pytest.approx(2)

    def test_a_published_rate_leaves_open_what_it_does_not_say(self) -> None:
        own = served("requests_per_s", 25, 4, system="own", scale="full", weights="hub")
        [pair] = self.of(own, published=published(published_row(), published_row(concurrency="8")))
        assert pair.speed == pytest.approx(2, rel=0.02) and math.isnan(pair.interval[0])

    @pytest.mark.parametrize("change", [{"weights": "synthetic"}, {"scale": "small"}, {"instead_of": "device=cuda"}])
    def test_what_stands_in_is_not_what_was_published(self, change: dict[str, str]) -> None:
        own = served("requests_per_s", 25, 4, **{"system": "own", "scale": "full", "weights": "hub", **change})
        assert not self.of(own, published=published(published_row()))

    def test_another_load_is_other_work(self) -> None:
        assert not self.of(
            served("requests_per_s", 25, 4, system="own"), served("requests_per_s", 25, 8, system="cloud")
        )

    def test_two_machines_without_rates_at_a_speed_taken_for_granted(self) -> None:
        own, cloud = rows(priced(summary(), named=["own", "cloud"]), "")
        assert taken_as(own, cloud, 0.5).break_even() == pytest.approx(1 / (1.8 - 0.15))

    def test_the_price_is_recomputed_from_the_row(self) -> None:
        assert price_of(only(priced(summary(measured(TEN, system="own"))))) == pytest.approx((1, 0.15))


class TestWords:
    def test_every_number_that_went_in_is_said_and_what_is_assumed_of_it(self) -> None:
        table = priced(summary(measured(TEN, system="own"), measured(TEN, system="cloud")))
        assert [text.replace("\u00a0", " ") for text in said_of_prices(rows(table))] == [
            "Own server: bought for 43,830 USD*, 1,000 W: 2.15 USD an hour of work.",
            "Cloud instance: 3.6 USD an hour, paid while it works.",
            "Owned machines are assumed to be kept for 5 years, at work 50 % of the time, electricity to cost "
            "0.15 USD/kWh, and the PUE to be 1.",
            "* Assumed. Purchase price: a round number; replace it by your own invoice.",
            NOT_COUNTED,
        ]

    def test_several_machines_are_counted(self) -> None:
        table = priced(summary(measured(TEN, system="cluster", device="cuda", accelerators="2")))
        assert "2 × Node, 1 × A100: 2 USD an hour each" in said_of_prices(rows(table))[0].replace("\u00a0", " ")  # noqa: RUF001

    def test_measured_power_says_whose_it_was(self) -> None:
        table = priced(summary(measured(TEN, system="own"), energy("package", 20, system="own")))
        assert "100 W measured, of CPU packages (RAPL) alone" in said_of_prices(rows(table))[0].replace("\u00a0", " ")

    def test_without_a_price_there_is_nothing_to_say_but_the_remedy(self) -> None:
        table = priced(summary(measured(TEN, system="free"), failed(system="free")))
        assert said_of_prices(rows(table)) == []
        assert len(without_price(rows(table))) == 1
