"""Whether the clocks of GPUs have settled, which is when a warm-up in process may end."""

import statistics
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

# A GPU at rest reaches its clock within a second of work, and then loses steps of 15 MHz, 1 % of it, while it warms up
# to where its fans or its power cap hold it. Two steps between the parts of three seconds are none that lasts.
STEADY_S, PARTS = 3.0, 3
STEADY_PERCENT = 2.0
# One whose cap or heat moves its clocks for longer is measured as it is: its telemetry tells by how much they moved.
MOST_S = 60.0

LEAST_READINGS = 4  # where requests take longer than STEADY_S together
PERIOD_S = 0.1

Read = Callable[[], Sequence[float | None]]  # the clock of each GPU, in MHz


class Settling:
    """Asked after each request of a warm-up that could end: the clocks are read then, for they fall at rest."""

    def __init__(self, read: Read | None, clock: Callable[[], float]) -> None:
        self._read, self._clock = read, clock
        self._readings: list[tuple[float, Sequence[float | None]]] = []
        self._settled: bool | None = None

    def over(self) -> bool:
        """Whether they have settled, or have had time enough, or can't be read."""
        if self._read is None:
            return True
        now_s = self._clock()
        if self._readings and now_s - self._readings[-1][0] < PERIOD_S:
            return False
        self._readings.append((now_s, self._read()))
        self._settled = self._steady(now_s)
        return self._settled or self._waited_s() >= MOST_S

    def facts(self) -> dict[str, Any]:
        """As a record's level has it."""
        return {"settled": self._settled, "waited_s": self._waited_s()}

    def _waited_s(self) -> float:
        return self._readings[-1][0] - self._readings[0][0] if self._readings else 0.0

    def _steady(self, now_s: float) -> bool:
        if self._waited_s() < STEADY_S or len(self._readings) < LEAST_READINGS:
            return False
        recent = [clocks for time_s, clocks in self._readings if time_s >= now_s - STEADY_S]
        recent = max(recent, [clocks for _, clocks in self._readings[-LEAST_READINGS:]], key=len)
        return all(_is_steady([value for value in series if value]) for series in zip(*recent, strict=True))


def _is_steady(series: Sequence[float]) -> bool:
    """Whether the means of its three parts lie together. Of two, those of a clock that swings would do so now and then,
    and single readings jump at a power cap.
    """
    if len(series) < PARTS:
        return True  # it isn't told
    places = [len(series) * part // PARTS for part in range(PARTS + 1)]
    means = [statistics.fmean(series[first:last]) for first, last in pairwise(places)]
    return (max(means) / min(means) - 1) * 100 <= STEADY_PERCENT
