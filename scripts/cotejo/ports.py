"""TCP ports of this machine: which are free, and whose process listens on one."""

import ipaddress
import os
import socket
import struct
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from cotejo.servers.interface import HOST

PROC = Path("/proc")
_LISTENS = "0A"  # TCP_LISTEN, as /proc/net/tcp has it


class Listener(NamedTuple):
    """A socket that listens on a port."""

    port: int
    address: str
    inode: int


def free_ports(names: Iterable[str], address: str = HOST) -> dict[str, int]:
    """A port of an address of this machine's for each name, on which nobody listens now."""
    sockets = {name: socket.socket() for name in names}
    try:
        for each in sockets.values():
            each.bind((address, 0))
        return {name: each.getsockname()[1] for name, each in sockets.items()}
    finally:
        for each in sockets.values():
            each.close()


def listeners(ports: Collection[int] | None = None, proc: Path = PROC) -> list[Listener]:
    """The sockets that listen on any of these ports, or on any at all, by whatever address."""
    found = []
    for name in ("tcp", "tcp6"):
        file = proc / "self" / "net" / name
        for line in file.read_text().splitlines()[1:] if file.is_file() else []:
            words = line.split()
            address, _, port = words[1].partition(":")
            if words[3] == _LISTENS and (ports is None or int(port, 16) in ports):
                found.append(Listener(int(port, 16), _address(address), int(words[9])))
    return found


def _address(text: str) -> str:
    """An address as the kernel prints it: words of 32 bits as this machine stores them, in hexadecimal."""
    words = [int(text[place : place + 8], 16) for place in range(0, len(text), 8)]
    address = ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def sockets_of(processes: Iterable[int], proc: Path = PROC) -> set[int]:
    """The inodes of the sockets that processes hold, as far as they may be looked at."""
    found = set()
    for process in processes:
        folder = f"{proc}/{process}/fd"
        try:
            names = os.listdir(folder)  # noqa: PTH208 (many of them)
        except OSError:
            continue
        for name in names:
            try:
                target = os.readlink(f"{folder}/{name}")  # noqa: PTH115
            except OSError:  # closed meanwhile
                continue
            if target.startswith("socket:["):
                found.add(int(target[8:-1]))
    return found


def is_loopback(listener: Listener) -> bool:
    """Whether it can be reached from this machine alone."""
    return ipaddress.ip_address(listener.address).is_loopback


def exposed(processes: Iterable[int], address: str) -> list[str]:
    """Where processes listen by another address than this one and the loopback, such as every one: a sentence each."""
    own = sockets_of(processes)
    found = {
        (listener.port, listener.address)
        for listener in listeners()
        if listener.inode in own and not is_loopback(listener) and listener.address != address
    }
    return [f"port {port}: it listens on {there}, where other machines can reach it" for port, there in sorted(found)]
