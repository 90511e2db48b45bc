from cotejo import ownership
from cotejo.ownership import Leftover
from cotejo.repeat import end_leftovers

LEFT = [Leftover(11, 10, "server"), Leftover(12, 10, "server")]


def test_leftovers_that_end_are_said(monkeypatch):
    said = []
    monkeypatch.setattr(ownership, "end_leftovers", lambda: (LEFT, []))
    assert end_leftovers(said.append) is None
    assert said == ["ended what a measurement that was killed had left: server, process group 10: processes 11, 12"]


def test_leftovers_that_do_not_end_are_a_failure_that_names_them(monkeypatch):
    said = []
    monkeypatch.setattr(ownership, "end_leftovers", lambda: ([], LEFT))
    failure = end_leftovers(said.append)
    assert (failure.reason, said) == ("leftovers", [])
    assert "server, process group 10: processes 11, 12. End it, then run `make retry`" in failure.message
