"""Pickled weights: only what is allowed is opened, whatever name it had when the file was made."""

import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cotejo.errors import CotejoError
from cotejo.models import pickled


def with_pickle_edited(path: Path, old: bytes, new: bytes) -> Path:
    """A copy of a torch checkpoint in whose pickle one name is another."""
    edited = path.with_name(f"edited-{path.name}")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(edited, "w") as target:
        for item in source.infolist():
            data = source.read(item)
            if item.filename.endswith("data.pkl"):
                assert old in data
                data = data.replace(old, new)
            target.writestr(item, data)
    return edited


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ultralytics.nn.modules.head import Detect
    from ultralytics.nn.tasks import SegmentationModel

    path = tmp_path_factory.mktemp("yolo") / "yolov8n-seg.pt"
    model = SegmentationModel("yolov8n-seg.yaml", verbose=False).half()
    model.model[-1].detect = Detect.forward  # as in the files of the first releases, by way of `getattr`
    torch.save({"model": model, "ema": None}, path)
    return path


def test_layers_under_their_former_names(checkpoint: Path) -> None:
    old = with_pickle_edited(checkpoint, b"cultralytics.nn.modules.conv\n", b"cultralytics.nn.modules\n")
    expected = pickled.load(checkpoint, pickled.ultralytics_classes())["model"].state_dict()
    found = pickled.load(old, pickled.ultralytics_classes())["model"].state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_class_that_is_not_listed_is_refused(checkpoint: Path) -> None:
    other = with_pickle_edited(checkpoint, b"ctorch.nn.modules.activation\nSiLU", b"ctorch.nn.modules.activation\nMish")
    with pytest.raises(CotejoError, match=r"edited-yolov8n-seg\.pt: holds more than weights .*Mish"):
        pickled.load(other, pickled.ultralytics_classes())


def test_getattr_reaches_nothing_else(checkpoint: Path) -> None:
    other = with_pickle_edited(checkpoint, b"\x07\x00\x00\x00forward", b"\x07\x00\x00\x00__doc__")
    with pytest.raises(CotejoError, match=r"getattr of .*Detect.* and '__doc__'"):
        pickled.load(other, pickled.ultralytics_classes())


def test_weights_without_modules_need_no_class(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(CotejoError, match="SegmentationModel"):
        pickled.load(checkpoint)
    torch.save({"a": torch.ones(2)}, tmp_path / "old.bin", _use_new_zipfile_serialization=False)
    assert pickled.load(tmp_path / "old.bin")["a"].tolist() == [1, 1]


def test_views_and_ties_are_written_whole(tmp_path: Path) -> None:
    base = torch.arange(6.0).reshape(2, 3)
    pickled.write({"base": base, "tied": base, "row": base[1], "turned": base.T}, tmp_path / "x.safetensors")
    found = load_file(tmp_path / "x.safetensors")
    assert (
        torch.equal(found["tied"], base) and torch.equal(found["row"], base[1]) and torch.equal(found["turned"], base.T)
    )
