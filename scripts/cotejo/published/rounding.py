"""Numbers as printed: each stands for all that are written alike, and so does what is computed from them."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple


class Rounded(NamedTuple):
    """A positive number, or 0, of which only its printed form is known: it lies between `low` and `high`.

    Computing with several takes them as independent, so that bounds may be wider than they need be, never narrower.
    """

    value: float
    low: float
    high: float

    def __truediv__(self, other: "Rounded") -> "Rounded":
        return Rounded(self.value / other.value, self.low / other.high, self.high / other.low)

    def times(self, other: "Rounded") -> "Rounded":
        """The product: `*` repeats a tuple."""
        return Rounded(self.value * other.value, self.low * other.low, self.high * other.high)

    def fits(self, other: "Rounded") -> bool:
        """Whether both can be the same number; bounds that differ by floating-point error alone meet."""
        slack = 1e-12 * max(self.high, other.high)
        return self.low <= other.high + slack and other.low <= self.high + slack


def exact(value: float) -> Rounded:
    """A count, or anything else that is what it says."""
    return Rounded(*[float(value)] * 3)


def rounded(text: str) -> Rounded:
    """A number printed to so many places: half a unit of the last one to either side."""
    value, half = float(text), float(_last_place(text)) / 2
    return Rounded(value, max(0.0, value - half), value + half)


def cut(text: str) -> Rounded:
    """A number whose further places were dropped, as progress bars do with seconds (tqdm, std.py, format_interval)."""
    value = float(text)
    return Rounded(value, value, value + float(_last_place(text)))


def total(parts: Iterable[Rounded]) -> Rounded:
    """The sum."""
    values, lows, highs = zip(*parts, strict=True)
    return Rounded(sum(values), sum(lows), sum(highs))


def is_cut_off(text: str, found: Rounded) -> bool:
    """Whether a printed number is another one whose further places were dropped where they should have been rounded."""
    return not rounded(text).fits(found) and cut(text).low <= found.value < cut(text).high


def _last_place(text: str) -> Decimal:
    """What one unit of the last printed digit is worth."""
    exponent = Decimal(text).as_tuple().exponent
    assert isinstance(exponent, int)
    return Decimal(1).scaleb(exponent)
