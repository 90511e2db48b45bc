"""A cluster for each file of tests; what its machines share is where pytest keeps all temporary folders."""

from collections.abc import Iterator

import pytest
from cluster import Cluster, lacking
from login import Login

from tests.conftest import copy_checkout


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that ends with the file's last test."""
    if reason := lacking():
        pytest.skip(f"no Slurm: {reason}")
    with Cluster(tmp_path_factory.getbasetemp()) as running:
        yield running


@pytest.fixture(scope="module")
def login(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Login:
    """Someone at the login node, in a checkout of their own on the shared file system."""
    return Login(cluster, copy_checkout(tmp_path_factory.mktemp("login") / "checkout").folder)
