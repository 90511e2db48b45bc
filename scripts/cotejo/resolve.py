"""From one combination of a study's settings to a run: what the registries add to it, once all of it goes together."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from cotejo import backends, clients, exports, servers, tasks
from cotejo.datasets.entries import entry_digest
from cotejo.errors import CotejoError
from cotejo.files import digest
from cotejo.models import own
from cotejo.models.catalogue import config_at
from cotejo.overlay import gpus
from cotejo.schema import did_you_mean, key_text, schema_of, short, shown
from cotejo.serving_settings import (
    DEFAULTS,
    PLACEMENT,
    Wrong,
    backend_format,
    check_lengths,
    named,
    of_other_loads,
    options_of,
    placement,
    serve,
    serving_keys,
    spread,
)

Run = dict[str, Any]
Place = tuple[str | int, ...]

REQUIRED = ("model", "dataset", "backend")
# Those of the stopping rule, which belong to runs that have it.
STOPPING = ("stop_width", "stop_percentile", "stop_least_s")


class _Host(NamedTuple):
    """What runs a model: a backend in process, or a server that has the backend."""

    name: str
    module: ModuleType
    format: str | None
    devices: Sequence[str]
    settings: Mapping[str, Any]
    options: Mapping[str, Any]


def resolve(
    settings: dict[str, Any],
    models: dict[str, Any],
    datasets: dict[str, Any],
    path: Path,
    place: Place,
    laid_over: Collection[str] = (),
) -> Run:
    """A combination of settings with what the registries add; CotejoError naming file, key, value and remedy.

    `laid_over`: the settings that count only where there is something to have them: all of them, under an overlay.
    """

    wrong = _wrong(settings, path, place)
    model, dataset = _entries(settings, models, datasets, path, place)
    task = tasks.task(model["task"])
    try:
        host = (_served if settings.get("server") else _in_process)(settings, model, wrong)
        _check_fit(settings, host, model, datasets, wrong)
        options = {**task.OPTIONS, **host.options}
        foreign = _foreign_options(settings, options)
        for key in sorted(foreign - set(laid_over)):
            of = f"{model['task']} on {host.name}" if host.settings else model["task"]
            raise wrong(key, f"is no option of {of} ({', '.join(options)}). Delete it")
        # What the rest says of a stopping rule, a server or a duration counts for nothing where there is none.
        unread = {*foreign, *options, *serving_keys(), *(STOPPING[1:] if settings["stop_width"] is None else ())}
        unread |= {"duration_s"} if settings.get("passes") and "passes" in options else {*getattr(task, "UNREAD", ())}
        run = {
            **{key: value for key, value in settings.items() if key not in unread},
            **_values(settings, options, () if settings.get("server") else host.options),
            **host.settings,
            **_said_of(settings, model, dataset, host.format),
        }
        if hasattr(host.module, "check"):
            host.module.check(run)
        # The configuration of a model that isn't on this machine is known only where it is measured.
        if hasattr(host.module, "check_model") and "full" in model:
            host.module.check_model(run, config_at(model, run["scale"]))
    except CotejoError as error:
        if str(error).startswith(f"{shown(path)}: "):
            raise
        # Raised by what knows of no study: it begins with the key.
        raise CotejoError(f"{shown(path)}: {key_text(place)}: {error}") from error
    return _unlike_usual(run, host.module)


def _values(settings: Mapping[str, Any], options: Mapping[str, Any], optional: Collection[str]) -> dict[str, Any]:
    """The options with their values; without the optional ones that have none, so that a run's digest does not depend
    on what else there is to choose."""
    values = {option: settings.get(option, default) for option, default in options.items()}
    return {option: value for option, value in values.items() if value is not None or option not in optional}


def _unlike_usual(run: Run, module: ModuleType) -> Run:
    """A run without the options that only say what its device does by itself: said or not, it is the same run."""
    usual = {option: of_devices.get(run["device"]) for option, of_devices in getattr(module, "USUAL", {}).items()}
    return {key: value for key, value in run.items() if key not in usual or value not in (None, usual[key])}


def describe(
    settings: dict[str, Any], models: dict[str, Any], datasets: dict[str, Any], path: Path, place: Place
) -> Run:
    """What can be said of a combination of settings that nothing here can run, so that nothing is asked to: as
    `resolve`, with the settings taken as they are.
    """
    wrong = _wrong(settings, path, place)
    model, dataset = _entries(settings, models, datasets, path, place)
    served: Mapping[str, Any] = {}
    if settings.get("server"):
        named(settings, "server", servers.SERVERS, servers.server, wrong)
        client = named(settings, "client", clients.CLIENTS, clients.client, wrong)
        served = {**DEFAULTS, "load": client.LOADS[0], "accelerators": gpus(settings)}
        server = servers.server(settings["server"])
        usual = getattr(server, "USUAL", {})
        options = {key: value for key, value in options_of({**served, **settings}).items() if key not in usual}
        served |= {**options, "api": server.APIS[0]}
        served = {key: value for key, value in served.items() if key not in of_other_loads({**served, **settings})}
    of_task = tasks.task(model["task"]).OPTIONS
    given = {key: value for key, value in settings.items() if key not in STOPPING}
    return {**of_task, **served, **given, **_said_of(settings, model, dataset, None)}


def _wrong(settings: Mapping[str, Any], path: Path, place: Place) -> Wrong:
    def wrong(key: str, problem: str) -> CotejoError:
        value = settings.get(key, DEFAULTS.get(key))
        return CotejoError(f"{shown(path)}: {key_text([*place, key])}: {short(value)}: {problem}")

    return wrong


def _entries(
    settings: Mapping[str, Any], models: dict[str, Any], datasets: dict[str, Any], path: Path, place: Place
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The registries' entries of the model and the data set."""
    wrong = _wrong(settings, path, place)
    for key in REQUIRED:
        if key not in settings:
            raise CotejoError(
                f"{shown(path)}: {key_text(place)}: lacks the key '{key}'. Give it here or in `defaults`: "
                f"{schema_of('run')['properties'][key]['description']}"
            )
    if settings["model"] not in models:
        raise wrong("model", f"no entry of config/models.yaml{did_you_mean(settings['model'], models)}")
    if settings["dataset"] not in datasets:
        raise wrong("dataset", f"no entry of config/datasets.yaml{did_you_mean(settings['dataset'], datasets)}")
    model = models[settings["model"]]
    if own.is_own(model) and (config := own.config_of(settings["model"], model)):
        model = model | {"full": config}
    if model["task"] not in tasks.TASKS:
        raise wrong("model", f"its task, {model['task']}, can't be measured yet. Measurable: {', '.join(tasks.TASKS)}")
    able = tasks.task(model["task"]).ARCHITECTURES
    if model["architecture"] not in able:
        raise CotejoError(
            f"config/models.yaml: {settings['model']}.task: {model['task']}: is done by {', '.join(able)}, not by "
            f"{model['architecture']}. Correct whichever is wrong"
        )
    return model, datasets[settings["dataset"]]


