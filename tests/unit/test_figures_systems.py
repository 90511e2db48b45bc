"""Whatever a figure shows of two systems, it says of each thing which of them it is of."""

import pandas as pd
import pytest
from test_figures import FULL, draw, texts

BOTH = ("plain", "big")
# Of costs a machine has a name and a price; and each of its examples is of two machines already.
KINDS = [kind for kind in FULL if kind not in ("cost_speed", "break_even")]


@pytest.mark.parametrize("kind", KINDS)
def test_two_systems_are_told_apart(kind: str) -> None:
    rows, options = FULL[kind]
    measured = rows.assign(system=rows["system"].where(rows["system"] == "", "plain"))
    other = rows[rows["system"] != ""].assign(system="big")
    shown = texts(draw(kind, pd.concat([measured, other], ignore_index=True), options))
    for system in BOTH:
        assert [text for text in shown if system in text], (system, shown)


def test_what_one_of_two_lacks_is_a_gap_of_that_one() -> None:
    rows, options = FULL["bars"]
    first = rows[rows["median"].notna()].iloc[:1]
    lacking = first.assign(
        system="plain", verdict="not measured", needs="2 GPUs", reasons="needs 2 GPUs", environment="", metric="",
        median=float("nan"), low=float("nan"), high=float("nan"), values="", level="",
    )  # fmt: skip
    shown = texts(draw("bars", pd.concat([first.assign(system="big"), lacking], ignore_index=True), options))
    assert [text for text in shown if "plain" in text]
    assert [text for text in shown if "needs 2 GPUs" in text]
