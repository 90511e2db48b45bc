"""The settings of a run that has a server: what goes together, and what it comes to."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

from cotejo import apis, backends, clients, servers, tasks
from cotejo.affinity import format_cpus
from cotejo.errors import CotejoError
from cotejo.load import concurrencies, levels_of
from cotejo.schema import did_you_mean, schema_of

Settings = Mapping[str, Any]
Wrong = Callable[[str, str], CotejoError]  # makes the error that names file, key and value, and then says this

# A run without a server has none of these, so that whatever is added here leaves its digest alone.
DEFAULTS: dict[str, Any] = {
    "server": None,
    "client": "cotejo",
    "api": None,
    "load": "closed",
    "concurrency": 1,
    "rate_rps": None,
    "arrival": "poisson",
    "client_cores": "rest",
    "accelerators": None,
    "split": None,
    "shared_prefix_tokens": 0,
    "limit_ttft_ms": None,
    "limit_tpot_ms": None,
    "limit_latency_ms": None,
    "ready_timeout_s": 600,
}
CONVERSATIONS = "conversations"  # the kind of data set that has answers
LIMITS = ("limit_ttft_ms", "limit_tpot_ms", "limit_latency_ms")
PLACEMENT = ("accelerators", "split", "nodes")  # what runs in process may have too
OF_LOAD = {"closed": ("concurrency",), "open": ("rate_rps", "arrival"), "offline": (), "single-stream": ()}


def serving_keys() -> set[str]:
    """The settings that only runs with a server have: those above, and the options of servers and clients."""
    properties = schema_of("run")["properties"]
    of_tasks = {option for name in tasks.TASKS for option in tasks.options(name)}
    of_all = {key for key, rule in properties.items() if "default" in rule} | {"model", "dataset", "backend"}
    return set(properties) - of_all - of_tasks - backends.options()


def named(
    settings: Settings, key: str, registry: Mapping[str, str], module: Callable[[str], ModuleType], wrong: Wrong
) -> ModuleType:
    """The module that a setting names, with its default where it is not given."""
    name = settings.get(key, DEFAULTS[key])
    if name not in registry:
        raise wrong(key, f"no {key} of that name{did_you_mean(name, registry)}")
    return module(name)


def serve(settings: Settings, architecture: str, task: str, wrong: Wrong) -> dict[str, Any]:
    """What the settings of a run with a server come to, but for the options; CotejoError where they can't work."""
    server = named(settings, "server", servers.SERVERS, servers.server, wrong)
    client = named(settings, "client", clients.CLIENTS, clients.client, wrong)
    _check_backend(server, settings, architecture, wrong)
    chosen = {key: settings.get(key, default) for key, default in DEFAULTS.items()}
    chosen["load"] = settings.get("load", client.LOADS[0])
    _check_engine(client, settings, chosen, wrong)
    chosen["api"] = _api(server, client, chosen, task, wrong)
    name = f"server {chosen['server']}"
    chosen |= placement(name, server.DEVICES, {**settings, **chosen}, wrong)
    chosen |= spread(name, server, {**settings, **chosen}, wrong)
    _check_limits(client, settings, chosen, wrong)
    if chosen["shared_prefix_tokens"] and "new_tokens" not in tasks.task(task).OPTIONS:
        raise wrong("shared_prefix_tokens", f"{task} has no prompt. Delete it")
    if client.INPUTS == "identical" and chosen["shared_prefix_tokens"]:
        raise wrong("shared_prefix_tokens", f"client {chosen['client']} sends one request over and over. Delete it")
    if settings["stop_width"] is not None and chosen["load"] not in getattr(client, "STOPS", ()):
        raise wrong(
            "stop_width", f"client {chosen['client']} can't end a load that is {chosen['load']} early. Delete it"
        )
    return _load(client, settings, chosen, wrong)


def able_servers(architecture: str) -> list[str]:
    """The servers that can serve an architecture, on whatever backend."""
    formats = {name: servers.server(name).BACKENDS.values() for name in servers.SERVERS}
    return [name for name, able in formats.items() if any(architecture in one for one in able)]


def backend_format(server: str, backend: str, architecture: str) -> str | None:
    """The format of the export that a server loads for a backend and an architecture; None for the model itself."""
    return servers.server(server).BACKENDS[backend][architecture]


