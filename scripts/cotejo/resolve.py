"""From one combination of a study's settings to a run: what the registries add to it, once all of it goes together."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from cotejo import backends, exports, servers, tasks
from cotejo.datasets.entries import entry_digest
from cotejo.errors import CotejoError
from cotejo.files import digest
from cotejo.schema import did_you_mean, key_text, schema_of, short, shown
from cotejo.serving_settings import DEFAULTS, Wrong, able_servers, backend_format, options_of, serve, serving_keys

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

    `laid_over`: the settings that an overlay alone has given, which count where there is something to have them.
    """

    def wrong(key: str, problem: str) -> CotejoError:
        value = settings.get(key, DEFAULTS.get(key))
        return CotejoError(f"{shown(path)}: {key_text([*place, key])}: {short(value)}: {problem}")

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
    model, dataset = models[settings["model"]], datasets[settings["dataset"]]
    if model["task"] not in tasks.TASKS:
        raise wrong("model", f"its task, {model['task']}, can't be measured yet. Measurable: {', '.join(tasks.TASKS)}")
    task = tasks.task(model["task"])
    try:
        host = (_served if settings.get("server") else _in_process)(settings, model, wrong)
        _check_fit(settings, host, model, datasets, wrong)
        options = {**task.OPTIONS, **host.options}
        foreign = _foreign_options(settings, options)
        for key in sorted(foreign - set(laid_over)):
            of = f"{model['task']} on {host.name}" if host.settings else model["task"]
            raise wrong(key, f"is no option of {of} ({', '.join(options)}). Delete it")
        # What the rest says of a stopping rule, or of a server, counts for nothing where there is none.
        unread = {*foreign, *serving_keys(), *(STOPPING[1:] if settings["stop_width"] is None else ())}
        run = {
            **{key: value for key, value in settings.items() if key not in unread},
            **{option: settings.get(option, default) for option, default in options.items()},
            **host.settings,
            "task": model["task"],
            "architecture": model["architecture"],
            "format": host.format,
            "model_digest": digest(_model_identity(model, settings)),
            "dataset_digest": entry_digest(dataset),
        }
        if hasattr(host.module, "check"):
            host.module.check(run)
    except CotejoError as error:
        if str(error).startswith(f"{shown(path)}: "):
            raise
        # Raised by what knows of no study: it begins with the key.
        raise CotejoError(f"{shown(path)}: {key_text(place)}: {error}") from error
    return run


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
        raise wrong("dataset", f"holds {kind}; {model['task']} needs {' or '.join(kinds)}: {fit}")
    if settings["weights"] == "hub" and settings["scale"] == "small":
        raise wrong("scale", "published weights come at full scale only. Add `weights: synthetic`, or drop `scale`")
    if settings["stop_width"] is not None and settings["stop_least_s"] > settings["duration_s"]:
        raise wrong("stop_least_s", f"more than duration_s, {settings['duration_s']:g}, so it never stops. Lower it")


def _in_process(settings: Mapping[str, Any], model: Mapping[str, Any], wrong: Wrong) -> _Host:
    name, architecture = settings["backend"], model["architecture"]
    if name not in backends.BACKENDS:
        serving = [other for other in servers.SERVERS if name in servers.server(other).BACKENDS]
        if serving:
            raise wrong("backend", f"is a backend of servers only. Add `server: {serving[0]}`")
        raise wrong("backend", f"no backend of that name{did_you_mean(name, backends.BACKENDS)}")
    if not tasks.in_process(model["task"]):
        raise wrong(
            "model", f"{model['task']} needs a server so far. Add `server:` {' or '.join(able_servers(architecture))}"
        )
    backend = backends.backend(name)
    if architecture not in backend.ARCHITECTURES:
        able = [other for other in backends.BACKENDS if architecture in backends.backend(other).ARCHITECTURES]
        raise wrong("backend", f"can't run {settings['model']} ({architecture}). Backends that can: {', '.join(able)}")
    return _Host(f"backend {name}", backend, backend.FORMATS[architecture], ("cpu",), {}, {})


def _served(settings: Mapping[str, Any], model: Mapping[str, Any], wrong: Wrong) -> _Host:
    chosen = serve(settings, model["architecture"], model["task"], wrong)
    server = servers.server(chosen["server"])
    form = backend_format(chosen["server"], settings["backend"], model["architecture"])
    return _Host(f"server {chosen['server']}", server, form, server.DEVICES, chosen, options_of(chosen))


def _foreign_options(settings: Mapping[str, Any], options: Mapping[str, Any]) -> set[str]:
    """The options given that are another task's, or another server's or client's."""
    of_tasks = {option for name in tasks.TASKS for option in tasks.task(name).OPTIONS}
    others = of_tasks | (serving_keys() - set(DEFAULTS) if settings.get("server") else set())
    return others & set(settings) - set(options)


def _model_identity(model: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """The part of a model's entry that decides which weights are measured."""
    if settings["weights"] == "hub":
        return {"repository": model["repository"], "revision": model["revision"]}
    return {"full": model["full"], "small": model["small"] if settings["scale"] == "small" else {}}
