from pathlib import Path
from typing import Any

import pytest

from cotejo.errors import CotejoError
from cotejo.imports import check_imports, import_folders

RUNS: list[dict[str, Any]] = [{"id": "text_int8", "digest": "0123456789"}, {"id": "video", "digest": "aaaaaaaaaa"}]
STUDY = Path("config/studies/demo.yaml")


def results(folder: Path, *names: str) -> Path:
    """A folder of results with a record in each of these folders of runs."""
    for name in names:
        path = folder / "records" / "lab" / name
        path.mkdir(parents=True)
        (path / "r1.json").write_text("{}")
        (path / "r1.samples.csv").touch()
    folder.mkdir(exist_ok=True)
    return folder


def load(root: Path, *entries: tuple[str, str | Path]) -> dict[str, Path]:
    found = import_folders([{"name": name, "folder": str(folder)} for name, folder in entries], STUDY, root)
    check_imports(found, RUNS, STUDY)
    return found


def test_folders_are_absolute_below_home_or_relative_to_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = results(tmp_path / "lab", "text_int8~0123456789")
    home = results(tmp_path / "home" / "lab", "video~aaaaaaaaaa", "old~1111111111")
    beside = results(tmp_path / "beside", "video~aaaaaaaaaa")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "home")
    found = load(tmp_path / "checkout", ("lab", lab), ("home", "~/lab"), ("beside", "../beside"))
    assert found == {"lab": lab, "home": home, "beside": beside}


def test_a_study_without_imports_has_none(tmp_path: Path) -> None:
    assert load(tmp_path) == {}


def test_each_mistake_has_its_message(tmp_path: Path) -> None:
    results(tmp_path / "lab", "text_int8~0123456789", "text_int8~9999999999")
    results(tmp_path / "empty")
    results(tmp_path / "elsewhere", "pictures~0123456789")
    results(tmp_path / "longer", "text_int8~ffffffffff", "text_int8~eeeeeeeeee")
    results(tmp_path / "results" / "lab", "text_int8~0123456789")

    def message(*entries: tuple[str, str]) -> str:
        with pytest.raises(CotejoError) as caught:
            load(tmp_path, *entries)
        return str(caught.value)

    assert message(("lab", "lab"), ("lab", "empty")) == (
        "config/studies/demo.yaml: imports[1].name: lab: also the name of imports[0]. Give each import its own"
    )
    assert message(("here", "lab")) == (
        "config/studies/demo.yaml: imports[0].name: here: "
        "what tables call this checkout's own results. Give another name"
    )
    assert message(("lab", "lba")) == (
        f"config/studies/demo.yaml: imports[0].folder: lba: no such folder ({tmp_path}/lba). "
        f"Copy the results there, or mend the path"
    )
    assert "imports[1].folder: ./lab: also the folder of imports[0]" in message(("a", "lab"), ("b", "./lab"))
    assert "imports[0].folder: empty: holds no records. Name a results/<study> folder" in message(("a", "empty"))
    assert "lab/records: holds no records" in message(("a", "lab/records"))
    assert "results/lab: lies among this checkout's own results. Move it" in message(("a", "results/lab"))
    assert "1 records, none of a run of this study. Measure this study there" in message(("a", "elsewhere"))
    assert "text_int8 is there with other settings (digest ffffffffff, here 0123456789)" in message(("a", "longer"))
    assert "imports[0].folder: ~nobody-of-that-name/x: " in message(("a", "~nobody-of-that-name/x"))
