import json
from pathlib import Path

import pytest
from record_example import RECORD, changed

from cotejo.claimed import names, unlike, unlike_claims
from cotejo.environment import merge_key
from cotejo.files import digest

EXAMPLE = RECORD["environment"]  # of an "Example CPU @ 2.00GHz" without GPUs
A30 = {"name": "NVIDIA A30"}


@pytest.mark.parametrize(
    ("short", "full", "same"),
    [
        ("AMD EPYC 7453", "AMD EPYC 7453 28-Core Processor", True),
        ("Intel Xeon E5-2680 v2", "Intel(R) Xeon(R) CPU E5-2680 v2 @ 2.80GHz", True),
        ("Intel Xeon E5-2680 v2", "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", False),
        ("Intel Xeon Platinum 8480+", "Intel(R) Xeon(R) Platinum 8480+", True),
        ("Intel Xeon Platinum 8375C", "Intel(R) Xeon(R) Processor @ 2.90GHz", False),
        ("NVIDIA A10", "NVIDIA A10G", True),
        ("NVIDIA A10", "NVIDIA A100-PCIE-40GB", False),
        ("NVIDIA A100-PCIE-40GB", "NVIDIA A100-PCIE-40GB", True),
        ("NVIDIA A100 80G", "NVIDIA A100 80GB PCIe", True),
        ("NVIDIA P100", "Tesla P100-PCIE-16GB", True),
    ],
)
def test_a_short_name_names_its_processor_alone(short: str, full: str, same: bool) -> None:
    assert names(short, full) == same


def test_a_machine_is_what_its_file_says_as_far_as_it_does() -> None:
    lab = {"name": "Lab", "site": "edge", "cpu": "AMD EPYC 7453", "gpu": "NVIDIA A30"}
    assert unlike(EXAMPLE, lab, "cpu") == "another CPU: Example CPU @ 2.00GHz, not AMD EPYC 7453"
    real = changed(EXAMPLE, machine__cpu="AMD EPYC 7453 28-Core Processor")
    assert unlike(real, lab, "cpu") == ""
    assert unlike(real, lab, "cuda") == "another GPU: none, not NVIDIA A30"
    assert unlike(real | {"gpus": [A30, A30]}, lab, "cuda") == ""
    assert unlike(EXAMPLE, {"name": "Local", "site": "edge"}, "cuda") == ""
    assert unlike(EXAMPLE, {}, "cpu") == ""


def test_each_machine_is_told_by_what_a_summary_calls_it(tmp_path: Path) -> None:
    systems = tmp_path / "systems"
    systems.mkdir()
    (systems / "lab.yaml").write_text("name: Lab\nsite: edge\ncpu: AMD EPYC 7453\n")
    paths = []
    for system in ("lab", "elsewhere"):
        path = tmp_path / f"{system}.json"
        path.write_text(json.dumps(changed(RECORD, system=system)))
        paths.append(path)
    assert unlike_claims({"": paths, "import": []}, systems) == {
        ("", "lab", digest(merge_key(changed(RECORD, system="lab")), 6)): (
            "another CPU: Example CPU @ 2.00GHz, not AMD EPYC 7453"
        )
    }


def test_every_machine_of_a_run_on_several_is_looked_at(tmp_path: Path) -> None:
    systems, path = tmp_path / "systems", tmp_path / "r1.json"
    systems.mkdir()
    (systems / "lab.yaml").write_text("name: Lab\nsite: cluster\ncpu: Example CPU 2.00\n")
    node = {"machine": RECORD["environment"]["machine"], "gpus": []}
    silent = {"machine": None, "gpus": []}
    alike, unlike_it = node, changed(node, machine__cpu="AMD EPYC 7453")
    for other, reasons in ((alike, []), (unlike_it, ["another CPU: AMD EPYC 7453, not Example CPU 2.00"])):
        path.write_text(json.dumps(changed(RECORD, system="lab", nodes=[silent, node, other])))
        assert list(unlike_claims({"": [path]}, systems).values()) == reasons