def options_of(settings: Settings) -> dict[str, Any]:
    """The options of a run's server and client, with their defaults."""
    return {**servers.server(settings["server"]).OPTIONS, **clients.client(settings["client"]).OPTIONS}


def _check_backend(server: ModuleType, settings: Settings, architecture: str, wrong: Wrong) -> None:
    name, backend = settings["server"], settings["backend"]
    if backend not in server.BACKENDS:
        raise wrong("backend", f"no backend of server {name}{did_you_mean(backend, server.BACKENDS)}")
    if architecture in server.BACKENDS[backend]:
        return
    here = [other for other, able in server.BACKENDS.items() if architecture in able]
    if here:
        raise wrong("backend", f"of server {name}, can't run {settings['model']} ({architecture}). {_take(here)}")
    raise wrong(
        "server",
        f"can't serve {settings['model']} ({architecture}). Servers that can: {_listed(able_servers(architecture))}",
    )


def _check_engine(client: ModuleType, settings: Settings, chosen: Settings, wrong: Wrong) -> None:
    """A client that brings the engine itself can hold that of some servers alone, and is pinned as they are."""
    engines = getattr(client, "ENGINES", None)
    if engines is None:
        return
    if settings["server"] not in engines:
        raise wrong("server", f"client {chosen['client']} loads the engine itself, of another one. {_take(engines)}")
    if chosen["client_cores"] != DEFAULTS["client_cores"]:
        raise wrong(
            "client_cores", f"client {chosen['client']} holds the engine, which is pinned to `cores`. Delete it"
        )


def _api(server: ModuleType, client: ModuleType, chosen: Settings, task: str, wrong: Wrong) -> str:
    """What client and server speak: the one that is asked for, or the server's first that fits."""
    fit = [name for name in server.APIS if task in apis.api(name).TASKS]
    if not fit:
        raise wrong("server", f"can't be asked for {task}: it speaks {_listed(server.APIS)}. Use another server")
    if task not in getattr(client, "TASKS", (task,)):
        raise wrong("client", f"{chosen['client']} can't ask for {task}, but for {_listed(client.TASKS)}. Use another")
    asked = chosen["api"]
    if asked is None:
        spoken = [name for name in fit if name in client.APIS]
        if not spoken:
            able = [name for name in clients.CLIENTS if set(fit) & set(clients.client(name).APIS)]
            raise wrong(
                "client",
                f"{chosen['client']} can't ask server {chosen['server']} for {task}: it would have to speak "
                f"{_listed(fit)}, and speaks {_listed(client.APIS)}. Clients that can: {_listed(able)}",
            )
        return spoken[0]
    if asked not in apis.APIS:
        raise wrong("api", f"no API of that name{did_you_mean(asked, apis.APIS)}")
    if asked not in server.APIS:
        raise wrong("api", f"server {chosen['server']} doesn't speak it. {_take(fit)}, or delete the key")
    if asked not in fit:
        raise wrong("api", f"can't ask for {task}. {_take(fit)}, or delete the key")
    if asked not in client.APIS:
        raise wrong("api", f"client {chosen['client']} doesn't speak it, but {_listed(client.APIS)}. Change one")
    return asked


def placement(host: str, devices: Sequence[str], chosen: Settings, wrong: Wrong) -> dict[str, Any]:
    """How many accelerators there are, once they go with device and split, and the device with the host."""
    device, number, split = (chosen.get(key) for key in ("device", "accelerators", "split"))
    if device not in devices:
        raise wrong("device", f"{host} doesn't run on it. {_take(devices)}")
    if device == "cpu":
        if number:
            raise wrong("accelerators", "needs `device: cuda`. Add it, or delete this key")
        if split is not None:
            raise wrong("split", "a model is split over accelerators, of which `device: cpu` has none. Delete it")
        return {"accelerators": 0}
    number = 1 if number is None else number
    if number == 0:
        raise wrong("accelerators", f"`device: {device}` needs at least one. Give their number, or take `device: cpu`")
    if number > 1 and split is None:
        raise wrong("accelerators", f"needs `split`, how the model is divided over them. {_take(_splits())}")
    if number == 1 and split is not None:
        raise wrong("split", "needs at least two `accelerators`. Give their number, or delete this key")
    return {"accelerators": number}


