"""The least number of samples from which a percentile may be told: of those who print it and of who stops measuring."""

# Above the median it is the least n of which at least one lies beyond the true percentile with 99 % confidence,
# 1 - (q/100)^n >= 0.99: with fewer, the percentile of the sample may well be no tail at all (Wilks 1941, "Determination
# of sample sizes for setting tolerance limits", Annals of Mathematical Statistics 12:91, one-sided, first order). A
# median claims nothing about a tail: one sample is enough.
SAMPLE_FLOORS = {50: 1, 90: 44, 95: 90, 99: 459}
