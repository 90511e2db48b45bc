"""Visual question answering: an image and a question go in, exactly `new_tokens` tokens come out.

Only servers have this task so far: `cotejo.apis` write its requests, and nothing here measures it in process.
"""

OPTIONS = {"new_tokens": 64}
ARCHITECTURES = ("llava",)
DATASET_KINDS = ("vqa", "images")
UNIT = "token"
