"""Finding uv, and handing pip's settings on to it."""

from pathlib import Path

import pytest

from cotejo import uv
from cotejo.errors import CotejoError
from cotejo.uv import find_uv, uv_environment


def program(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_settings_of_pip_become_those_of_uv() -> None:
    pip = {
        "PIP_FIND_LINKS": "/wheels /more",
        "PIP_INDEX_URL": "https://index.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://extra.example/simple",
        "PIP_CERT": "/etc/ca.pem",
        "PIP_DEFAULT_TIMEOUT": "180",
    }
    assert uv_environment(pip) == pip | {
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_DEFAULT_INDEX": "https://index.example/simple",
        "UV_INDEX": "https://extra.example/simple",
        "SSL_CERT_FILE": "/etc/ca.pem",
        "UV_HTTP_TIMEOUT": "180",
        "UV_COMPILE_BYTECODE_TIMEOUT": "600",
        "UV_PYTHON_DOWNLOADS": "never",
    }


def test_settings_of_uv_are_left_alone() -> None:
    own = {
        "UV_FIND_LINKS": "/mine",
        "UV_DEFAULT_INDEX": "https://mine.example",
        "SSL_CERT_FILE": "/mine.pem",
        "UV_HTTP_TIMEOUT": "9",
        "PIP_FIND_LINKS": "/wheels",
        "PIP_INDEX_URL": "https://index.example",
        "PIP_CERT": "/etc/ca.pem",
    }
    given = uv_environment(own)
    assert {name: given[name] for name in own} == own
    assert "UV_INDEX" not in given


@pytest.mark.parametrize("version", ["0.13.8", "0.13.10", "0.14.0", "1.0"])
def test_users_uv_serves_if_new_enough(tmp_path: Path, version: str) -> None:
    own = program(tmp_path / "bin" / "uv", f"echo 'uv {version} (x86_64-unknown-linux-gnu)'")
    assert find_uv("0.13.8", {"PATH": str(own.parent), "XDG_CACHE_HOME": str(tmp_path)}) == own


def test_older_uv_is_passed_over_for_the_private_one(tmp_path: Path) -> None:
    own = program(tmp_path / "bin" / "uv", "echo 'uv 0.9.30'")
    private = program(tmp_path / "cache" / "cotejo" / "uv-0.13.8" / "bin" / "uv", "exit 1")
    assert find_uv("0.13.8", {"PATH": str(own.parent), "XDG_CACHE_HOME": str(tmp_path / "cache")}) == private


def test_private_uv_is_installed_by_pip_into_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = program(
        tmp_path / "python",
        f"""echo "$@" >> {tmp_path}/calls
if [ "$2" = venv ]; then mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; else touch "${{0%python}}uv"; fi""",
    )
    monkeypatch.setattr(uv, "base_python", lambda: str(python))
    environment = {"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    found = find_uv("0.13.8", environment)
    assert found == tmp_path / "cache" / "cotejo" / "uv-0.13.8" / "bin" / "uv" and found.is_file()
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[1] == "-m pip --quiet --disable-pip-version-check install uv==0.13.8"
    assert find_uv("0.13.8", environment) == found and len((tmp_path / "calls").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "exit 1",
            "venv: makes no virtual environment. Install Python's venv (Debian, Ubuntu: apt-get install python3",
        ),
        (
            '[ "$2" = venv ] || { echo "ERROR: No matching distribution found for uv" >&2; exit 1; }\n'
            'mkdir -p "$3/bin" && cp "$0" "$3/bin/python"',
            "pip: uv==0.13.8: ERROR: No matching distribution found for uv. Without network, put its wheel into",
        ),
    ],
)
def test_uv_that_cannot_be_had_is_answered_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, message: str
) -> None:
    python = program(tmp_path / "python", body)
    monkeypatch.setattr(uv, "base_python", lambda: str(python))
    with pytest.raises(CotejoError) as caught:
        find_uv("0.13.8", {"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert message in str(caught.value)
    assert not list((tmp_path / "cache" / "cotejo").iterdir())
