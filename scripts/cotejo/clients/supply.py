"""Requests in store: made before the clock runs, so that making them delays none."""

import gc
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from cotejo.apis.interface import Item, asked
from cotejo.clients.http import Exchange, wire
from cotejo.servers.interface import Endpoint

MOST_BYTES = 1 << 30  # in store at once
OBJECT_BYTES = 1100  # that a request takes beside its body


class Supply:
    """Requests to a server, no two alike. `made_late` counts those that were made only when they were due."""

    def __init__(self, api: ModuleType, items: Iterator[Item], run: Mapping[str, Any], endpoint: Endpoint) -> None:
        self._api, self._items, self._run, self._endpoint = api, items, run, endpoint
        self._store: deque[Exchange] = deque()
        self.made_late = 0

    def fill(self, count: int) -> None:
        """Have `count` requests in store, or as many as fit into MOST_BYTES, pieces that they share counted once."""
        sizes = {id(piece): len(piece) for exchange in self._store for piece in exchange.wire}
        held = sum(sizes.values()) + OBJECT_BYTES * len(self._store)
        while len(self._store) < count and held < MOST_BYTES:
            exchange = self._made()
            self._store.append(exchange)
            held += OBJECT_BYTES
            for piece in exchange.wire:
                held += 0 if id(piece) in sizes else len(piece)
                sizes[id(piece)] = len(piece)

    def next(self) -> Exchange:
        if self._store:
            return self._store.popleft()
        self.made_late += 1
        return self._made()

    def _made(self) -> Exchange:
        item = next(self._items)
        request = self._api.request(item, asked(item, self._run), self._endpoint)
        return Exchange(item, self._api.Answer(item), wire(request, self._endpoint.ports["http"]))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Nothing is collected as garbage within: a collection would delay whatever is under way."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
