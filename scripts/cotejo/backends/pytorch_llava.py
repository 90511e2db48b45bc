"""LLaVA in PyTorch: what prepares its inputs is transformers' own processor, as for anyone who uses the model so."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.backends import cuda
from cotejo.backends.greedy import Greedy
from cotejo.tasks.text_generation import Generation
from cotejo.tasks.visual_question_answering import Prepared

if TYPE_CHECKING:
    from PIL.Image import Image

    from cotejo.backends.pytorch import Computing


class Llava(Greedy):
    """An engine of the visual question answering task."""

    def __init__(self, model: Any, computing: "Computing", folder: Path) -> None:
        from transformers import AutoProcessor

        super().__init__(model, computing.device)
        self._computing = computing
        self._processor = AutoProcessor.from_pretrained(folder, local_files_only=True)

    def prepare(self, picture: "Image", question: str) -> Prepared:
        """The model's chat template with the image before the question, and the image as the processor wants it."""
        content = [{"type": "image"}, {"type": "text", "text": question}]
        message = {"role": "user", "content": content}
        prompt = self._processor.apply_chat_template([message], add_generation_prompt=True, tokenize=False)
        # A template may begin with what the tokenizer puts first by itself.
        prompt = prompt.removeprefix(self._processor.tokenizer.bos_token or "")
        inputs = self._processor(text=prompt, images=picture, return_tensors="pt")
        inputs["pixel_values"] = inputs["pixel_values"].to(self._computing.weights)
        names = ("input_ids", "attention_mask", "pixel_values")
        return Prepared({name: inputs[name] for name in names}, inputs["input_ids"].shape[1])

    def answer(self, prepared: Prepared, least: int, most: int) -> Generation:
        with self._computing.context():
            return self.follow(prepared.inputs, least, most)

    def forget_peaks(self) -> None:
        cuda.forget_peaks(self._computing.gpus)

    def memory_peaks(self) -> Mapping[int, int]:
        return cuda.peaks(self._computing.gpus)

    def properties(self) -> dict[str, Any]:
        images = self._processor.image_processor
        return {"image_processor": type(images).__name__, **self._computing.properties()}
