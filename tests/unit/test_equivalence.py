import pytest

from cotejo.equivalence import Ratio, ratio_of, rounding, stand


def test_a_rate_and_its_time_stand_alike() -> None:
    for low, high in ((0.93, 1.0), (1.0, 1.09), (1.2, 1.3), (0.5, 0.7), (0.8, 1.0), (0.905, 1.0), (0.95, 1.11)):
        as_rate = stand(Ratio(low, low, high), 0.1, "higher")
        as_time = stand(Ratio(1 / low, 1 / high, 1 / low), 0.1, "lower")
        assert as_rate[0] == as_time[0]


def test_without_an_interval_nothing_is_said() -> None:
    assert stand(Ratio(1.0, None, None), 0.1, "higher") == ("not comparable", "no interval: too few repeats")


@pytest.mark.parametrize(
    ("value", "share"),
    [("3", 0.5 / 3), ("0.16", 0.005 / 0.16), ("229.60", 0.005 / 229.6), ("100", 0.005), ("OOM", 0), ("0", 0)],
)
def test_rounding_is_half_a_unit_of_the_last_place(value: str, share: float) -> None:
    assert rounding(value) == pytest.approx(share)


def test_a_ratio_has_the_interval_of_the_repeats_and_of_the_printed_digits() -> None:
    row = {"median": 10.0, "low": 9.0, "high": 11.0}
    assert ratio_of(row, 20.0) == Ratio(0.5, 0.45, 0.55)
    assert ratio_of(row, 20.0, 0.1) == pytest.approx((0.5, 9 / 22, 11 / 18))
    nan = float("nan")
    assert ratio_of(row | {"low": nan, "high": nan}, 20.0) == Ratio(0.5, None, None)
