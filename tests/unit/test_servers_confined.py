"""The library that holds a program to one address: compiled, and preloaded to programs that would listen everywhere."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cotejo.servers import confined

LISTENS = """
import socket, sys
family, address = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, sys.argv[1]
with socket.socket(family) as each:
    if family == socket.AF_INET6:
        each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(sys.argv[2]))
    if address != "::never":
        each.bind((address, 0))
    each.listen()
    print(each.getsockname()[0])
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the compiled library."""
    if not any(map(shutil.which, confined.COMPILERS)):
        pytest.skip("no C compiler: apt-get install gcc libc6-dev")
    folder = tmp_path_factory.mktemp("prepared")
    confined.prepare(folder)
    return folder


def listening(prepared: Path, address: str, only_v6: bool = False, told: str = "127.0.0.9") -> str:
    """Where a program listens in the end, or the last word of why it doesn't."""
    environment = {**os.environ, **confined.environment(prepared, told, "")}
    command = [sys.executable, "-c", LISTENS, address, str(int(only_v6))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.stdout.strip() or done.stderr.strip().rpartition("] ")[2]


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("0.0.0.0", "127.0.0.9"),
        ("", "127.0.0.9"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.3", "127.0.0.3"),
        ("::", "::ffff:127.0.0.9"),
        ("::ffff:0.0.0.0", "::ffff:127.0.0.9"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
        ("::never", "Cannot assign requested address"),
    ],
)
def test_who_would_listen_everywhere_listens_at_one_address(prepared, address, found):
    if ":" in address and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    assert listening(prepared, address) == found


def test_who_can_not_be_confined_gets_no_port(prepared):
    assert listening(prepared, "0.0.0.0", told="nonsense") == "Cannot assign requested address"
    if socket.has_dualstack_ipv6():
        assert listening(prepared, "::", only_v6=True) == "Cannot assign requested address"
