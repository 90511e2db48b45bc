"""Images with a question about each: as VizWiz-VQA publishes them, a JSON list and a folder of images, or made up."""

import json
from pathlib import Path
from typing import Any

from cotejo.datasets import made_up_vqa
from cotejo.datasets.images import size_of
from cotejo.datasets.sources import NOT_STATED, copy, describe, item_name, read_text_file, read_texts, resolved
from cotejo.errors import CotejoError
from cotejo.schema import short


def prepare(entry: dict[str, Any], place: str, folder: Path) -> list[dict[str, Any]]:
    """Copy the images that have a question, or make pairs up.

    CotejoError names the annotation that is wrong or lacks its image.
    """
    source, licence = entry["source"], entry.get("licence", NOT_STATED)
    if "generate" in source:
        questions = [text for _, text in read_texts(source["questions"], f"{place}.questions")]
        return made_up_vqa.prepare(source["generate"], questions, f"{place}.generate", folder)
    images = resolved(source["images"])
    if not images.is_dir():
        remedy = entry.get("if_missing", "Mend the path")
        raise CotejoError(f"{place}.images: {source['images']}: no such folder. {remedy}")
    items = []
    for index, (image, question) in enumerate(_annotations(source["annotations"], place)[: entry.get("limit")]):
        at = f"{place}.annotations: {source['annotations']}: [{index}].image: {image}"
        file = images / image
        if not file.is_file():
            raise CotejoError(f"{at}: no such file in {source['images']}. Add the image, or mend source.images")
        width, height = size_of(file, at)
        target = folder / item_name(index, file.name)
        copy(file, target)
        items.append(
            describe(
                target,
                licence,
                f"{source['images'].rstrip('/')}/{image}",
                question=question,
                width=width,
                height=height,
            )
        )
    return items


def _annotations(path: str, place: str) -> list[tuple[str, str]]:
    at = f"{place}.annotations: {path}"
    remedy = 'It must be a list of objects with "image" and "question", as VizWiz-VQA publishes them'
    try:
        records = json.loads(read_text_file(path, f"{place}.annotations"))
    except json.JSONDecodeError as error:
        raise CotejoError(f"{at}, line {error.lineno}: not valid JSON ({error.msg}). {remedy}") from error
    if not isinstance(records, list) or not records:
        raise CotejoError(f"{at}: not a list, or an empty one. {remedy}")
    for index, record in enumerate(records):
        for key in ("image", "question"):
            value = record.get(key) if isinstance(record, dict) else None
            if not isinstance(value, str) or not value.strip():
                raise CotejoError(f"{at}: [{index}].{key}: {short(value)}: must be text. {remedy}")
    return [(record["image"], record["question"]) for record in records]
