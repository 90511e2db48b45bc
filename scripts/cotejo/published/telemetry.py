"""What the published logs of `nvidia-smi dmon` tell: how often they looked, how busy GPUs were, what PCIe carried."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cotejo.published.check import DERIVED, Check
from cotejo.published.groups import Paper
from cotejo.published.rounding import exact

Line = Mapping[str, Any]
PCIE = ("rx_mb_per_s", "tx_mb_per_s")


def looks(paper: Paper) -> Iterator[Check]:
    """How often each log looked, and what it saw."""
    for name, lines in paper.logs.items():
        instants = by_instant(lines)
        busy = [sum(line["utilisation_percent"] for line in instant) for instant in instants]
        traffic = [line[column] for line in lines for column in PCIE]
        over = sum(value > 1000 for value in traffic)
        passes = [
            float(text)
            for group in paper.groups
            for statistic, text in group.numbers("wall_time").items()
            if statistic != "mean"
        ]
        note = (
            f"dmon looks once a second unless told otherwise; the shortest pass took {min(passes):,.0f} s"
            if passes
            else ""
        )
        yield Check("looks of a log", name, "lines over GPUs", DERIVED, exact(len(instants)), "looks", note=note)
        together = sum(all(line["utilisation_percent"] for line in instant) for instant in instants)
        yield Check(
            "work of all GPUs together", name, "mean of the sum of sm", DERIVED, exact(sum(busy) / len(busy)),
            "% of one GPU", note=f"{together} of {len(instants)} looks saw all of them at work",
        )  # fmt: skip
        yield Check(
            "PCIe traffic of a GPU", name, "mean of rxpci + txpci", DERIVED,
            exact(sum(traffic) / len(lines)), "MB/s", note=f"{over} of {len(traffic)} values are over 1,000 MB/s, the "
            f"greatest is {max(traffic):,.0f}",
        )  # fmt: skip


def by_instant(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines of each look: one for each GPU, in the order of the file; a last look that is cut is left out."""
    gpus = list(dict.fromkeys(line["gpu"] for line in lines))
    looks_of = [[line for line in lines if line["gpu"] == gpu] for gpu in gpus]
    return [list(look) for look in zip(*looks_of, strict=False)]


CHECKS = (looks,)
