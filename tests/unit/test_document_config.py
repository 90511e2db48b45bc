"""config/README.md says what the schemas say."""

from pathlib import Path

import pytest
from document_config import REGISTRIES, reference

from cotejo import backends, clients, servers
from cotejo.command import ROOT
from cotejo.reference.markdown import code, rows, takes
from cotejo.schema import check, schema_of
from cotejo.serving_settings import DEFAULTS, PLACEMENT


@pytest.fixture(scope="module")
def settings() -> str:
    """The page's part on the settings of a run, with its servers and clients."""
    return reference().split("## The settings of a run")[1].split("\n## ")[0]


def test_the_committed_page_is_what_the_schemas_make() -> None:
    assert (ROOT / "config" / "README.md").read_text(encoding="utf-8") == reference(), "run `make docs`"


def test_every_key_is_described() -> None:
    for name in ("config", "study", "overlay", "system", "models", "datasets", "run"):
        schema = schema_of(name)
        for key, _, _, meaning in rows(schema, schema):
            assert meaning, f"{name}: {key} has no description"


OPTIONS = [
    pytest.param(option, default, id=f"{name} {option}")
    for registry, options_of in REGISTRIES
    for name in registry
    for option, default in options_of(name).items()
]


@pytest.mark.parametrize(("option", "default"), OPTIONS)
def test_every_option_is_a_setting_with_its_default(settings: str, option: str, default: object) -> None:
    [line] = [line for line in settings.splitlines() if line.startswith(f"| `{option}` |")]
    assert f"| {code(default)} |" in line


@pytest.mark.parametrize(("option", "default"), OPTIONS)
def test_every_default_of_an_option_is_a_value_that_the_schema_allows(option: str, default: object) -> None:
    check(default, schema_of("run")["properties"][option], Path("default"), (option,))


def test_settings_of_runs_with_a_server_have_their_defaults(settings: str) -> None:
    for setting, default in DEFAULTS.items():
        [line] = [line for line in settings.splitlines() if line.startswith(f"| `{setting}` |")]
        assert f"| {code(default)} |" in line
        check(default, schema_of("run")["properties"][setting], Path("default"), (setting,))


def test_no_option_has_two_meanings() -> None:
    """Servers may share one, and so may tasks, and a server has one of its backend's; but what is given to a server is
    never given to its client too.
    """
    kinds = [{option for name in registry for option in options_of(name)} for registry, options_of in REGISTRIES]
    kinds[2] -= {
        option for name in servers.SERVERS for backend in servers.server(name).BACKENDS if backend in backends.BACKENDS
        for option in backends.options_of(backend)
    }  # fmt: skip
    assert sum(map(len, kinds)) == len(set().union(*kinds))
    assert not set().union(*kinds) & set(DEFAULTS)


def test_every_setting_belongs_to_all_runs_or_to_something() -> None:
    for key, rule in schema_of("run")["properties"].items():
        named = key in ("model", "dataset", "backend") or "default" in rule or key in {*DEFAULTS, *PLACEMENT}
        assert named or any(key in options_of(name) for registry, options_of in REGISTRIES for name in registry), key


def test_every_server_and_client_is_on_the_page(settings: str) -> None:
    for name in (*servers.SERVERS, *clients.CLIENTS):
        assert f"\n| `{name}` |" in settings


def test_bounds_are_said_in_words() -> None:
    assert takes({"type": "integer", "minimum": 1, "maximum": 9}, {}) == "whole number ≥ 1, ≤ 9"
    assert takes({"type": "array", "items": {"enum": ["a", "b"]}}, {}) == "list of `a`, `b`"
