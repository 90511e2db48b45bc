import pytest
from record_example import TELEMETRY, changed
from telemetry_example import table

from cotejo.schema import schema_of
from cotejo.telemetry.levels import foreign_percent, level_telemetry
from cotejo.telemetry.metrics import resource_metrics
from cotejo.telemetry.table import Series, Window, read_table, sampling_cost

LEVEL = {"level": "single-stream", "start_monotonic_s": 10.1, "duration_s": 2.0}
TIMES_S = [9.6, 10.0, 10.4, 11.0, 12.0, 12.4]

# On two CPUs: the tree uses 1.5 of them, the sampler 0.01, they idle by 0.4.
MACHINE = table(
    TIMES_S,
    own_cpu_s=[0.05 + 0.01 * (time_s - 9.6) for time_s in TIMES_S],
    cpu_s=[5 + 1.5 * (time_s - 9.6) for time_s in TIMES_S],
    idle_s=[1000 + 0.4 * (time_s - 9.6) for time_s in TIMES_S],
    steal_s=[7 + 0.02 * (time_s - 9.6) for time_s in TIMES_S],
    rss_mib=[900.0, 100.0, 120.0, 140.0, 130.0, 950.0],
    pss_mib=[None, None, 95.0, None, None, None],
    minor_faults=[100 * time_s for time_s in TIMES_S],
    major_faults=[0, 0, 0, 4, 4, 4],
    read_mib=[0, 0, 0, 0, 0, 0],
    written_mib=[0, 1, 2, 3.5, 6, 7],
    load_1min=[0.5, None, None, 1.5, None, 9.0],
    memory_available_mib=[50.0, None, None, 2000.0, None, 60.0],
    swapped_mib=[4.0, None, None, 4.0, None, 6.5],
)


def of(columns, level=LEVEL, cpus=2, sampler_aside=True, own_gpus=None):
    return level_telemetry(columns, level, cpus, sampler_aside, own_gpus=own_gpus)


def test_a_level_is_told_of_its_own_window_only():
    told = of(MACHINE)
    assert told == {
        "ticks": 3, "cpu_cores": pytest.approx(1.5), "client_cpu_cores": None,
        "foreign_cpu_percent": pytest.approx(4.0),
        "steal_percent": pytest.approx(1.0), "load_1min": 1.5, "rss_peak_mib": 140.0, "pss_peak_mib": 95.0,
        "minor_faults": 200, "major_faults": 4, "read_mib": 0, "written_mib": pytest.approx(6.25 - 1.25),
        "swapped_mib": 2.5, "memory_available_mib": 2000.0, "frequency_mhz": None, "cpu_throttled": None,
        "energy": {"package_j": None, "package": None, "gpu_j": None}, "gpus": [],
    }  # fmt: skip


def test_its_keys_are_those_of_the_schema():
    schema = schema_of("record")["properties"]["levels"]["items"]["properties"]["telemetry"]
    assert of(MACHINE).keys() == schema["properties"].keys()
    gpu = of({**MACHINE, **GPU})["gpus"][0]
    assert gpu.keys() == schema["properties"]["gpus"]["items"]["properties"].keys()


def test_a_sampler_among_the_measured_cpus_is_not_foreign():
    beside, among = (of(MACHINE, sampler_aside=aside)["foreign_cpu_percent"] for aside in (True, False))
    assert beside - among == pytest.approx(0.5)


def test_a_foreign_share_is_never_negative_and_may_be_unknown():
    assert foreign_percent(4.0, 1.0, 0.0, 3.02) == 0
    assert foreign_percent(4.0, None, 0.0, 3.0) is None
    columns = {name: series for name, series in MACHINE.items() if name not in ("idle_s", "steal_s")}
    told = of(columns)
    assert (told["foreign_cpu_percent"], told["steal_percent"]) == (None, None)


@pytest.mark.parametrize(
    "level",
    [
        {"start_monotonic_s": 1.0, "duration_s": 0.3},  # before the first tick
        {"start_monotonic_s": 9.7, "duration_s": 5.0},  # beyond the last one
        {"start_monotonic_s": 10.0, "duration_s": 0.0},
    ],
)
def test_a_window_that_was_not_sampled_has_no_telemetry(level):
    assert of(MACHINE, level) is None
    assert of({}, level) is None


def test_a_window_between_two_ticks_has_their_rates():
    told = of(MACHINE, {"start_monotonic_s": 11.2, "duration_s": 0.1})
    assert (told["ticks"], told["cpu_cores"], told["load_1min"]) == (0, pytest.approx(1.5), 1.5)


def test_frequencies_and_throttling():
    columns = {
        **MACHINE,
        **table(
            TIMES_S,
            frequency_mhz__0=[500, 2000, 2000, 2000, 2100, 500],
            frequency_mhz__3=[500, 2000, 1500, 2200, 2000, 500],
            throttled=[7, 8, 8, 8, 8, 9],
        ),
    }
    told = of(columns)
    assert told["frequency_mhz"] == {"median": 2000, "least": 1500}
    assert told["cpu_throttled"] == 1  # after the last look before the window, up to the first one after it


