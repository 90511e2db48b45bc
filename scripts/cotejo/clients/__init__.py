"""Clients: what drives load at a server, one module each. Importing them is cheap.

A client's module gives

- `LOADS`: of "closed" (so many requests at once) and "open" (so many a second, whatever the answers);
- `APIS` that it can speak (names of `cotejo.apis`); `OPTIONS`: {option of a run: default};
- `TASKS`, only where it can put fewer than its APIs could: those;
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
    "aiperf": "cotejo.clients.aiperf",
    "guidellm": "cotejo.clients.guidellm",
}


def client(name: str) -> ModuleType:
    """A client's module; CotejoError if there is none of that name."""
    if name not in CLIENTS:
        raise CotejoError(f"client: {name}: unknown. One of {', '.join(CLIENTS)}")
    return import_module(CLIENTS[name])
