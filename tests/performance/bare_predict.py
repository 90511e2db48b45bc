"""What Cotejo's video pipeline is held against: `ultralytics predict` saving the film with its masks.

Prints {"frames_per_s", "file"} as JSON: the rate after the warm-up, and the film it wrote.
"""

import argparse
import json
import time
from pathlib import Path

from ultralytics import YOLO

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", required=True, help="an OpenVINO export, in a folder whose name ends in _openvino_model")
parser.add_argument("--film", required=True)
parser.add_argument("--confidence", type=float, required=True)
parser.add_argument("--warmup-frames", type=int, required=True)
parser.add_argument("--output", required=True, help="the folder to write the film into")
arguments = parser.parse_args()

model = YOLO(arguments.model, task="segment")
results = model.predict(
    source=arguments.film,
    save=True,
    stream=True,
    project=arguments.output,
    name="predict",
    exist_ok=True,
    verbose=False,
    conf=arguments.confidence,
)
begun = frames = 0
for number, _ in enumerate(results, start=1):
    if number == arguments.warmup_frames:
        begun = time.monotonic()
    frames = number - arguments.warmup_frames
rate = frames / (time.monotonic() - begun)
(film,) = (path for path in (Path(arguments.output) / "predict").iterdir() if path.is_file())
print(json.dumps({"frames_per_s": rate, "file": str(film)}))
