"""What the workflow tells the terminal before its first job, as plain data that a message of its log carries."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# The attribute of the log record that has them.
ATTRIBUTE = "cotejo"


@dataclass(frozen=True)
class Repeat:
    """A repeat that is to be measured. Times are what earlier ones lead to expect; None: nobody knows."""

    study: str  # the name of its results folder
    words: str  # its run
    number: int
    of: int
    low_s: float
    high_s: float | None

    @property
    def likely_s(self) -> float:
        """One number for the time left, which is made up for as soon as it is known how long repeats really take."""
        return self.low_s if self.high_s is None else (self.low_s + self.high_s) / 2

    def told(self) -> str:
        """ "text-genai, openvino-genai int8, 1 core, repeat 3 of 6"."""
        return f"{self.words}, repeat {self.number} of {self.of}"

    def brief(self) -> str:
        """The same for a line that has to hold a result too: "text-genai, openvino-genai int8, 1 core (3 of 6)"."""
        return f"{self.words} ({self.number} of {self.of})"


@dataclass(frozen=True)
class Facts:
    """The repeats by the records that they will write, as Snakemake names these; and the results folders' names."""

    repeats: Mapping[str, Repeat] = field(default_factory=dict)
    studies: tuple[str, ...] = ()
    submitted: bool = False  # to a cluster's queue, where several may be measured at once, or none for long
