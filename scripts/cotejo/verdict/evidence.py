"""What a check is given, and what it finds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cotejo.serving_metrics import Seen
from cotejo.steadiness import Steadiness

Record = Mapping[str, Any]


class Finding(NamedTuple):
    """The best word that a result may still get, and the reason."""

    word: str
    reason: str


@dataclass(frozen=True)
class Evidence:
    """One load level of the records of one run that may be merged."""

    records: Sequence[Record]  # every attempt, by repeat, the failed among them
    level: str
    steadiness: Sequence[Steadiness]  # of that level of each whole record, in the order of `levels`
    values: Sequence[float]  # the level's first metric by repeat; empty where a repeat has none
    better: str  # of that metric: "higher" or "lower"; empty without values
    seen: Sequence[Seen] = ()  # by the client, in the order of `levels`; empty in process
    metrics: Mapping[str, Sequence[float]] = field(default_factory=dict)  # by name: the repeats' values

    @property
    def levels(self) -> list[Mapping[str, Any]]:
        """That level of each whole record."""
        whole = (record for record in self.records if record["status"] == "ok")
        return [part for record in whole for part in record["levels"] if part["level"] == self.level]


Check = Callable[[Evidence, Mapping[str, float]], list[Finding]]
