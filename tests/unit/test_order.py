from cotejo.order import drawn

RUNS = [("demo", f"run-{number}~0123456789") for number in range(20)]


def test_the_order_is_drawn_once_and_for_all() -> None:
    assert drawn(RUNS) == drawn(reversed(RUNS))
    assert drawn(RUNS) != RUNS
    assert sorted(drawn(RUNS)) == sorted(RUNS)


def test_another_seed_draws_another_order() -> None:
    assert drawn(RUNS, seed=1) != drawn(RUNS)


def test_what_is_measured_beside_two_runs_does_not_reorder_them() -> None:
    beside = [("edge-cloud", f"run-{number}~9876543210") for number in range(20)]
    together = drawn([*RUNS, *beside])
    assert [key for key in together if key in RUNS] == drawn(RUNS)
    assert {study for study, _ in together[:20]} == {"demo", "edge-cloud"}
