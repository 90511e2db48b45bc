"""What a printed number leaves open, and whether two can be the same."""

import pytest

from cotejo.published.rounding import cut, exact, is_cut_off, rounded, total


def test_a_rounded_number_is_half_a_unit_of_its_last_place_wide():
    assert rounded("2.674") == pytest.approx((2.674, 2.6735, 2.6745))
    assert rounded("4.20") == pytest.approx((4.2, 4.195, 4.205))
    assert rounded("551") == pytest.approx((551, 550.5, 551.5))
    assert rounded("0.0000").low == 0


def test_a_cut_number_only_reaches_up():
    assert cut("2193") == (2193, 2193, 2194)


def test_a_quotient_reaches_as_far_as_both():
    assert exact(6081) / cut("1893") == pytest.approx((6081 / 1893, 6081 / 1894, 6081 / 1893))
    assert rounded("13") / rounded("15") == pytest.approx((13 / 15, 12.5 / 15.5, 13.5 / 14.5))


def test_a_product_and_a_sum():
    assert rounded("0.5").times(exact(64)) == pytest.approx((32, 28.8, 35.2))
    assert total([cut("1"), cut("2"), exact(3)]) == (6, 6, 8)


@pytest.mark.parametrize(
    ("printed", "found", "same"),
    [
        ("3.051", exact(6081) / rounded("1992.96"), True),
        ("2.674", exact(6081) / rounded("2273.64"), False),
        ("2.675", exact(6081) / rounded("2273.64"), True),
        ("0.98", exact(100) / cut("101"), True),
        ("0.98", exact(100) / exact(101), False),  # what a progress bar cuts makes the difference
        ("551", exact(551), True),
        ("0.3", rounded("0.1").times(exact(3)), True),
    ],
)
def test_fits(printed, found, same):
    assert rounded(printed).fits(found) is found.fits(rounded(printed)) is same


def test_bounds_that_only_meet_fit_whatever_the_floating_point():
    assert rounded("0.25").fits(exact(0.255))
    assert not rounded("0.25").fits(exact(0.2551))


def test_cut_off_instead_of_rounded():
    assert is_cut_off("2.674", exact(6081) / rounded("2273.64"))
    assert not is_cut_off("2.675", exact(6081) / rounded("2273.64"))  # it fits
    assert not is_cut_off("2.670", exact(6081) / rounded("2273.64"))  # it is wrong either way
