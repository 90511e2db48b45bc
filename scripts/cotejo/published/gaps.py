"""What a document leaves open: rows without a number, rows it lacks, machines that differ in several things."""

from collections.abc import Iterator, Mapping

from cotejo.labels import TIMES
from cotejo.published.check import DERIVED, UNTOLD, Check, compared
from cotejo.published.groups import Group, Paper, Row, alike
from cotejo.published.rounding import exact
from cotejo.published.rows import NO_NUMBER, OUT_OF_MEMORY

HARDWARE = ("cpu", "cores_per_socket", "sockets", "memory_gib", "gpu", "gpus", "pcie")
THREADS_OF_CORE = 2  # of x86 cores with simultaneous multithreading, which all of these are sold with


def unprinted(paper: Paper) -> Iterator[Check]:
    """The rows for which a document gives the command, or a line of a table, and no number."""
    for family in alike(paper.groups, ("concurrency",)):
        lacking = [group for group in family if _without_number(group)]
        for metric, row in _without_number(lacking[0]).items() if lacking else ():
            words = " … ".join(dict.fromkeys((lacking[0].words, lacking[-1].words)))
            printed = f"printed as “{row['value']}”" if row["value"] else row["note"]
            yield Check(
                "row without a number", words, metric.replace("_", " "), UNTOLD, None, row["unit"], note=printed
            )


def _without_number(group: Group) -> dict[str, Row]:
    """The rows that lack one, by metric; running out of memory is a result."""
    return {row["metric"]: row for row in group.rows if row["value"] in NO_NUMBER and row["value"] != OUT_OF_MEMORY}


def unasked(paper: Paper) -> Iterator[Check]:
    """The blocks that the study measures and the document has no row of."""
    printed = {group.run for group in paper.groups}
    for name in paper.blocks:
        if name not in printed:
            note = "measured by the study alone"
            yield Check("row that the study adds", name, "no row of the document", UNTOLD, note=note)


def vcpus(paper: Paper) -> Iterator[Check]:
    """The vCPUs of a machine, from its sockets and cores; what one of them costs in an hour."""
    for group in paper.groups:
        cores, sockets = group.text("cores_per_socket", "count"), group.text("sockets", "count")
        count, price = group.text("vcpus", "count"), group.figure("price", "on demand")
        if cores is not None and sockets is not None and count is not None:
            found = exact(float(cores) * float(sockets) * THREADS_OF_CORE)
            formula = f"{sockets} {TIMES} {cores} {TIMES} {THREADS_OF_CORE}"
            yield compared("vCPUs of a machine", group.words, formula, found, count, "vCPUs")
        if price is not None and count is not None:
            formula = f"{price.value:g} USD/h / {count}"
            yield Check("price of a vCPU", group.words, formula, DERIVED, price / exact(float(count)), "USD/h")


def machines(paper: Paper) -> Iterator[Check]:
    """The same on two machines, and in how many things these differ."""
    for family in alike(paper.groups, ("system",)):
        rates = [(group, rate) for group in family if (rate := group.figure("inference_rate", "mean"))]
        for group, rate in rates[1:]:
            base, other = rates[0]
            unlike = ", ".join(differing(*(paper.systems.get(one.what["system"], {}) for one in (group, base))))
            formula = f"{rate.value:g} / {other.value:g} {group.unit('inference_rate')}"
            note = f"base: {base.words}; they differ in {unlike}: the numbers can't say which of these it is"
            yield Check("one machine against another", group.words, formula, DERIVED, rate / other, TIMES, note=note)


def differing(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    """The hardware in which two systems differ, by the names of config/systems."""
    return [key for key in HARDWARE if one.get(key) != other.get(key)]


CHECKS = (unprinted, unasked, vcpus, machines)
