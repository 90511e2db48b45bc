"""How far a study is, and how long it will still take."""

from dataclasses import dataclass, field

from cotejo.terminal.facts import Facts
from cotejo.terminal.words import coarse

BAR = 24


@dataclass
class Progress:
    """Steps and repeats, done and to do. Instants are in seconds on one clock."""

    facts: Facts = field(default_factory=Facts)
    steps: int = 0
    done: int = 0
    measured: set[str] = field(default_factory=set)  # records
    given_up: set[str] = field(default_factory=set)  # records that no job will write any more
    began_s: float | None = None  # when the first repeat was begun
    ended_s: float = 0.0  # when the last one ended

    def end_repeat(self, record: str, now_s: float, measured: bool) -> None:
        """Note that a repeat was measured, or that it won't be."""
        (self.measured if measured else self.given_up).add(record)
        if measured:
            self.ended_s = now_s

    def pace(self) -> float | None:
        """By how much repeats take longer than was expected, several at once counted too; None before the first."""
        expected_s = sum(self.facts.repeats[record].likely_s for record in self.measured & self.facts.repeats.keys())
        if self.began_s is None or expected_s <= 0:
            return None
        return (self.ended_s - self.began_s) / expected_s

    def left_s(self, now_s: float) -> float | None:
        """How long measuring will still take; None where that isn't known yet, as before a queue's first repeat."""
        pace = self.pace()
        if pace is None and self.facts.submitted:
            return None
        to_come = self.facts.repeats.keys() - self.measured - self.given_up
        if not to_come:
            return None
        expected_s = (pace or 1.0) * sum(self.facts.repeats[record].likely_s for record in to_come)
        since_s = now_s - max(self.ended_s, self.began_s) if self.began_s is not None else 0.0
        return max(0.0, expected_s - since_s)

    def line(self, now_s: float, width: int) -> str:
        """ "[====----] 42 of 56 steps, 20 of 36 repeats, about 4 min of measuring left"."""
        parts = [f"{self.done} of {self.steps} steps"]
        if self.facts.repeats:
            parts.append(f"{len(self.measured)} of {len(self.facts.repeats)} repeats")
        left_s = self.left_s(now_s)
        if left_s is not None:
            parts.append(f"about {coarse(left_s)} of measuring left")
        told = ", ".join(parts)
        room = min(BAR, width - len(told) - 3)
        if room < 4 or not self.steps:
            return told
        full = room * self.done // self.steps
        return f"[{'=' * full}{'-' * (room - full)}] {told}"
