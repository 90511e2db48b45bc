"""The settings that studies and overlays give, checked one by one against config/schemas/run.schema.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cotejo.errors import CotejoError
from cotejo.schema import check, did_you_mean, key_text, schema_of, short, shown

NO_AXES = ("repeats",)  # how often each run is measured; two values of it are no two runs


def check_settings(settings: Mapping[str, Any], path: Path, place: tuple[str | int, ...], axes: bool = True) -> None:
    """Each setting must be known, and each of its values allowed; a list of values is an axis where axes may stand."""
    properties = schema_of("run")["properties"]
    for key, given in settings.items():
        if key not in properties:
            raise CotejoError(
                f"{shown(path)}: {key_text([*place, key])}: {short(given)}: unknown key{did_you_mean(key, properties)}"
            )
        if isinstance(given, list) and (not axes or key in NO_AXES):
            raise CotejoError(f"{shown(path)}: {key_text([*place, key])}: {short(given)}: takes one value. Give one")
        values = given if isinstance(given, list) else [given]
        if not values:
            raise CotejoError(
                f"{shown(path)}: {key_text([*place, key])}: []: an empty axis makes no run. "
                f"Give it a value, or delete the key"
            )
        for number, value in enumerate(values):
            check(value, properties[key], path, (*place, key, *([number] if isinstance(given, list) else [])))
            if value in values[:number]:
                raise CotejoError(
                    f"{shown(path)}: {key_text([*place, key, number])}: {short(value)}: twice on one axis. Delete one"
                )
