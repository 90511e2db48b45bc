import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from cotejo import affinity, session
from cotejo.errors import CotejoError
from cotejo.session import client_cpus, hide, refuse_missing, stack_environment, telling_line


def test_a_stacks_programs_come_first_and_no_secret_is_handed_on(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    found = stack_environment(3, Path("/opt/stack/bin/python"))
    assert found["PATH"].split(os.pathsep)[0] == "/opt/stack/bin"
    assert found["OMP_NUM_THREADS"] == "3"
    assert "hf_secret" not in found.values()
    assert not stack_environment(1, Path("python3"))["PATH"].startswith(".")


def test_a_missing_program_says_what_to_do():
    with pytest.raises(session.ServingError, match=r"no-such: there is no such program. Run `make env-vllm`") as caught:
        refuse_missing("no-such", os.environ, "server-missing", session.remedy("vllm"))
    assert caught.value.failure.reason == "server-missing"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "it wrote nothing"),
        ("starting\nready\n", "ready"),
        ("RuntimeError: no memory left\nnvidia-smi says hello\n", "RuntimeError: no memory left"),
        ("OSError: port in use\nUserWarning: failed to say goodbye\n\n", "OSError: port in use"),
        (
            "E unable to load plan file\nerror: creating server: failed to load all models\n",
            "E unable to load plan file",
        ),
        ("ValueError: no\n    raise RuntimeError(\nRuntimeError: it failed. See root cause above.\n", "ValueError: no"),
    ],
)
def test_the_telling_line_of_a_log(tmp_path, text, line):
    (tmp_path / "log").write_text(text)
    assert telling_line(tmp_path / "log") == line


def test_a_servers_module_may_say_what_to_do_about_a_line():
    module = SimpleNamespace(explain=lambda line: "Buy memory" if "memory" in line else "")
    assert session.explained(module, "out of memory") == "out of memory. Buy memory"
    assert session.explained(module, "in use") == session.explained(SimpleNamespace(), "in use") == "in use"


def test_a_key_is_struck_out(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"api_key='abc', again abc\xff\n")
    hide("abc", log)
    assert log.read_bytes() == b"api_key='[key]', again [key]\xff\n"
    hide(None, log)
    hide("abc", tmp_path / "none")


def test_clients_get_the_rest_of_the_cpus_or_share_them():
    allowed = affinity.mask()
    first = frozenset(sorted(allowed)[:1])
    assert client_cpus("rest", first) == frozenset(allowed - first or first)
    assert client_cpus("rest", frozenset(allowed)) == frozenset(allowed)
    assert client_cpus("0", first) == first
    with pytest.raises(CotejoError, match="--run: client_cores: '99': not among"):
        client_cpus("99", first)
