"""Whether a training taught the model anything: one that did not was no training, however fast."""

from collections.abc import Mapping

from cotejo.verdict.evidence import Check, Evidence, Finding

THRESHOLDS: Mapping[str, float] = {}


def loss_fell(evidence: Evidence, thresholds: Mapping[str, float]) -> list[Finding]:
    """The loss at the end of the measured steps against that at their start, in every repeat."""
    starts, ends = (evidence.metrics.get(name, ()) for name in ("loss_start", "loss_end"))
    risen = [(start, end) for start, end in zip(starts, ends, strict=True) if end >= start]
    if not risen:
        return []
    start, end = max(risen, key=lambda pair: pair[1] - pair[0])
    return [
        Finding(
            "failed", f"loss: {start:.4g} at the start, {end:.4g} at the end, in {len(risen)} of {len(starts)} repeats"
        )
    ]


CHECKS: tuple[Check, ...] = (loss_fell,)
