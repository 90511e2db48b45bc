"""What is installed beside this interpreter."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version


def versions(distributions: Iterable[str]) -> dict[str, str]:
    """The installed ones of these packages with their versions."""
    found = {}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # the CPU's and the GPU's builds of a package have different names
            continue
    return found
