from typing import Any

import pytest
from cost_example import priced, published, published_row
from summary_example import failed, measured, served, summary

from cotejo.report.cost import cost
from cotejo.report.page import environment

OWN, CLOUD = measured([10.0] * 6, system="own"), measured([8.0, 9.0, 10.0, 10.0, 12.0, 12.5], system="cloud")


def of(*rows: dict[str, Any], **made: Any) -> dict[str, Any]:
    told = cost(priced(summary(*rows), **made))
    assert told is not None
    return told


def html(told: dict[str, Any]) -> str:
    made = environment()
    parts = made.get_template("parts.html.jinja").module
    section = made.get_template("cost.html.jinja").render(
        cost=told, cost_table="cost.csv", part=parts, sections={"cost": "Cost"}
    )
    return section.replace("\u00a0", " ")


def test_a_line_for_each_rate_that_has_a_cost() -> None:
    told = of(OWN, CLOUD, served("requests_per_s", 10, 4, system="cloud"), failed(system="own"))
    assert [(group["per"], len(group["lines"])) for group in told["groups"]] == [
        ("million tokens", 2),
        ("1,000 inferences", 1),
    ]
    own, cloud = told["groups"][0]["lines"]
    assert (own["usd"], own["hour"], own["machine"]) == ("59.7", "2.15", "Own server")
    assert (cloud["usd"], cloud["interval"], cloud["rate_interval"]) == ("100", "80.0 to 125", "8.00 to 12.5")


def test_a_line_for_each_pair_of_an_owned_and_a_rented_machine() -> None:
    [line] = of(OWN, CLOUD)["break_evens"]
    assert (line["share"], line["interval"]) == ("29\u00a0%", "23\u00a0% to 37\u00a0%")
    assert (line["speed"], line["purchase"], line["verdicts"]) == ("1.00", "76,000", ["smoke"])


def test_owning_that_never_pays_says_so() -> None:
    [line] = of(OWN, measured([500.0] * 6, system="cloud"))["break_evens"]
    assert (line["share"], line["interval"], line["purchase"]) == ("never", "", "none")


def test_machines_without_a_price_are_named_once_with_the_remedy() -> None:
    told = of(measured([10.0] * 6, system="free"), measured([9.0] * 6, system="free", precision="fp16"))
    assert not told["groups"] and len(told["lacking"]) == 1
    page = html(told)
    assert "config/systems/free.yaml: neither usd_per_hour nor purchase_usd is given" in page
    assert "<table" not in page


def test_the_page_has_costs_break_evens_and_what_they_were_counted_with() -> None:
    page = html(of(OWN, CLOUD, published=published(published_row())))
    for part in ("USD per million tokens", "59.7", "80.0 to 125", "29 %", "76,000", "published", "own invoice"):
        assert part in page


@pytest.mark.parametrize("named", [[], ["own"]])
def test_a_study_without_rates_says_only_what_there_is(named: list[str]) -> None:
    told = cost(priced(summary(), named=named))
    assert (told is None) == (not named)
    if told:
        assert not told["groups"] and "bought for" in html(told)
