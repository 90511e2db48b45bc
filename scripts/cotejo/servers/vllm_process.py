"""vLLM on a CPU, each rank's threads on CPUs of its own: those that this process is pinned to, in equal groups.

Left to itself vLLM divides the machine by its NUMA nodes, and keeps some CPUs for itself. Becomes vLLM's own command.
"""

import os
import sys
from collections.abc import Collection

BIND = "VLLM_CPU_OMP_THREADS_BIND"


def groups(cpus: Collection[int], ranks: int) -> list[list[int]]:
    """The CPUs in as many equal groups, neighbours together; SystemExit where they don't divide."""
    size, rest = divmod(len(cpus), ranks)
    if rest or not size:
        sys.exit(f"error: cpu_ranks: {ranks}: can't divide {len(cpus)} CPUs. Change it, or cores")
    ordered = sorted(cpus)
    return [ordered[place : place + size] for place in range(0, len(ordered), size)]


def main() -> None:
    ranks, *command = sys.argv[1:]
    bound = groups(os.sched_getaffinity(0), int(ranks))
    environment = {**os.environ, BIND: "|".join(",".join(map(str, group)) for group in bound)}
    os.execve(sys.executable, [sys.executable, "-m", *command], environment)


if __name__ == "__main__":
    main()
