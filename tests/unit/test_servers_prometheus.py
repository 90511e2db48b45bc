import pytest

from cotejo.errors import CotejoError
from cotejo.servers.prometheus import samples, total

PAGE = r"""# HELP tgi_request_count Requests
# TYPE tgi_request_count counter
tgi_request_count 4

tgi_request_success{method="generate"} 3
tgi_request_success{method="generate_stream",} 1 1700000000000
tgi_request_duration_bucket{method="a \"b\", c\\d\ne}",le="+Inf"} +Inf
tgi_batch 1.5e-3
empty{} NaN
"""


def test_every_line_is_one_sample() -> None:
    found = samples(PAGE)
    assert found["tgi_request_count", frozenset()] == 4
    assert found["tgi_request_success", frozenset({("method", "generate_stream")})] == 1
    assert found["tgi_batch", frozenset()] == 0.0015
    hard = ("tgi_request_duration_bucket", frozenset({("method", 'a "b", c\\d\ne}'), ("le", "+Inf")}))
    assert found[hard] == float("inf")
    assert len(found) == 6


def test_totals_are_over_the_labels_that_agree() -> None:
    assert total(PAGE, "tgi_request_success") == 4
    assert total(PAGE, "tgi_request_success", method="generate") == 3
    assert total(PAGE, "tgi_request_success", method="tokenize") == 0
    assert total(PAGE, "tgi_request_failure") == 0


@pytest.mark.parametrize("line", ["<html>not found</html>", "name 1,5", 'name{a="b} 1', "name{a=b} 1", "name"])
def test_what_is_no_metric_is_an_error_with_its_line(line: str) -> None:
    with pytest.raises(CotejoError) as raised:
        samples(f"ok 1\n{line}\n")
    assert line in str(raised.value)
