"""Telemetry: what the measured processes, their machine and its GPUs did meanwhile, on the samples' clock.

A process of its own, started beside the measured one (`beside.sampling`), reads the sources and writes one CSV;
afterwards `levels.level_telemetry` says what that amounts to in the window of each load level.

A source's module gives `sources(target)`: the `Source`s that this machine has, none where it has nothing of that kind.
Columns carry their units; what there are several of has a name in brackets: `frequency_mhz[3]`, `power_w[GPU-…]`.
Counters (CPU and idle time, faults, what was read, written or swapped, energy, throttling) only ever grow, and what
they count from means nothing. The columns of

- `process`: `cpu_s`, `rss_mib`, `pss_mib`, `minor_faults`, `major_faults`, `read_mib`, `written_mib`, of all of them;
  `client_cpu_s`, of the clients that put load on a measured server, which count in none of the others;
- `machine`: `idle_s` and `steal_s` of the pinned CPUs together, `frequency_mhz[CPU]` and `throttled` of theirs,
  `load_1min`, `memory_available_mib` and `swapped_mib` of the whole machine;
- `energy`: `package_energy_j[what counts it]`;
- `gpu`: `utilisation_percent[GPU]` and likewise `memory_mib`, `power_w`, `temperature_c`, `sm_clock_mhz`,
  `memory_clock_mhz`, `throttle_reasons`, `rx_mb_per_s`, `tx_mb_per_s`, `energy_j`, `foreign_processes`.

Each maker's module in `cotejo.accelerators` gives the columns of `gpu` for its own.
"""

SOURCES = ("process", "machine", "energy", "gpu")
