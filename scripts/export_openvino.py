"""Export a model to OpenVINO: Llama by optimum-intel, YOLO by ultralytics, Whisper by openvino.convert_model.

An export that cannot be made is a result: export.json says why, and the exit status is 0.
"""

from cotejo.command import run
from cotejo.exports.make import command

if __name__ == "__main__":
    run(lambda: command("openvino", __doc__))
