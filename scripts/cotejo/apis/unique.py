"""What makes a request unlike every other, so that no cache answers it: words before a text, a strip on an image."""

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.errors import CotejoError

if TYPE_CHECKING:
    from PIL.Image import Image

# Short and frequent, so that nearly every tokenizer has a token of its own for each, with the space before it.
WORDS = (
    "time", "year", "people", "way", "day", "man", "thing", "woman", "life", "child", "world", "school", "state",
    "family", "student", "group", "country", "problem", "hand", "part", "place", "case", "week", "company",
    "system", "program", "question", "work", "government", "number", "night", "point", "home", "water", "room",
    "mother", "area", "money", "story", "fact", "month", "lot", "right", "study", "book", "eye", "job", "word",
    "business", "issue", "side", "kind", "head", "house", "service", "friend", "father", "power", "hour", "game",
    "line", "end", "member", "law",
)  # fmt: skip
FIRST = "About"
DIGITS = 4  # words before a text: 64⁴ texts differ
# Odd, so that its multiples run through all 64⁴ numbers before one recurs; about 0.618 of them.
STEP = 10_368_397

STRIP = (8, 48)  # pixels: a grey square of 8 for each hexadecimal digit of a number
SHADES = 17  # grey levels between two digits: JPEG blurs by less

Counter = Callable[[str], int]


def words(number: int, seed: int) -> str:
    """As many words for each number, other ones for each of 64⁴ numbers that follow one another.

    Already the second word differs from one number to the next. The first is always the same, so that each of the
    others has a space before it, and is the token of its own that it then is.
    """
    base = len(WORDS)
    value = (seed + number) * STEP % base**DIGITS
    found = [FIRST]
    for _ in range(DIGITS):
        value, digit = divmod(value, base)
        found.append(WORDS[digit])
    return " ".join(found)


def shared_prefix(tokens: int, seed: int) -> str:
    """A text of that many words, hence as a rule of that many tokens: the same for the same seed."""
    return " ".join(random.Random(seed).choices(WORDS, k=tokens))


def marked(image: "Image", number: int) -> "Image":
    """A copy of an image (RGB) with a number, below 16⁶, as six grey squares in its top left corner."""
    from PIL import Image as Pillow

    height, width = STRIP
    digits = [number >> 4 * place & 15 for place in range(width // height)]
    strip = Pillow.new("L", (len(digits), 1))
    strip.putdata([digit * SHADES for digit in digits])
    copy = image.copy()
    copy.paste(strip.resize((width, height), Pillow.Resampling.NEAREST).convert("RGB"), (0, 0))
    return copy


def picture(path: Path) -> "Image":
    """An image file as RGB; CotejoError where it is too small for the mark."""
    from PIL import Image as Pillow

    with Pillow.open(path) as file:
        image = file.convert("RGB")
    height, width = STRIP
    if image.width < width or image.height < height:
        raise CotejoError(
            f"{path}: {image.width}x{image.height} pixels: at least {width}x{height} are needed. Scale it up"
        )
    return image


def encoded(image: "Image", suffix: str) -> tuple[str, bytes]:
    """An image's media type and its bytes: PNG where the data set has it so, otherwise JPEG."""
    stream = io.BytesIO()
    if suffix.lower() == ".png":
        image.save(stream, "PNG", compress_level=1)
        return "image/png", stream.getvalue()
    image.save(stream, "JPEG", quality=90)
    return "image/jpeg", stream.getvalue()


def counter(model_folder: Path) -> Counter | None:
    """A function that counts a text's tokens, without special ones; None where the model has no tokenizer.json."""
    file = model_folder / "tokenizer.json"
    if not file.is_file():
        return None
    from tokenizers import Tokenizer

    tokenizer: Any = Tokenizer.from_file(str(file))
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
