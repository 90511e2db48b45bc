"""What each verdict, each reason of one, each standing and each mark means: for who reads a table.

A reason is shown as it is printed, with … for what differs from one to the next. `check` is the function of
cotejo.verdict that gives it, and `bounds` the keys of config.yaml's `verdict` that it keeps.
"""

from typing import NamedTuple

VERDICTS = {
    "publishable": "At least six repeats, ten minutes of measuring or the stopping rule satisfied, samples enough for "
                   "every percentile shown, on a machine that was quiet, of a workload that was steady.",
    "smoke": "It ran, but with too few repeats, too little time or too few samples to be quoted, or something that "
             "must be known of it isn't.",
    "unsteady": "It did not measure one thing: requests became slower or faster, stalled, didn't add up, or the first "
                "repeat was cold.",
    "noisy": "The machine was disturbed.",
    "failed": "There is no speed, and the reason says why.",
    "not measured": "No verdict: nothing was measured yet, or the machine lacks what it needs.",
}  # fmt: skip


class Reason(NamedTuple):
    """A reason as it is printed, the worst verdict that it leaves, and what it means."""

    check: str
    text: str
    verdict: str
    meaning: str
    bounds: tuple[str, ...] = ()


REASONS = (
    Reason("failures", "… of … repeats failed: …", "publishable", "Repeats that measured nothing, by their reason. "
           "Those that measured still count; where all failed, the verdict is `failed`."),
    Reason("failed_requests", "… of … requests failed", "publishable", "Requests without a good answer; where all are, "
           "`failed`."),
    Reason("repeats", "repeats … < …", "smoke", "Fewer whole repeats than an interval needs.", ("repeats",)),
    Reason("duration", "duration … s < … s", "smoke", "Measured too short a time, summed over the repeats.",
           ("duration_s",)),
    Reason("floor_finding", "samples … < … for p…", "smoke", "Too few requests to tell that percentile: its cell is "
           "blank, and no other is worse for it."),
    Reason("loss_fell", "loss: … at the start, … at the end, in … of … repeats", "failed", "A training that taught the "
           "model nothing."),
    Reason("drift", "drift: second half …, or from start to end … (bound … %)", "unsteady", "Requests became slower or "
           "faster within the window, beyond chance.", ("drift_percent",)),
    Reason("stalls", "stalls: … requests took … times as long as others of their item, … % of all time (bound … %)",
           "unsteady", "Time lost in requests far longer than their like.", ("stalled_percent",)),
    Reason("untested", "untested for drift and stalls: … requests of items that seldom recur", "publishable", "Too few "
           "requests, or none alike, to test it. Costs nothing."),
    Reason("untested", "untested for drift: repeats had the same arrivals", "smoke", "Repeats of an open load that "
           "drew one schedule are no independent ones."),
    Reason("littles_law", "Little's law: … % of the requests in flight accounted for, in … of … repeats (bound … %)",
           "unsteady", "Throughput times mean latency isn't the concurrency: some requests are not in the samples.",
           ("littles_law_percent",)),
    Reason("cold_first_repeat", "cold-first-repeat: … % worse than the worst of the … others (bound … %)", "unsteady",
           "The first repeat found something cold that the others found warm, such as the page cache.",
           ("cold_first_percent",)),
    Reason("sent_on_time", "invalid: … % of the arrivals sent on time … (bound … %)", "failed", "An open load that was "
           "not sent as drawn is another load.", ("sent_on_time_percent",)),
    Reason("sent_on_time", "unknown whether the arrivals were sent on time", "smoke", "The client doesn't tell."),
    Reason("counters", "counters: server … requests, client … (bound … %) in … of … repeats", "unsteady", "Server and "
           "client disagree on how many requests there were.", ("counters_percent",)),
    Reason("counters", "counters: server … tokens a request, client … (bound … %)", "unsteady", "Likewise, on the "
           "length of answers.", ("counters_percent",)),
    Reason("counters", "counters: server … ms a request, client … ms (bound … %)", "unsteady", "Likewise, on a "
           "request's mean time. The client's has the way between them in it: where it is longer, that is only said.",
           ("server_time_percent",)),
    Reason("shared_cores", "shared-cores: client … % of the pinned CPUs' time (bound … %)", "noisy", "The client ran "
           "on the server's CPUs; below the bound it is only said.", ("foreign_cpu_percent",)),
    Reason("shared_cores", "shared-cores: unknown how much of the server's CPUs the client used", "smoke", "Likewise, "
           "without telemetry."),
    Reason("client_limit", "client-limit: … % of the rate that the client reaches … (bound … %)", "smoke", "The client "
           "itself may be what was measured.", ("client_limit_percent",)),
    Reason("client_limit", "client not calibrated", "smoke", "Nothing is known of what the client can do."),
    Reason("stand_in", "stand-in: … only imitates its server", "smoke", "It tells nothing of the real server's speed."),
    Reason("identical_inputs", "identical inputs: one request over and over", "publishable", "Caches could answer it."),
    Reason("_cpu", "foreign CPU … % of the pinned CPUs' time … (bound …)", "noisy", "Other processes computed on the "
           "measured CPUs.", ("foreign_cpu_percent",)),
    Reason("_cpu", "steal … % of the pinned CPUs' time … (bound …)", "noisy", "The hypervisor gave them to another "
           "virtual machine.", ("steal_percent",)),
    Reason("_cpu", "busy before …, busy after …", "noisy", "CPUs were busy right before or after.", ("busy_percent",)),
    Reason("_cpu", "busy process … % of a CPU's time", "noisy", "Who it was.", ("busy_percent",)),
    Reason("_heat", "CPU throttled … times", "noisy", "Heat slowed the measured CPUs."),
    Reason("_memory", "swapped … MiB", "noisy", "Memory moved to or from swap meanwhile.", ("swapped_mib",)),
    Reason("_memory", "major faults … per s", "noisy", "Memory came from disk meanwhile.", ("major_faults_per_s",)),
    Reason("_memory", "swap in use", "publishable", "Memory lay in swap before. Costs nothing."),
    Reason("_leftovers", "leftover process …", "noisy", "A process of an earlier measurement still ran."),
    Reason("_unknown", "quiet machine not proven: no telemetry, or foreign CPU unknown, or no look at the machine",
           "smoke", "What must be known of a quiet machine isn't."),
    Reason("_unknown", "quiet machine not proven: GPU processes unknown", "smoke", "In a container the driver's "
           "process numbers can mean nothing."),
    Reason("_governor", "governor …", "publishable", "A frequency governor other than `performance`."),
    Reason("_foreign", "foreign GPU processes …", "noisy", "Others computed on the run's GPUs."),
    Reason("_foreign", "busy before … % of a GPU's time", "noisy", "A GPU was busy right before.", ("busy_percent",)),
    Reason("_neighbours", "other GPUs of the machine at work", "publishable", "They share power and air."),
    Reason("_neighbours", "PCIe traffic of other GPUs … MB/s", "noisy", "They share the way to the host.",
           ("neighbour_pcie_mb_per_s",)),
    Reason("_throttled", "GPU throttled: …", "noisy", "Heat or a power brake held its clocks down."),
    Reason("_throttled", "GPU at its power cap", "publishable", "Which slows by design, and steadily."),
    Reason("_clocks", "GPU clock: from half to half … %", "unsteady", "Its clock changed within the window.",
           ("clock_change_percent",)),
    Reason("_clocks", "GPU clocks not settled in the warm-up", "publishable", "Only said."),
    Reason("_settings", "GPU persistence off", "publishable", "Only said."),
    Reason("_settings", "GPU divided (MIG): clocks, power and energy are of the whole of it", "publishable",
           "Only said."),
    Reason("_settings", "GPU power capped at … W, by default … W", "publishable", "Only said."),
    Reason("_level_rows", "no request succeeded", "failed", "Every request of the level failed."),
    Reason("_metric_cells", "no value in … of … repeats", "smoke", "A metric that some repeats can't tell is blank: "
           "those that can may be the fast ones."),
)  # fmt: skip

STANDINGS = {
    "reproduced": "The whole 95 % interval of our value over the published one lies within `published: "
                  "tolerance_percent`.",
    "faster": "All of it lies beyond, on the good side.",
    "slower": "All of it lies beyond, on the bad side.",
    "less": "Of memory and energy: all of it lies below.",
    "more": "Of memory and energy: all of it lies above.",
    "not comparable": "Another machine, synthetic weights, small scale, a stand-in, an overlay, a verdict that isn't "
                      "publishable, or too wide an interval: `reasons` says which.",
    "not measured": "Nothing was measured, and why: `needs 2 GPUs`, `failed: out-of-memory`, the document prints no "
                    "number.",
}  # fmt: skip
