import csv
from pathlib import Path

import pytest

from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.systems import check_systems, load_system, systems_of

SYSTEMS = ROOT / "config" / "systems"
TABLE = ROOT / "tests" / "fixtures" / "edge-cloud-systems.csv"
BAD = [
    ("usd_per_hour: 2\npurchase_usd: 9000\n", "usd_per_hour: 2: but purchase_usd says that the machine is owned"),
    ("gpu: NVIDIA A30\n", "gpu: 'NVIDIA A30': needs gpus"),
    ("gpus: 2\n", "gpus: 2: needs gpu"),
    ("gpu_memory_gib: 24\n", "gpu_memory_gib: 24: needs gpu"),
    ("assumed: {power_w: guessed}\n", "the file has no power_w that could be assumed"),
    ("assumed: {cpu: guessed}\n", "assumed.cpu: 'guessed': unknown key"),
    ("power_w: 0\n", "power_w: 0: must be more than 0"),
    ("power: 200\n", "power: 200: unknown key. Did you mean 'power_w'"),
    ("cost: {utilisation: 1.5}\n", "cost.utilisation: 1.5: must be at most 1"),
    ("cpus: 64\nslurm: {cpus_per_task: 128}\n", "cpus: 64: slurm.cpus_per_task asks for 128"),
    ("slurm: {cpus_per_task: 8, scratch: /local}\n", "its scratch needs `stage: true`"),
    ("cost: {pue: 0.9}\n", "cost.pue: 0.9: must be at least 1"),
]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("path", sorted(SYSTEMS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_system_of_the_project_loads(path: Path) -> None:
    system = load_system(path)
    if {"sockets", "cores_per_socket", "cpus"} <= set(system):
        assert system["cpus"] in (system["sockets"] * system["cores_per_socket"] * threads for threads in (1, 2))


@pytest.mark.parametrize("published", sorted((ROOT / "config" / "published").glob("*.csv")), ids=lambda path: path.stem)
def test_every_published_row_has_its_system(published: Path) -> None:
    named = {row["system"] for row in rows(published)} - {""}
    assert named <= {path.stem for path in SYSTEMS.glob("*.yaml")}


@pytest.mark.parametrize("row", rows(TABLE), ids=lambda row: row["sut"])
def test_the_systems_of_edge_cloud_are_those_of_the_document(row: dict[str, str]) -> None:
    system = load_system(SYSTEMS / f"{row['sut']}.yaml")
    gpu = f"{system['gpu']} {system['gpu_memory_gib']} GB" if "gpu" in system else ""
    assert {
        "sut": row["sut"], "name": system["name"], "site": system["site"], "cpu": system["cpu"],
        "cores_per_socket": str(system["cores_per_socket"]), "sockets": str(system["sockets"]),
        "vcpus": str(system["cpus"]), "gpu": gpu, "gpus": str(system.get("gpus", 0)),
        "usd_per_hour": str(system.get("usd_per_hour", "")),
    } == row  # fmt: skip


def test_what_no_document_says_is_assumed() -> None:
    for path in SYSTEMS.glob("*.yaml"):
        system = load_system(path)
        assert {"purchase_usd", "power_w"} & set(system) <= set(system.get("assumed", {}))


@pytest.mark.parametrize(("text", "message"), BAD, ids=[text.split(":")[0] + str(n) for n, (text, _) in enumerate(BAD)])
def test_a_wrong_system_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"name: Mine\nsite: edge\n{text}")
    with pytest.raises(CotejoError) as raised:
        load_system(path)
    assert str(path) in str(raised.value) and message in str(raised.value)


def test_figures_may_only_name_systems_that_there_are() -> None:
    figures = [{"kind": "bars"}, {"kind": "break_even", "owned": "r760xa", "rented": "m7i.48xlarg"}]
    assert systems_of(figures) == ["r760xa", "m7i.48xlarg"]
    with pytest.raises(CotejoError, match=r"figures\[1\]\.rented: 'm7i.48xlarg': .*Did you mean 'm7i.48xlarge'"):
        check_systems(figures, Path("study.yaml"), ROOT / "config")
    check_systems([{"kind": "break_even", "owned": "r760xa", "rented": "m7i.48xlarge"}], Path("x"), ROOT / "config")
