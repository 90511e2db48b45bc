"""The order in which the runs of a round of repeats are measured."""

from collections.abc import Iterable

from cotejo.files import digest


def drawn(keys: Iterable[tuple[str, str]], seed: int = 0) -> list[tuple[str, str]]:
    """The runs, each as (results folder, `<id>~<digest>`), in an order drawn from the seed.

    Each run draws its own lot, a digest of seed and name: which of two comes first does not depend on what else is
    measured beside them, so that a run added to a study, or a study added to a session, reorders nothing.
    """
    return sorted(keys, key=lambda key: digest([seed, *key], 64))
