import pytest

from cotejo.labels import axis_label, mark_label, metric_label, number, value_label


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("tokens_per_s", "Throughput"),
        ("latency_p50_ms", "Latency, median"),
        ("latency_p99_ms", "Latency, p99"),
        ("ttft_p50_ms", "Time to first token, median"),
        ("decode_steps_per_s", "Decode steps"),
        ("real_time_factor", "Real-time factor"),
        ("gpu_energy_per_request_j", "Energy per request, GPU"),
        ("train_s", "Training time"),
        ("gpu1_memory_allocated_peak_mib", "Peak memory, tensors on GPU 1"),
        ("gpu1_memory_peak_mib", "Peak memory, GPU 1"),
        ("gpu0_rx_mb_per_s", "PCIe received, GPU 0"),
        ("rank1_rss_peak_mib", "Peak memory, resident, process 1"),
        ("rank1_model_state_mib", "Model state, process 1"),
        ("something_new_mib", "Something new"),
    ],
)
def test_metric_label(name: str, label: str) -> None:
    assert metric_label(name) == label


def test_an_axis_names_unit_and_direction() -> None:
    assert axis_label("latency_p50_ms", "ms", "lower") == "Latency, median (ms), lower is better"


@pytest.mark.parametrize(
    ("cores", "label"),
    [("1", "1 core"), ("2", "2 cores"), ("all", "all cores"), ("0-3,8", "cores 0-3,8"), ("node0", "node0")],
)
def test_cores_label(cores: str, label: str) -> None:
    assert value_label("cores", cores).replace("\u00a0", " ") == label


def test_processes_label() -> None:
    assert [value_label("provider", value) for value in ("", "tensorrt")] == ["", "by\u00a0TensorRT"]
    assert value_label("processes", "2") == "2\u00a0processes"
    assert value_label("processes", "1") == "1\u00a0process"
    assert value_label("processes", "") == ""


def test_origin_label() -> None:
    assert value_label("origin", "lab-a30") == "from lab-a30"
    assert value_label("origin", "") == ""


def test_other_columns_are_shown_as_they_are() -> None:
    assert value_label("backend", "openvino") == "openvino"


def test_marks_are_explained_and_unknown_ones_shown() -> None:
    assert "random" in mark_label("synthetic")
    assert mark_label("odd-mark") == "odd-mark"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.00001234, "0.0000123"), (0.0123456, "0.0123"), (1.234, "1.23"), (12.34, "12.3"), (99.96, "100"),
        (123.4, "123"), (1234.5, "1,234"), (1e7, "10,000,000"), (-1.5, "-1.50"), (9.999, "10.0"),
    ],
)  # fmt: skip
def test_number(value: float, text: str) -> None:
    assert number(value) == text
