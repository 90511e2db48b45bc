from pathlib import Path

import pytest

from cotejo.clients import CLIENTS
from cotejo.code import SCRIPTS, ast_digest, run_modules
from cotejo.errors import CotejoError
from cotejo.models import ARCHITECTURES

SOURCE = '''"""Doc."""


def double(x):
    """Doubles."""
    return 2 * x  # twice


class A:
    "Doc."
    n = 1
'''
SAME = "def double( x ):\n    return (2 * x)\nclass A:\n    n = 1\n"


def written(folder: Path, **sources: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.py" for name in sources]
    for path, source in zip(paths, sources.values(), strict=True):
        path.write_text(source)
    return paths


def test_comments_docstrings_and_formatting_do_not_count(tmp_path):
    assert ast_digest(written(tmp_path / "a", m=SOURCE)) == ast_digest(written(tmp_path / "b", m=SAME))


@pytest.mark.parametrize(
    "changed",
    [
        SOURCE.replace("2 * x", "3 * x"),
        SOURCE.replace("2 * x", "2.0 * x"),
        SOURCE.replace("n = 1", "n = True"),
        SOURCE.replace("n = 1", "n = '1'"),
        SOURCE.replace("n = 1", "n = None"),
        SOURCE.replace("return 2 * x", "2 * x"),
    ],
)
def test_any_change_of_the_code_counts(tmp_path, changed):
    assert ast_digest(written(tmp_path / "a", m=SOURCE)) != ast_digest(written(tmp_path / "b", m=changed))


def test_a_string_that_is_no_docstring_counts(tmp_path):
    (one,) = written(tmp_path / "1", m="x = 1\n'hello'\n")
    (other,) = written(tmp_path / "2", m="x = 1\n'world'\n")
    assert ast_digest([one]) != ast_digest([other])


def test_order_and_folder_do_not_count_but_names_do(tmp_path):
    a, b = written(tmp_path / "one", a="x = 1", b="x = 2")
    c, d = written(tmp_path / "two", a="x = 1", b="x = 2")
    assert ast_digest([a, b]) == ast_digest([d, c])
    e, f = written(tmp_path / "three", a="x = 2", b="x = 1")
    assert ast_digest([a, b]) != ast_digest([e, f])


def test_two_modules_of_one_name_both_count(tmp_path):
    (a,), (b,), (c,) = (written(tmp_path / name, m=text) for name, text in (("1", "x=1"), ("2", "x=2"), ("3", "x=3")))
    assert ast_digest([a, b]) == ast_digest([b, a])
    assert len({ast_digest([a, b]), ast_digest([a, c]), ast_digest([a])}) == 3


def test_missing_or_broken_files_are_named(tmp_path):
    with pytest.raises(CotejoError, match=r"gone\.py: no such file"):
        ast_digest([tmp_path / "gone.py"])
    with pytest.raises(CotejoError, match=r"bad\.py: line 2: not valid Python"):
        ast_digest(written(tmp_path, bad="x = 1\ndef ("))


BACKENDS = 'BACKENDS = {"a-b": "cotejo.backends.a_b", "other": "cotejo.backends.other"}'


def package(folder: Path) -> Path:
    written(
        folder / "cotejo",
        __init__="",
        worker="def main():\n    from cotejo import backends\n    import cotejo.tools.clock\n    import json\n",
        unused="",
        errors="",
    )
    written(folder / "cotejo" / "backends", __init__=BACKENDS, a_b="from cotejo.errors import E", other="")
    written(folder / "cotejo" / "tools", __init__="", clock="")
    return folder


def test_modules_of_a_run_are_what_its_worker_can_reach(tmp_path):
    scripts = package(tmp_path)
    names = [
        path.relative_to(scripts / "cotejo").as_posix() for path in run_modules({"backend": "a-b"}, scripts=scripts)
    ]
    assert names == [
        "__init__.py",
        "backends/__init__.py",
        "backends/a_b.py",
        "errors.py",
        "tools/__init__.py",
        "tools/clock.py",
        "worker.py",
    ]


def test_what_is_imported_for_types_alone_never_runs(tmp_path):
    scripts = package(tmp_path)
    before = run_modules({"backend": "a-b"}, scripts=scripts)
    typed = (
        "from typing import TYPE_CHECKING\nfrom cotejo.errors import E\nif TYPE_CHECKING:\n    import cotejo.unused\n"
    )
    (scripts / "cotejo" / "backends" / "a_b.py").write_text(typed)
    assert run_modules({"backend": "a-b"}, scripts=scripts) == before
    (scripts / "cotejo" / "backends" / "a_b.py").write_text(typed.replace("TYPE_CHECKING:", "True:"))
    assert run_modules({"backend": "a-b"}, scripts=scripts) != before


def test_another_backend_is_another_set_of_modules(tmp_path):
    scripts = package(tmp_path)
    digests = {ast_digest(run_modules({"backend": name}, scripts=scripts)) for name in ("a-b", "other")}
    assert len(digests) == 2


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_architecture_of_a_run_is_among_its_modules(architecture):
    run = {"backend": "pytorch", "task": "text-generation", "architecture": architecture}
    assert SCRIPTS / f"cotejo/models/{architecture}.py" in run_modules(run)


def test_a_makers_gpus_are_among_the_modules_of_runs_on_them_alone():
    run = {"backend": "pytorch", "task": "text-generation", "architecture": "llama"}
    nvidia = SCRIPTS / "cotejo/accelerators/nvidia.py"
    assert nvidia in run_modules({**run, "device": "cuda"})
    assert nvidia not in run_modules({**run, "device": "cpu"})


def test_a_registry_that_cannot_be_read_is_named(tmp_path):
    scripts = package(tmp_path)
    written(
        scripts / "cotejo" / "backends", __init__='BACKENDS = {n: f"cotejo.backends.{n}" for n in ("a_b", "other")}'
    )
    with pytest.raises(CotejoError, match=r"backends/__init__.py: no dictionary of names"):
        run_modules({"backend": "other"}, scripts=scripts)


def test_this_package_can_be_digested():
    assert len(ast_digest(SCRIPTS.glob("cotejo/*.py"))) == 16


def test_better_statistics_are_no_other_measurement() -> None:
    run = {"backend": "openvino", "task": "text-generation", "architecture": "llama"}
    modules = {path.relative_to(SCRIPTS).as_posix() for path in run_modules(run)}
    assert "cotejo/tasks/text_generation.py" in modules
    assert not modules & {"cotejo/stats.py", "cotejo/tasks/latency.py", "cotejo/summary.py"}


def serving_package(folder: Path) -> Path:
    registry = 'R = {{"{0}": "cotejo.{1}.{2}", "other": "cotejo.{1}.{2}_other"}}'.format
    written(folder / "cotejo", __init__="", worker="import cotejo.errors", errors="", session="")
    written(
        folder / "cotejo" / "clients",
        __init__=registry("ours", "clients", "own"),
        own="",
        own_process="from cotejo import apis, backends",
        own_other="",
    )
    written(
        folder / "cotejo" / "servers", __init__=registry("a.b", "servers", "a_b"), a_b="", a_b_model="", a_b_other=""
    )
    written(folder / "cotejo" / "apis", __init__=registry("chat", "apis", "chat"), chat="", chat_other="", chat_more="")
    written(folder / "cotejo" / "backends", __init__=BACKENDS, a_b="", other="")
    return folder


def test_modules_of_a_run_with_a_server_are_its_clients_its_servers_and_its_apis(tmp_path):
    run = {"server": "a.b", "client": "ours", "api": "chat", "backend": "of-the-server", "task": "t"}
    found = run_modules(run, scripts=serving_package(tmp_path))
    assert [path.relative_to(tmp_path / "cotejo").as_posix() for path in found] == [
        "__init__.py",
        "apis/__init__.py",
        "apis/chat.py",
        "backends/__init__.py",
        "clients/__init__.py",
        "clients/own.py",
        "clients/own_process.py",
        "servers/__init__.py",
        "servers/a_b.py",
        "servers/a_b_model.py",
    ]


def test_another_server_client_or_api_is_another_set_of_modules(tmp_path):
    run = {"server": "a.b", "client": "ours", "api": "chat", "backend": "a-b", "task": "t"}
    scripts = serving_package(tmp_path)
    runs = [run, *(run | {key: "other"} for key in ("server", "client", "api"))]
    assert len({ast_digest(run_modules(one, scripts=scripts)) for one in runs}) == 4


@pytest.mark.parametrize("client", CLIENTS)
def test_what_a_client_sends_and_reads_counts_and_what_is_made_of_it_does_not(client):
    run = {
        "server": "transformers-serve",
        "client": client,
        "api": "openai-chat",
        "backend": "pytorch",
        "task": "text-generation",
        "architecture": "llama",
    }
    modules = {path.relative_to(SCRIPTS).as_posix() for path in run_modules(run)}
    own = f"cotejo/clients/{CLIENTS[client].split('.')[-1]}.py"
    assert {own, "cotejo/servers/transformers_serve.py", "cotejo/apis/openai_chat.py"} <= modules
    assert ("cotejo/clients/own_process.py" in modules) == (client == "cotejo")
    assert not modules & {"cotejo/worker.py", "cotejo/stats.py", "cotejo/summary.py", "cotejo/serving_metrics.py"}
