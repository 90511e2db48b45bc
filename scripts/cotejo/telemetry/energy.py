"""The energy of the CPU packages, by the counters that the kernel calls RAPL (Intel's and AMD's)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cotejo.telemetry.source import KeptFile, Reading, Source, Target


class Domain(NamedTuple):
    """A package's counter, in µJ. After `most_uj` it begins again at 0."""

    counter: KeptFile
    most_uj: int


class Rapl(Source):
    """The energy of each package since the first reading. Between two readings a counter may begin anew once."""

    period_s, share = 0.2, 0.0005

    def __init__(self, domains: Mapping[str, Domain]) -> None:
        self._domains = {f"package_energy_j[RAPL {name}]": domain for name, domain in domains.items()}
        self._last_uj = {column: int(domain.counter.read()) for column, domain in self._domains.items()}
        self._sum_uj = dict.fromkeys(self._domains, 0)
        self.columns = tuple(self._domains)

    def read(self) -> Reading:
        for column, domain in self._domains.items():
            now_uj = int(domain.counter.read())
            grown_uj = now_uj - self._last_uj[column]
            self._sum_uj[column] += grown_uj if grown_uj >= 0 else grown_uj + domain.most_uj
            self._last_uj[column] = now_uj
        return {column: sum_uj / 1e6 for column, sum_uj in self._sum_uj.items()}


def sources(target: Target) -> Sequence[Source]:
    """None where a package's counter is missing or may not be read: the sum of the others would look like all."""
    try:
        domains = dict(_packages(target.sys / "class" / "powercap"))
        return [Rapl(domains)] if domains else []
    except OSError:
        return []


def _packages(folder: Path) -> list[tuple[str, Domain]]:
    """The packages alone: each once (the same ones lie under intel-rapl-mmio too), without their parts and `psys`."""
    return [
        (name, Domain(KeptFile(domain / "energy_uj"), int((domain / "max_energy_range_uj").read_text())))
        for domain in sorted(folder.glob("intel-rapl:*"))
        if (name := (domain / "name").read_text().strip()).startswith("package")
    ]
