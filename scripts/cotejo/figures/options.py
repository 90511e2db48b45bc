"""Options that several kinds of figure take, as JSON Schema."""

from typing import Any

_VALUES = {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "array", "minItems": 1}]}
_COLUMNS = (
    "name", "model", "architecture", "task", "dataset", "backend", "provider", "server", "client", "precision",
    "device", "accelerators", "nodes", "split", "processes", "cores", "origin", "system", "load", "inputs", "level",
)  # fmt: skip

COMMON: dict[str, Any] = {
    "where": {
        "description": (
            "Which rows of the summary to draw: for a column, the value or the list of values allowed. "
            "All of them, unless given."
        ),
        "type": "object",
        "additionalProperties": False,
        "properties": {column: {"description": f"Allowed in column `{column}`.", **_VALUES} for column in _COLUMNS},
    },
    "caption": {"description": "What the report says under the figure.", "type": "string", "minLength": 1},
    "width": {
        "description": (
            "The printed width: `full`, across a page (7 in); `column`, one of two columns (3.5 in). "
            "Unless given, what `figures: style:` of `config.yaml` makes of it."
        ),
        "enum": ["full", "column"],
    },
}

BY: dict[str, Any] = {
    "description": (
        "The columns that name what is compared, the first one giving the colour. Others are added where they differ."
    ),
    "type": "array",
    "minItems": 1,
    "uniqueItems": True,
    "items": {"enum": [*_COLUMNS, "weights", "scale", "compute_precision"]},
    "default": ["backend", "precision"],
}

METRIC: dict[str, Any] = {
    "description": "What is drawn: a name in the summary's column `metric`, such as `tokens_per_s`.",
    "type": "string",
    "pattern": "^[a-z][a-z0-9_]*$",
    "x-pattern": "must be the name of a metric: small letters, digits and underscores",
}

METRICS: dict[str, Any] = {
    "description": "What is drawn, a panel for each: names in the summary's column `metric`.",
    "type": "array",
    "minItems": 1,
    "uniqueItems": True,
    "items": METRIC,
}