def test_package_energy_is_interpolated_at_the_borders_and_names_its_boundary():
    first, second = (f"package_energy_j__RAPL package-{number}" for number in (0, 1))
    energy = table(TIMES_S, **{first: [0, 10, 30, 60, 110, 130], second: [0] * 6})
    assert of({**MACHINE, **energy})["energy"] == {
        "package_j": pytest.approx((110 + 5) - (10 + 5)),
        "package": "RAPL package-0, RAPL package-1",
        "gpu_j": None,
    }
    energy["package_energy_j[RAPL package-1]"] = Series()
    assert of({**MACHINE, **energy})["energy"]["package_j"] is None


# Read by a thread of its own, at other instants.
GPU_TIMES_S = [9.9, 10.3, 11.1, 12.3]
GPU = table(
    GPU_TIMES_S,
    **{
        "utilisation_percent__GPU-a": [0, 50, 100, 0],
        "memory_mib__GPU-a": [1, 500, 700, 900],
        "power_w__GPU-a": [100, 100, 200, 200],
        "temperature_c__GPU-a": [90, 40, 45, 90],
        "sm_clock_mhz__GPU-a": [1, 1400, 1440, 1],
        "memory_clock_mhz__GPU-a": [1, 1215, 1215, 1],
        "throttle_reasons__GPU-a": ["hw_slowdown", "none", "sw_power_cap+sync_boost", "hw_slowdown"],
        "rx_mb_per_s__GPU-a": [None, 10, 20, None],
        "tx_mb_per_s__GPU-a": [None, None, None, None],
        "foreign_processes__GPU-a": [3.0, 0.0, 1.0, 3.0],
        "energy_j__GPU-a": [None, None, None, None],
    },
)


def test_a_gpus_energy_is_its_power_over_the_window_where_it_has_no_counter():
    told = of({**MACHINE, **GPU})
    energy_j = 0.2 * 100 + 0.8 * 150 + 1.0 * 200
    assert told["gpus"] == [
        {
            "uuid": "GPU-a", "utilisation_percent": 75, "memory_peak_mib": 700, "power_w": pytest.approx(energy_j / 2),
            "temperature_peak_c": 45, "sm_clock_mhz": 1420, "memory_clock_mhz": 1215,
            "throttle_reasons": ["sw_power_cap", "sync_boost"],
            "rx_mb_per_s": 15, "tx_mb_per_s": None, "energy_j": pytest.approx(energy_j), "foreign_processes": 1,
            "used": True, "sm_clock_change_percent": None,
        }
    ]  # fmt: skip
    assert told["energy"]["gpu_j"] == pytest.approx(energy_j)


def test_a_gpus_counter_of_energy_goes_before_its_power():
    counted = table(GPU_TIMES_S, **{"energy_j__GPU-a": [0, 40, 120, 240]})
    told = of({**MACHINE, **GPU, **counted})
    assert told["gpus"][0]["energy_j"] == pytest.approx((120 + 100) - 20)
    assert told["gpus"][0]["power_w"] == pytest.approx(100)


def test_the_energy_of_all_gpus_is_unknown_where_that_of_one_is():
    other = table(GPU_TIMES_S, **{"utilisation_percent__GPU-b": [None] * 4})
    told = of({**MACHINE, **GPU, **other})
    assert [gpu["uuid"] for gpu in told["gpus"]] == ["GPU-a", "GPU-b"]
    assert told["gpus"][1]["energy_j"] is None
    assert told["energy"]["gpu_j"] is None


def test_a_counter_is_not_told_far_beyond_its_readings():
    series = Series([0.0, 1.0], [0.0, 10.0])
    assert [series.at(instant_s) for instant_s in (-0.5, -0.4, 0.5, 1.4, 1.5)] == [None, -4, 5, pytest.approx(14), None]
    assert Series([1.0], [2.0]).at(1.0) is None
    assert series.growth(Window(0.5, 1.2)) == pytest.approx(7)


def test_a_file_is_read_in_the_order_of_time(tmp_path):
    (tmp_path / "t.csv").write_text("monotonic_s,own_cpu_s,a\n5.0,0.30,\n4.0,0.20,7\n4.5,,x\n")
    read = read_table(tmp_path / "t.csv")
    assert read == {"own_cpu_s": Series([4.0, 5.0], [0.2, 0.3]), "a": Series([4.0, 4.5], [7.0, "x"])}
    assert sampling_cost(read) == {"rate_hz": 1.0, "own_cpu_s": 0.3, "own_cpu_percent": pytest.approx(10)}


def test_one_tick_has_no_rate():
    assert sampling_cost({"own_cpu_s": Series([4.0], [0.2])}) == {
        "rate_hz": None, "own_cpu_s": 0.2, "own_cpu_percent": None,
    }  # fmt: skip


