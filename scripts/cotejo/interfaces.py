"""Network interfaces of this machine, by their IPv4 addresses."""

import socket

from cotejo.errors import NodeFailed


def addresses() -> dict[str, str]:
    """The IPv4 address of each network interface that has one, the first of several, by the interface's name."""
    import psutil  # only where there are several processes: machines that have one needn't have it

    found = {}
    for name, known in psutil.net_if_addrs().items():
        ipv4 = [entry.address for entry in known if entry.family == socket.AF_INET]
        if ipv4:
            found[name] = ipv4[0]
    return found


def interface_of(address: str) -> str:
    """The interface that has an address; NodeFailed where none has."""
    for name, own in addresses().items():
        if own == address:
            return name
    raise NodeFailed(f"{address}: no network interface of {socket.gethostname()} has this address")


def address_towards(host: str) -> str:
    """This machine's IPv4 address by which it reaches another one, by name or address; nothing is sent to that.

    Not the address of this machine's own name, which some distributions map to the loopback.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unsent:
            unsent.connect((host, 9))
            return str(unsent.getsockname()[0])
    except OSError as error:
        raise NodeFailed(
            f"{host}: can't be reached from {socket.gethostname()} ({error}). "
            "Name the network interface of the nodes as `slurm: interface` in the system's file"
        ) from error


def address_of(interface: str) -> str:
    """An interface's IPv4 address; NodeFailed where it has none."""
    known = addresses()
    if interface not in known:
        raise NodeFailed(
            f"slurm: interface: {interface}: node {socket.gethostname()} has none of that name with an IPv4 address. "
            f"It has {', '.join(known)}. Change it in the system's file"
        )
    return known[interface]
