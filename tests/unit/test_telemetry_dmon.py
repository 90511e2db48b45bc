from pathlib import Path

import pytest

from cotejo.errors import CotejoError
from cotejo.telemetry.dmon import read_dmon

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"

LOG = """\
# gpu   pwr gtemp mtemp    sm   mem  mclk  pclk rxpci txpci
# Idx     W     C     C     %     %   MHz   MHz  MB/s  MB/s
    0    52    30     -    55    19  1215  1440    31     1
    1    92    31    49    63    24  1215  1440    14     0
"""


@pytest.fixture
def log(tmp_path):
    def written(text):
        path = tmp_path / "dmon.log"
        path.write_bytes(text.encode())
        return path

    return written


@pytest.mark.parametrize(
    ("name", "rows"), [("mendieta-7b", 42), ("mendieta-13b", 36), ("nodoai-7b", 44), ("nodoai-13b", 24)]
)
def test_real_logs_of_both_layouts_give_all_their_rows(name, rows):
    read = read_dmon(FIXTURES / f"nvidia-smi-dmon-{name}-2gpu.log")
    assert len(read) == rows
    assert [row["gpu"] for row in read] == [0, 1] * (rows // 2)
    assert ("jpeg_utilisation_percent" in read[0]) == name.startswith("mendieta")
    assert None not in {value for row in read for value in row.values()}


def test_columns_have_our_names_and_the_values_of_their_own_row():
    *_, last = read_dmon(FIXTURES / "nvidia-smi-dmon-mendieta-13b-2gpu.log")
    assert last == {
        "gpu": 1, "power_w": 90, "temperature_c": 33, "memory_temperature_c": 49, "utilisation_percent": 57,
        "memory_utilisation_percent": 26, "encoder_utilisation_percent": 0, "decoder_utilisation_percent": 0,
        "jpeg_utilisation_percent": 0, "optical_flow_utilisation_percent": 0, "memory_clock_mhz": 1215,
        "sm_clock_mhz": 1425, "rx_mb_per_s": 10, "tx_mb_per_s": 0,
    }  # fmt: skip
    *_, last = read_dmon(FIXTURES / "nvidia-smi-dmon-nodoai-13b-2gpu.log")
    assert (last["memory_clock_mhz"], last["sm_clock_mhz"], last["rx_mb_per_s"]) == (1215, 1230, 2)


def test_what_the_gpu_does_not_tell_is_none(log):
    assert [row["memory_temperature_c"] for row in read_dmon(log(LOG))] == [None, 49]


def test_windows_line_ends_and_repeated_headers(log):
    header = "".join(LOG.splitlines(keepends=True)[:2])
    assert read_dmon(log((LOG + header + LOG).replace("\n", "\r\n"))) == read_dmon(log(LOG)) * 2


def test_a_header_may_change_the_columns(log):
    rows = read_dmon(log(LOG + "# gpu    fb\n# Idx    MB\n    0  1024\n"))
    assert rows[-1] == {"gpu": 0, "memory_mib": 1024}


def test_date_and_time(log):
    text = "#Date       Time        gpu   pwr\n#YYYYMMDD   HH:MM:SS    Idx     W\n 20240501   12:00:01      0    52\n"
    assert read_dmon(log(text)) == [{"date": "20240501", "time": "12:00:01", "gpu": 0, "power_w": 52}]


def test_units_come_from_the_second_line(log):
    header = "# gpu   pwr   fan  pviol  nvltx\n# Idx    mW     %  bool/s  GB/s\n"
    rows = read_dmon(log(f"{header}    0 52000    30       0    1.5\n"))
    assert rows == [{"gpu": 0, "pwr_mw": 52000, "fan_percent": 30, "pviol_bool_per_s": 0, "nvltx_gb_per_s": 1.5}]


@pytest.mark.parametrize("missing", [1, 2, 3, 5, 6, 20, 57])
def test_a_last_line_that_was_cut_off_is_left_out(log, missing):
    # Cut within the last number, so that it still looks like one, too.
    text = LOG.replace("14     0\n", "14   123\n")
    assert read_dmon(log(text[: -1 - missing])) == read_dmon(log(LOG))[:1]


def test_a_whole_last_line_needs_no_line_end(log):
    assert read_dmon(log(LOG.rstrip("\n"))) == read_dmon(log(LOG))


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "no row"),
        ("\n".join(LOG.splitlines()[:2]), 1, "no row"),
        ("Summary:\n  Total: 1 s\n", 1, "before the two lines"),
        (LOG.replace("# Idx", "  Idx", 1), 2, "before the two lines"),
        (LOG.replace("  MB/s  MB/s", "  MB/s"), 2, "9 units for 10 columns"),
        (LOG.replace("    31     1\n", "    31\n"), 3, "9 cells for 10 columns"),
        (LOG.replace("1215", "fast"), 3, "memory_clock_mhz: 'fast' is not a number"),
        (LOG.replace("1215", "nan"), 3, "memory_clock_mhz: 'nan' is not a number"),
        (LOG.replace("    0    52", "  one    52"), 3, "gpu: 'one' is not a number"),
    ],
)
def test_what_is_no_such_log_is_one_error_that_names_the_line(log, text, line, what):
    with pytest.raises(CotejoError) as caught:
        read_dmon(log(text))
    assert f"dmon.log: line {line}: " in str(caught.value)
    assert what in str(caught.value)


def test_a_file_that_is_not_text_or_not_there(log, tmp_path):
    (tmp_path / "binary.log").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CotejoError, match=r"binary\.log: line 1: not text"):
        read_dmon(tmp_path / "binary.log")
    with pytest.raises(CotejoError, match=r"absent\.log: no such file"):
        read_dmon(tmp_path / "absent.log")