def named(telemetry, requests_ok=21, nodes=1):
    return {metric.name: metric for metric in resource_metrics({"telemetry": telemetry}, requests_ok, nodes)}


def test_resources_become_metrics():
    metrics = named(TELEMETRY)
    assert {name: metric.value for name, metric in metrics.items()} == {
        "cpu_cores": 0.98, "rss_peak_mib": 250.5, "pss_peak_mib": 240.0, "package_energy_per_request_j": 3.0,
    }  # fmt: skip
    assert [metric.unit for metric in metrics.values()] == ["cores", "MiB", "MiB", "J"]
    assert {metric.better for metric in metrics.values()} == {"lower"}


def test_the_first_nodes_energy_is_not_that_of_several():
    assert named(TELEMETRY).keys() - named(TELEMETRY, nodes=2).keys() == {"package_energy_per_request_j"}


def test_what_clients_used_is_a_metric_where_there_were_any():
    assert "client_cpu_cores" not in named(changed(TELEMETRY, client_cpu_cores=0.0))
    metric = named(changed(TELEMETRY, client_cpu_cores=0.7))["client_cpu_cores"]
    assert (metric.value, metric.unit, metric.better) == (0.7, "cores", "lower")


def of_gpus(*gpus):
    """The metrics of GPUs, each given by its peak of memory and what it received; by name."""
    told = [{"memory_peak_mib": peak, "rx_mb_per_s": rx, "tx_mb_per_s": None} for peak, rx in gpus]
    metrics = named(changed(TELEMETRY, gpus=told, energy__gpu_j=42.0))
    return {name: metric.value for name, metric in metrics.items() if name.startswith("gpu")}


def test_resources_of_gpus_become_metrics():
    energy = {"gpu_energy_per_request_j": 2.0}
    assert of_gpus((500.0, 30.0)) == energy | {"gpu_memory_peak_mib": 500.0, "gpu_memory_total_mib": 500.0}
    assert of_gpus((500.0, 30.0), (900.0, None)) == energy | {
        "gpu_memory_peak_mib": 900.0, "gpu_memory_total_mib": 1400.0, "gpu0_memory_peak_mib": 500.0,
        "gpu1_memory_peak_mib": 900.0, "gpu0_rx_mb_per_s": 30.0,
    }  # fmt: skip
    assert "gpu_memory_total_mib" not in of_gpus((500.0, 30.0), (None, 2.0))


def test_gpus_that_were_not_measured_are_in_no_metric():
    gpus = [
        {"memory_peak_mib": peak, "rx_mb_per_s": 1.0, "tx_mb_per_s": 1.0, "used": used}
        for peak, used in ((500.0, False), (900.0, True))
    ]
    metrics = named(changed(TELEMETRY, gpus=gpus))
    assert metrics["gpu_memory_total_mib"].value == 900.0
    assert "gpu0_rx_mb_per_s" not in metrics


def test_what_is_unknown_is_no_metric():
    assert named(None) == {}
    assert "package_energy_per_request_j" not in named(TELEMETRY, requests_ok=0)
    assert named(changed(TELEMETRY, pss_peak_mib=None, energy__package_j=None)).keys() == {"cpu_cores", "rss_peak_mib"}


def test_only_the_runs_own_gpus_count_as_its_energy():
    other = {name.replace("GPU-a", "GPU-b"): series for name, series in GPU.items()}
    both, own, none = (of({**MACHINE, **GPU, **other}, own_gpus=gpus) for gpus in (None, {"GPU-b"}, set()))
    assert both["energy"]["gpu_j"] == 2 * own["energy"]["gpu_j"] > 0
    assert none["energy"]["gpu_j"] is None
    assert [gpu["used"] for gpu in own["gpus"]] == [False, True]
    assert [gpu["used"] for gpu in none["gpus"]] == [False, False]


@pytest.mark.parametrize(
    ("clocks", "utilisation", "percent"),
    [
        ([1440] * 10, [100] * 10, 0),
        ([1440] * 5 + [1224] * 5, [100] * 10, -15),
        ([1440, 900] * 6, [100] * 12, 0),  # it jumps, but stays where it is
        ([1440] * 8 + [210] * 6, [100] * 8 + [0] * 6, 0),  # it had nothing to do at the end
        ([210] * 6 + [1440] * 6, [0] * 6 + [100] * 6, None),  # too few looks saw it at work
        ([1440] * 7, [100] * 7, None),
    ],
)
def test_how_a_gpus_clock_changed_while_it_was_at_work(clocks, utilisation, percent):
    times_s = [10.1 + 0.1 * look for look in range(len(clocks))]
    gpu = table(times_s, **{"sm_clock_mhz__GPU-a": clocks, "utilisation_percent__GPU-a": utilisation})
    [told] = of({**MACHINE, **gpu})["gpus"]
    assert told["sm_clock_change_percent"] == (None if percent is None else pytest.approx(percent))
