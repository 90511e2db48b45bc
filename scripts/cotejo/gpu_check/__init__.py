"""Every path of Cotejo on GPUs, taken at small scale: one function for each, in the modules named here.

Such a function has `check` (cotejo.gpu_check.check) above it, and is found by that alone. It is told in a Box where it
is, gives what it found ({name: value}, which the table shows and the JSON keeps), raises whatever shows that the path
does not work, and Untried where something that it needs isn't there. It calls what measurements call.
"""

from importlib import import_module

from cotejo.gpu_check.check import Check, checks_of

MODULES = ("driver", "copies", "pytorch", "records", "training", "exports", "servers")


def all_checks() -> list[Check]:
    """The checks in the order they are done. Importing their modules is cheap."""
    return [each for name in MODULES for each in checks_of(import_module(f"cotejo.gpu_check.{name}"))]
