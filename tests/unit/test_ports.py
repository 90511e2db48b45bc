import os
import socket
import subprocess

from cotejo.ports import Listener, exposed, free_ports, is_loopback, listeners, sockets_of


def test_free_ports_are_distinct_and_free():
    found = free_ports(["http", "grpc", "metrics"])
    assert list(found) == ["http", "grpc", "metrics"]
    assert len(set(found.values())) == 3
    assert listeners(found.values()) == []


def test_a_listener_is_found_with_whose_it_is():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (found,) = listeners([port])
        assert (found.port, found.address) == (port, "127.0.0.1")
        assert is_loopback(found)
        assert found.inode in sockets_of([os.getpid()])
        other = subprocess.Popen(["sleep", "600"])
        try:
            assert found.inode not in sockets_of([other.pid])
        finally:
            other.kill()
            other.wait()
    assert listeners([port]) == []


def test_one_that_listens_everywhere_is_not_on_the_loopback():
    with socket.create_server(("0.0.0.0", 0)) as server:
        (found,) = listeners([server.getsockname()[1]])
    assert found.address == "0.0.0.0"
    assert not is_loopback(found)


def test_the_kernels_addresses(tmp_path):
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    row = " 0: {}:1F90 00000000:0000 {} 00000000:00000000 00:00000000 00000000 0 0 {} 1 0\n"
    (tmp_path / "self" / "net").mkdir(parents=True)
    (tmp_path / "self" / "net" / "tcp").write_text(
        head + row.format("0100007F", "0A", 5) + row.format("0100007F", "01", 6)
    )
    mapped, own, every = "0000000000000000FFFF00000100007F", f"{'0' * 24}01000000", "0" * 32
    rows = [row.format(address, "0A", inode) for inode, address in ((7, mapped), (8, own), (9, every))]
    (tmp_path / "self" / "net" / "tcp6").write_text(head + "".join(rows))
    found = listeners([8080], tmp_path)
    assert found == [Listener(8080, "127.0.0.1", 5), Listener(8080, "127.0.0.1", 7), Listener(8080, "::1", 8),
                     Listener(8080, "::", 9)]  # fmt: skip
    assert [is_loopback(each) for each in found] == [True, True, True, False]
    assert listeners([8081], tmp_path) == []


def test_a_process_that_is_no_more_holds_nothing():
    assert sockets_of([2**22 - 1]) == set()


def test_what_listens_where_others_reach_it_is_told_apart_from_one_address_and_the_loopback():
    own = [os.getpid()]
    with socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.7", 0)):
        assert exposed(own, "192.0.2.1") == []
        with socket.create_server(("0.0.0.0", 0)) as server:
            port = server.getsockname()[1]
            assert exposed(own, "192.0.2.1") == [
                f"port {port}: it listens on 0.0.0.0, where other machines can reach it"
            ]
            assert exposed(own, "0.0.0.0") == [] and exposed([], "192.0.2.1") == []
