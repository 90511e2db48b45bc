"""The figure of a stall, on known numbers."""

import numpy as np
import pytest

from cotejo.figures import style
from tests.method.measure_omission import (
    COTEJO,
    HEY,
    SERVICE_S,
    STALL_S,
    TRUE,
    Seen,
    any_caller,
    omission_figure,
    omission_table,
)


def seen() -> dict[str, Seen]:
    quick = Seen(np.linspace(0, 10, 500), np.full(500, 0.005))
    return {TRUE: any_caller(), COTEJO: quick, HEY: quick}


def test_a_caller_waits_for_the_rest_of_the_stall() -> None:
    due_s, latency_s = any_caller()
    begin_s, end_s = STALL_S
    met = (due_s + SERVICE_S >= begin_s) & (due_s + SERVICE_S < end_s)
    assert met.mean() == pytest.approx(0.1, abs=0.001)
    assert latency_s[~met] == pytest.approx(SERVICE_S) and (due_s + latency_s)[met] == pytest.approx(end_s)


def test_the_table_has_percentiles_and_the_longest() -> None:
    lines = omission_table(seen()).splitlines()
    assert lines[2] == "| any caller |  | 5.0 ms | 5.1 ms | 505.1 ms | 905.1 ms | 1005 ms |"
    assert lines[3] == "| Cotejo, open loop | 500 | 5.0 ms | 5.0 ms | 5.0 ms | 5.0 ms | 5 ms |"


def test_the_figure_shows_each_client_over_time_and_over_percentiles() -> None:
    with style.applied(style.STYLES["full"]):
        times, shares = omission_figure(seen()).axes
    assert [line.get_label() for line in times.get_lines()] == [TRUE, COTEJO, HEY]
    assert len(shares.get_lines()) == 4  # and p99
