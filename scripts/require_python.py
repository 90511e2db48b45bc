"""Refuse a Python that is too old, in one line. Imported before all else by what `make setup` runs."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  (this line is read by older ones too)
    sys.exit(
        "error: {}: Python {}.{} is too old: Cotejo needs 3.11 or newer. Install it (Debian 12, Ubuntu 24.04: apt-get "
        "install python3; Rocky 8: dnf install python3.11; without root: uv python install 3.11, or python=3.11 of "
        "conda-forge) and name it: make setup PYTHON=/path/to/python3.11".format(sys.executable, *sys.version_info[:2])
    )