def spread(host: str, module: ModuleType, chosen: Settings, wrong: Wrong) -> dict[str, int]:
    """Over how many nodes the accelerators are divided, once the host can use several; nothing where it is one, so that
    runs which ask for no nodes have no such key.
    """
    nodes = chosen.get("nodes") or 1
    if nodes == 1:
        return {}
    if not getattr(module, "NODES", False):
        raise wrong("nodes", f"{host} runs on one machine alone. Delete it")
    if (chosen.get("accelerators") or 0) % nodes:
        raise wrong("nodes", f"can't divide {chosen['accelerators']} `accelerators` evenly. Change one of them")
    return {"nodes": nodes}


def _splits() -> list[str]:
    return [name for name in schema_of("run")["properties"]["split"]["enum"] if name]


def _check_limits(client: ModuleType, settings: Settings, chosen: Settings, wrong: Wrong) -> None:
    """Goodput is counted request by request, and only a streamed answer has a first token before its last."""
    given = [key for key in LIMITS if chosen[key] is not None]
    if given and not getattr(client, "SAMPLES", True):
        raise wrong(given[0], f"client {chosen['client']} tells of no single request. Delete it, or change client")
    for key in (key for key in given if key != "limit_latency_ms"):
        if not getattr(client, "FIRST_TOKENS", True):
            raise wrong(key, f"client {chosen['client']} can't tell when a first token comes. Use limit_latency_ms")
        if not apis.api(chosen["api"]).STREAMS or not settings.get("stream", True):
            raise wrong(key, f"answers by {chosen['api']} come in one piece here. Use limit_latency_ms")


def check_lengths(settings: Settings, kind: str, wrong: Wrong) -> None:
    """`new_tokens: null` leaves the length of each answer to the data set, which takes one that has answers, and a
    server and a client that are told a length with each request.
    """
    if settings.get("new_tokens", 0) is not None:
        return
    if kind != CONVERSATIONS:
        raise wrong("new_tokens", f"leaves it to the data set's answers, and {settings['dataset']} has none. Give one")
    if not settings.get("server"):
        raise wrong("new_tokens", "needs a server: in process all answers are of one length. Give a number")
    name = settings.get("client", DEFAULTS["client"])
    for part, module in (("server", servers.server(settings["server"])), ("client", clients.client(name))):
        if not getattr(module, "LENGTHS", False):
            raise wrong("new_tokens", f"with this {part} all answers are of one length. Give a number")


def _load(client: ModuleType, settings: Settings, chosen: dict[str, Any], wrong: Wrong) -> dict[str, Any]:
    """The chosen settings with those of their load alone, its levels written in one way: "1,2,3" is "1-3"."""
    load = chosen["load"]
    if load not in client.LOADS:
        raise wrong(
            "load",
            f"client {chosen['client']} can put on a load that is {_listed(client.LOADS)}. "
            f"Take that, or another client",
        )
    other = of_other_loads(chosen)
    for key in other:
        if settings.get(key) is not None:
            raise wrong(key, f"belongs to `load: {other[key]}`, but the load is {load}. Delete it, or change `load`")
    kept = {key: value for key, value in chosen.items() if key not in other}
    if load == "closed":
        numbers = concurrencies(kept["concurrency"])
        kept["concurrency"] = numbers[0] if len(numbers) == 1 else format_cpus(numbers)
    elif load == "open":
        if kept["rate_rps"] is None:
            raise wrong("rate_rps", "`load: open` needs it: so many requests a second, such as 5 or 1,2.5,10. Add it")
        rates = [level.rate_rps or 0 for level in levels_of(kept)]
        if rates[0] == 0:
            raise wrong("rate_rps", "a rate of 0 sends nothing. Delete it")
        kept["rate_rps"] = rates[0] if len(rates) == 1 else ",".join(f"{rate:g}" for rate in rates)
    _check_time(settings, len(levels_of(kept)), wrong)
    return kept


def of_other_loads(settings: Settings) -> dict[str, str]:
    """The settings that belong to another load than the one that is put on, each with the load it belongs to."""
    return {key: load for load, keys in OF_LOAD.items() if load != settings["load"] for key in keys}


def _check_time(settings: Settings, levels: int, wrong: Wrong) -> None:
    level_s = settings["warmup_s"] + settings["duration_s"]
    if levels * level_s >= settings["timeout_s"]:
        raise wrong(
            "timeout_s", f"{levels} load levels of {level_s:g} s take {levels * level_s:g} s. Raise it, or give fewer"
        )


def _take(names: Iterable[str]) -> str:
    return f"Take {' or '.join(names)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
