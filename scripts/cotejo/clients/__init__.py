"""Clients: what drives load at a server, one module each. Importing them is cheap.

A client's module gives

- `LOADS`: of "closed" (so many requests at once), "open" (so many a second, whatever the answers), "offline" (all
  requests at once) and "single-stream" (one after another), the usual one first;
- `APIS` that it can speak (names of `cotejo.apis`); `OPTIONS`: {option of a run: default};
- `TASKS`, only where it can put fewer than its APIs could: those;
- `ENGINES`, only where it loads the model itself, so that no server is running while it measures: the servers whose
  engine it holds, to which it gives the run's own settings (`job.engine`); its process is then what is measured;
- `FIRST_TOKENS`, only where it is False: it can't tell when an answer's first token came;
- `SAMPLES`, only where it is False: it tells of no single request, but gives aggregates alone;
- `PERCENTILES`, only where people know it by others than cotejo.tasks.latency has: of its latencies, which to give;
- `LENGTHS`, only where it is True: it can ask for answers of unlike lengths (a run's `new_tokens: null`);
- `STACK`: the environment envs/<STACK>.txt whose interpreter and programs it needs, None for Cotejo's own;
- `KEY`: whether it can show a key without putting it on its command line;
- `INPUTS`: "unique" where no two requests of a level are alike, "identical" where it sends one body over and over;
- `STOPS`, only where it can end a level early, by a run's `stop_width`: of which loads;
- `COLUMNS`: its own columns of the samples, beyond `cotejo.samples.COLUMNS`; () where it gives aggregates alone;
- `command(job)`: the command line (a `cotejo.servers.interface.Launch`) that puts one load level on a server;
- `read(job, start_s, output)`: the level (`cotejo.samples.Level`), from what the command wrote to standard output
  (`output`, text) and into job.folder, when it was started at the monotonic instant start_s. CotejoError, with the
  offending line, for what is truncated or some other program's;
- `version(job)`: the program's version, as text;
- `CALIBRATES`, only where it is False: it wants more of a server than the null server has (cotejo.clients.calibration).
"""

from importlib import import_module
from types import ModuleType

from cotejo.errors import CotejoError

CLIENTS = {
    "cotejo": "cotejo.clients.own",
    "perf_analyzer": "cotejo.clients.perf_analyzer",
    "hey": "cotejo.clients.hey",
    "ab": "cotejo.clients.ab",
    "vllm-bench": "cotejo.clients.vllm_bench",
    "vllm-bench-throughput": "cotejo.clients.vllm_bench_throughput",
    "vllm-bench-latency": "cotejo.clients.vllm_bench_latency",
    "aiperf": "cotejo.clients.aiperf",
    "guidellm": "cotejo.clients.guidellm",
}


def client(name: str) -> ModuleType:
    """A client's module; CotejoError if there is none of that name."""
    if name not in CLIENTS:
        raise CotejoError(f"client: {name}: unknown. One of {', '.join(CLIENTS)}")
    return import_module(CLIENTS[name])
