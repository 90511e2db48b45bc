"""What a re-analysis finds: one line of results/published/analysis.csv each."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from cotejo.labels import number
from cotejo.published.rounding import Rounded, is_cut_off, rounded

if TYPE_CHECKING:
    import pandas as pd

AGREES = "agrees"  # what is printed can be what follows from the other rows
DISAGREES = "disagrees"  # it can't, whatever the rounding
DERIVED = "derived"  # the document doesn't print it
TOO_FEW = "too few"  # samples, or repeats, for what is printed
UNTOLD = "untold"  # the document lacks what it takes to tell
SUPPORTED = "supported"  # a statement, by the document's own numbers
UNSUPPORTED = "not supported"
VERDICTS = (DISAGREES, UNSUPPORTED, TOO_FEW, UNTOLD, AGREES, SUPPORTED, DERIVED)  # the worst first

COLUMNS = (
    "study", "check", "subject", "formula", "found", "found_low", "found_high", "unit", "printed", "verdict", "note",
)  # fmt: skip


@dataclass(frozen=True)
class Check:
    """One finding. `found` follows from the rows by `formula`; `printed` is what the document says, as it says it."""

    check: str
    subject: str
    formula: str
    verdict: str
    found: Rounded | None = None
    unit: str = ""
    printed: str = ""
    note: str = ""

    @property
    def found_text(self) -> str:
        """What was found, to one place more than what is printed beside it, and at least three digits."""
        return "" if self.found is None else self._text(self.found.value)

    @property
    def bounds_text(self) -> str:
        """Between what it lies, as far as the rounding of what it was computed from lets it be known."""
        if self.found is None:
            return ""
        low, high = self._text(self.found.low), self._text(self.found.high)
        return "" if low == high else f"{low} to {high}"

    def _text(self, value: float) -> str:
        if self.found and self.found.low == self.found.high and value.is_integer():
            return f"{value:,.0f}"
        places = -int(Decimal(self.printed).as_tuple().exponent) + 1 if self.printed else 0
        return max(f"{value:,.{places}f}", number(value), key=len)


def compared(
    check: str, subject: str, formula: str, found: Rounded, printed: str, unit: str, bounds: Rounded | None = None
) -> Check:
    """A printed number against what follows from others; they agree where the rounding of all lets them.

    `bounds` of what is printed, where it wasn't rounded.
    """
    if found.fits(bounds or rounded(printed)):
        return Check(check, subject, formula, AGREES, found, unit, printed)
    note = (
        "the document drops the further places instead of rounding"
        if is_cut_off(printed, found)
        else _gap(found, bounds or rounded(printed))
    )
    return Check(check, subject, formula, DISAGREES, found, unit, printed, note)


def _gap(found: Rounded, printed: Rounded) -> str:
    """How far apart they are when rounding is given the benefit of the doubt."""
    low, high = (printed.high, found.low) if found.low > printed.high else (found.high, printed.low)
    return f"{number(100 * (high - low) / found.value)} % apart beyond rounding" if found.value else "apart"


def table(findings: Iterable[tuple[str, Check]]) -> "pd.DataFrame":
    """analysis.csv of (study, check): columns COLUMNS."""
    import pandas as pd

    rows = []
    for study, check in findings:
        found = check.found
        bounds = [f"{value:.10g}" for value in found] if found else ["", "", ""]
        told = (check.unit, check.printed, check.verdict, check.note)
        rows.append((study, check.check, check.subject, check.formula, *bounds, *told))
    return pd.DataFrame(rows, columns=list(COLUMNS))
