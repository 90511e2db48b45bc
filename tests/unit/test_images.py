"""How config may name images, and what is known of one that is there."""

import os
from pathlib import Path

import pytest

from cotejo.errors import CotejoError
from cotejo.files import write_json
from cotejo.images import check_image, facts_file, image_at_hand, image_file, refuse_missing_image, slug
from cotejo.pull import pull_or_look

DIGEST = "0123456789abcdef" * 4
TRITON = f"docker://nvcr.io/nvidia/tritonserver@sha256:{DIGEST}"
WHERE = "config/config.yaml: environments.triton.image"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "image",
    [TRITON, f"oras://localhost:5000/images/vllm@sha256:{DIGEST}", "triton.sif", "~/images/a b.sif", "/opt/tgi.sif"],
)
def test_files_and_digests_may_be_named(image):
    check_image(image, WHERE)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("docker://vllm/vllm-openai:v0.11.0", "docker://vllm/vllm-openai@sha256:<64 hexadecimal digits>: `skopeo"),
        ("docker://vllm/vllm-openai", "docker://vllm/vllm-openai@sha256:<64"),
        ("docker://host:5000/vllm:latest", "docker://host:5000/vllm@sha256:<64"),
        (f"docker://vllm/vllm-openai:v0.11.0@sha256:{DIGEST}", "docker://vllm/vllm-openai@sha256:<64"),
        (TRITON[:-1], "by its digest alone, for a tag moves on to other images"),
        ("oras://host/tgi:3", "oras://host/tgi@sha256:<64 hexadecimal digits>"),
        ("library://alpine:latest", "can't be had by its digest. Take docker://…@sha256:… or"),
        ("https://example.org/triton.sif", "can't be had by its digest"),
    ],
)
def test_what_may_be_another_image_tomorrow_is_refused(image, message):
    with pytest.raises(CotejoError) as caught:
        check_image(image, WHERE)
    assert str(caught.value).startswith(f"{WHERE}: {image}: ")
    assert message in str(caught.value)


def test_file_names_of_images_are_readable_and_apart(checkout):
    assert slug(TRITON) == "tritonserver-0123456789ab"
    assert slug("a/vllm 1.sif") != slug("b/vllm 1.sif")
    assert slug("a/vllm 1.sif").startswith("vllm-1-")
    assert slug("a/.sif")[0].isalnum()
    assert image_file("a.sif") == checkout / "a.sif"


def known(checkout: Path, image: str, file: Path) -> None:
    """What pull_image leaves."""
    told = {"name": image, "file": str(file), "sha256": DIGEST, "size_bytes": 3, "modified_s": 1_700_000_000}
    write_json(facts_file(image), told)


def test_what_was_pulled_is_at_hand_until_it_is_gone_or_changed(checkout):
    with pytest.raises(
        CotejoError, match=r"resources/images/tritonserver-0123456789ab\.json: no such file.*Run `snake"
    ):
        image_at_hand(TRITON)
    refuse_missing_image(TRITON, {})  # it will be pulled
    file = checkout / "image.sif"
    known(checkout, TRITON, file)
    with pytest.raises(CotejoError, match=r"image\.sif: no such file\. Delete .*\.json, and the next .* pulls it anew"):
        refuse_missing_image(TRITON, {})
    file.write_text("sif")
    os.utime(file, (1_700_000_000, 1_700_000_000))
    assert image_at_hand(TRITON) == (TRITON, file, DIGEST)
    refuse_missing_image(TRITON, {})
    file.write_text("SIF")
    with pytest.raises(CotejoError, match=r"image\.sif: was changed since its digest was taken"):
        image_at_hand(TRITON)


def test_a_file_of_the_users_is_known_by_its_digest_wherever_it_lies(checkout):
    with pytest.raises(CotejoError, match=rf"^{WHERE}: triton\.sif: no such file as {checkout}/triton\.sif\. Name an"):
        refuse_missing_image("triton.sif", {"vllm": {}, "triton": {"image": "triton.sif"}})
    for folder in ("a", "b"):
        (checkout / folder).mkdir()
        (checkout / folder / "triton.sif").write_text("sif")
    refuse_missing_image("a/triton.sif", {"triton": {"image": "a/triton.sif"}})
    found = [pull_or_look(f"{folder}/triton.sif", checkout / "none") for folder in ("a", "b")]
    assert {(each["name"], each["sha256"], each["pulled_by"]) for each in found} == {
        (f"triton.sif@sha256:{found[0]['sha256']}", found[0]["sha256"], None)
    }
    write_json(facts_file("a/triton.sif"), found[0])
    assert image_at_hand("a/triton.sif").file == checkout / "a" / "triton.sif"
