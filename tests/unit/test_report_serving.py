import pytest
from serving_example import CALIBRATION

from cotejo.report.serving import calibration_text


@pytest.mark.parametrize(
    ("calibration", "text"),
    [
        (None, "not calibrated"),
        (
            CALIBRATION,
            "at a server that answers at once: 1,000 requests/s, 500 streamed answers/s, adding 0.500 ms (p99)",
        ),
    ],
)
def test_what_a_client_can_do_is_said_as_far_as_it_is_known(calibration, text):
    known = calibration and calibration | {"added_latency_p50_ms": None}
    assert calibration_text(known) == text
