"""What a config.json leaves to the defaults of transformers."""

from collections.abc import Mapping
from typing import Any

from cotejo.errors import CotejoError
from cotejo.models.catalogue import overlaid


def spelled_out(kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A config.json's content with the values that it leaves to transformers' defaults, which another version may
    change.

    `save_pretrained` leaves out of the parts of a model what is as usual.
    """
    if kind == "yolo":
        return dict(config)
    from huggingface_hub.errors import StrictDataclassError
    from transformers import CONFIG_MAPPING

    try:
        known = CONFIG_MAPPING[kind].from_dict(dict(config)).to_dict()
    except (StrictDataclassError, TypeError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise CotejoError(f"config.json: transformers refuses it: {reason}. Save the model again") from error
    return overlaid(known, dict(config))
