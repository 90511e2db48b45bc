"""The least number of samples from which a percentile may be told: of those who print it and of who stops measuring."""

import math

# Above the median it is the least n of which at least one lies beyond the true percentile with 99 % confidence,
# 1 - (q/100)^n >= 0.99: with fewer, the percentile of the sample may well be no tail at all (Wilks 1941, "Determination
# of sample sizes for setting tolerance limits", Annals of Mathematical Statistics 12:91, one-sided, first order). A
# median claims nothing about a tail: one sample is enough. Below it likewise, for of rates the low ones are the tail.
SAMPLE_FLOORS = {1: 459, 5: 90, 10: 44, 50: 1, 90: 44, 95: 90, 99: 459}


def floor_of(percentile: int) -> int:
    """The floor of any whole percentile from 1 to 99, for some clients print others: p75 needs 17 samples."""
    if percentile in SAMPLE_FLOORS:
        return SAMPLE_FLOORS[percentile]
    return math.ceil(math.log(0.01) / math.log(max(percentile, 100 - percentile) / 100))
