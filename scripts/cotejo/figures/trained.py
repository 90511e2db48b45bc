"""A training as `training` draws it: one mark for what it took in time and in memory."""

from dataclasses import dataclass

from cotejo.figures.panels import Item, value_of
from cotejo.figures.published import Mark
from cotejo.figures.telling import of_entry, of_mark

GIB = 1024.0  # MiB


@dataclass(frozen=True)
class Point:
    """A run's time and memory, of which either may be missing; both measured by one machine, or both published."""

    model: str
    how: str  # "ZeRO-1 · 3 GPUs"
    time: Item | None
    memory: Item | None

    @property
    def any(self) -> Item:
        item = self.time or self.memory
        assert item is not None
        return item

    @property
    def published(self) -> bool:
        return isinstance(self.any, Mark)

    @property
    def minutes(self) -> float | None:
        return None if self.time is None or self.time.gap else value_of(self.time) / 60

    @property
    def gib(self) -> float | None:
        return None if self.memory is None or self.memory.gap else value_of(self.memory) / GIB

    @property
    def out_of_memory(self) -> bool:
        return any(item is not None and item.out_of_memory for item in (self.time, self.memory))

    @property
    def drawn(self) -> bool:
        return self.minutes is not None or self.gib is not None or self.out_of_memory

    @property
    def told(self) -> str:
        """Its time and its memory in words."""
        items = [item for item in (self.time, self.memory) if item is not None]
        told = [of_mark(item) if isinstance(item, Mark) else of_entry(item) for item in items]
        of_what = f"{told[0].partition(': ')[0]}: "
        return "; ".join([told[0], *(text.removeprefix(of_what) for text in told[1:])])