def _said_of(
    settings: Mapping[str, Any], model: dict[str, Any], dataset: dict[str, Any], form: str | None
) -> dict[str, Any]:
    """What the registries say of a run."""
    return {
        "task": model["task"],
        "architecture": model["architecture"],
        "format": form,
        "model_digest": _model_digest(model, settings),
        "dataset_digest": entry_digest(dataset),
    }


def _check_fit(
    settings: Mapping[str, Any], host: _Host, model: Mapping[str, Any], datasets: Mapping[str, Any], wrong: Wrong
) -> None:
    """Model, data set, precision and device must go with what runs them, and with each other."""
    storable = host.module.PRECISIONS
    if host.format is not None:
        exportable = exports.exporter(host.format).PRECISIONS[model["architecture"]]
        storable = [precision for precision in storable if precision in exportable]
    if settings["precision"] not in storable:
        raise wrong("precision", f"{settings['model']} on {host.name} has {', '.join(storable)}. Take one")
    if settings["device"] not in host.devices:
        raise wrong("device", f"{host.name} runs on {', '.join(host.devices)}. Take that, or a `server` that can")
    kind, kinds = datasets[settings["dataset"]]["kind"], tasks.task(model["task"]).DATASET_KINDS
    if kind not in kinds:
        fit = ", ".join(name for name, entry in datasets.items() if entry["kind"] in kinds)
        raise wrong("dataset", f"holds {kind}; {model['task']} needs {' or '.join(kinds)}. Take one of {fit}")
    check_lengths(settings, kind, wrong)
    _check_weights(settings, model, wrong)
    if settings["stop_width"] is not None and settings.get("passes") and not settings.get("server"):
        raise wrong("passes", "a level that goes through the data set ends by no `stop_width`. Delete one")
    if settings["stop_width"] is not None and settings["stop_least_s"] > settings["duration_s"]:
        raise wrong("stop_least_s", f"more than duration_s, {settings['duration_s']:g}, so it never stops. Lower it")


