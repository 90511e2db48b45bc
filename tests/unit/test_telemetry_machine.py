import pytest
from telemetry_example import Machine

from cotejo.telemetry import energy
from cotejo.telemetry.machine import sources

STAT = """\
cpu  999 9 99 9999 99 9 9 9 0 0
cpu0 100 0 50 1000 20 3 4 7 0 0
cpu1 200 0 60 2000 30 3 4 8 0 0
cpu2 900 0 90 9000 90 9 9 90 0 0
intr 123 4 5
"""
CPU = "sys/devices/system/cpu"


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path)
    made.write("proc/stat", STAT)
    made.write("proc/loadavg", "1.25 0.50 0.25 1/93 23343\n")
    made.write("proc/meminfo", "MemTotal: 4096 kB\nMemFree: 1024 kB\nMemAvailable: 3072 kB\n")
    made.write("proc/vmstat", "pgfault 5\npswpin 100\npswpout 156\n")
    made.write(f"{CPU}/online", "0-2\n")
    return made


def read(machine):
    """What each source says, all together, in the columns that it has announced."""
    row = {}
    for source in sources(machine.target):
        reading = source.read()
        assert reading.keys() <= set(source.columns)
        row |= reading
    return row


def test_a_virtual_machine_tells_of_time_load_and_memory(machine):
    assert read(machine) == {
        "idle_s": pytest.approx(30.5), "steal_s": pytest.approx(0.15), "load_1min": 1.25,
        "memory_available_mib": 3.0, "swapped_mib": 1.0,
    }  # fmt: skip


def test_time_of_cpus_that_are_not_listed_is_unknown(machine):
    machine.write("proc/stat", STAT.replace("cpu1", "cpu7"))
    assert not read(machine).keys() & {"idle_s", "steal_s"}


def test_a_kernel_without_swap_swaps_nothing(machine):
    machine.write("proc/vmstat", "pgfault 5\n")
    assert read(machine)["swapped_mib"] == 0


def test_files_kept_open_tell_the_present(machine):
    stat, *_ = sources(machine.target)
    before = stat.read()["idle_s"]
    machine.write("proc/stat", STAT.replace("cpu0 100 0 50 1000", "cpu0 100 0 50 1100"))
    assert stat.read()["idle_s"] - before == pytest.approx(1.0)


def test_frequencies_are_those_of_the_pinned_cpus(machine):
    for cpu, khz in enumerate((1_900_000, 2_100_500, 800_000)):
        machine.write(f"{CPU}/cpu{cpu}/cpufreq/scaling_cur_freq", f"{khz}\n")
    row = read(machine)
    assert {name: value for name, value in row.items() if "frequency" in name} == {
        "frequency_mhz[0]": 1900, "frequency_mhz[1]": 2100.5,
    }  # fmt: skip


def test_throttling_counts_every_core_and_every_package_once(machine):
    for cpu in range(3):
        machine.write(f"{CPU}/cpu{cpu}/topology/thread_siblings_list", "2\n" if cpu == 2 else "0-1\n")
        machine.write(f"{CPU}/cpu{cpu}/topology/physical_package_id", "0\n")
        machine.write(f"{CPU}/cpu{cpu}/thermal_throttle/core_throttle_count", "3\n")
        machine.write(f"{CPU}/cpu{cpu}/thermal_throttle/package_throttle_count", "10\n")
    assert read(machine)["throttled"] == 13


POWERCAP = "sys/class/powercap"


def domain(machine, folder, name, uj, most_uj=1_000_000):
    machine.write(f"{POWERCAP}/{folder}/name", f"{name}\n")
    machine.write(f"{POWERCAP}/{folder}/energy_uj", f"{uj}\n")
    machine.write(f"{POWERCAP}/{folder}/max_energy_range_uj", f"{most_uj}\n")


@pytest.fixture
def two_sockets(machine):
    domain(machine, "intel-rapl:0", "package-0", 100)
    domain(machine, "intel-rapl:1", "package-1", 900_000)
    for folder, name in (("intel-rapl:0:0", "core"), ("intel-rapl:2", "psys"), ("intel-rapl-mmio:0", "package-0")):
        domain(machine, folder, name, 0)
    return machine


def test_energy_is_that_of_every_package_once_through_a_wrap_around(two_sockets):
    (rapl,) = energy.sources(two_sockets.target)
    assert rapl.columns == ("package_energy_j[RAPL package-0]", "package_energy_j[RAPL package-1]")
    assert set(rapl.read().values()) == {0}
    domain(two_sockets, "intel-rapl:0", "package-0", 400_100)
    domain(two_sockets, "intel-rapl:1", "package-1", 50_000)
    assert list(rapl.read().values()) == pytest.approx([0.4, 0.15])
    domain(two_sockets, "intel-rapl:1", "package-1", 10_000)
    assert list(rapl.read().values()) == pytest.approx([0.4, 1.11])


def test_energy_is_unknown_where_one_package_is(two_sockets):
    (two_sockets.sys / "class" / "powercap" / "intel-rapl:1" / "energy_uj").unlink()
    assert energy.sources(two_sockets.target) == []


def test_energy_is_unknown_without_counters(machine):
    assert energy.sources(machine.target) == []
    domain(machine, "intel-rapl:0", "psys", 5)
    assert energy.sources(machine.target) == []
