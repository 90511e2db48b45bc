"""GPUs, as their makers' modules read them."""

from collections.abc import Sequence

from cotejo import accelerators
from cotejo.telemetry.source import Source, Target


def sources(target: Target) -> Sequence[Source]:
    """None where there is no GPU, or no driver."""
    return [source for module in accelerators.makers() for source in module.sources(target)]