def _in_process(settings: Mapping[str, Any], model: Mapping[str, Any], wrong: Wrong) -> _Host:
    name, architecture = settings["backend"], model["architecture"]
    if name not in backends.BACKENDS:
        serving = [other for other in servers.SERVERS if name in servers.server(other).BACKENDS]
        if serving:
            raise wrong("backend", f"is a backend of servers only. Add `server: {serving[0]}`")
        raise wrong("backend", f"no backend of that name{did_you_mean(name, backends.BACKENDS)}")
    backend = backends.backend(name)
    if architecture not in backend.ARCHITECTURES:
        able = [other for other in backends.BACKENDS if architecture in backends.backend(other).ARCHITECTURES]
        raise wrong("backend", f"can't run {settings['model']} ({architecture}). Backends that can: {', '.join(able)}")
    # Some divide a model, or their work, on a CPU too: their own checks say what that takes.
    on_cpus = hasattr(backend, "CPU_SPLITS") and settings["device"] == "cpu"
    asked = {**settings, "split": None} if on_cpus else settings
    placed = placement(f"backend {name}", backend.DEVICES, asked, wrong)
    if settings.get("split") not in (None, *backend.SPLITS):
        ways = ", ".join(backend.SPLITS) or "none"
        raise wrong("split", f"backend {name} divides no model so; its ways: {ways}. Take one, or delete the key")
    # Runs that nothing divides on the CPU have neither key: their digests are what they were before there was a choice.
    split = {"split": settings.get("split")}
    where = {**placed, **split} if placed["accelerators"] else split if on_cpus and split["split"] else {}
    where |= spread(f"backend {name}", backend, {**settings, **placed}, wrong)
    options = {**tasks.in_process_options(model["task"]), **backends.options_of(name)}
    return _Host(f"backend {name}", backend, backend.FORMATS[architecture], backend.DEVICES, where, options)


def _served(settings: Mapping[str, Any], model: Mapping[str, Any], wrong: Wrong) -> _Host:
    chosen = serve(settings, model["architecture"], model["task"], wrong)
    server = servers.server(chosen["server"])
    form = backend_format(chosen["server"], settings["backend"], model["architecture"])
    return _Host(f"server {chosen['server']}", server, form, server.DEVICES, chosen, options_of(chosen))


def _foreign_options(settings: Mapping[str, Any], options: Mapping[str, Any]) -> set[str]:
    """The options given that are another task's, or another server's or client's."""
    of_tasks = {option for name in tasks.TASKS for option in tasks.options(name)}
    of_servers = serving_keys() - {*DEFAULTS, *PLACEMENT} if settings.get("server") else set()
    others = of_tasks | backends.options() | of_servers
    return others & set(settings) - set(options)


def _check_weights(settings: Mapping[str, Any], model: Mapping[str, Any], wrong: Wrong) -> None:
    """The weights must be had of the model, at the scale asked for."""
    name, weights = settings["model"], settings["weights"]
    if weights != "synthetic" and weights != own.usual_weights(model):
        if own.is_own(model):
            raise wrong("weights", f"{name} is a folder of yours, not the hub's. Delete the key, or take `synthetic`")
        raise wrong("weights", f"config/models.yaml names no `folder` of {name}. Delete the key, or take `synthetic`")
    if settings["scale"] == "full":
        return
    if weights != "synthetic":
        whose = "your own" if own.is_own(model) else "published"
        raise wrong("scale", f"{whose} weights come at full scale only. Add `weights: synthetic`, or drop `scale`")
    if "small" not in model:
        raise wrong("scale", f"config/models.yaml doesn't say what is `small` of {name}. Add it there, or drop `scale`")


def _model_digest(model: dict[str, Any], settings: Mapping[str, Any]) -> str:
    """What a run is known by of its model: what decides which weights are measured."""
    if own.is_own(model):
        return own.model_digest(settings["model"], model, settings["weights"], settings["scale"])
    if settings["weights"] == "hub":
        return digest({"repository": model["repository"], "revision": model["revision"]})
    return digest({"full": model["full"], "small": model["small"] if settings["scale"] == "small" else {}})
