"""Build TensorRT's engine of a model from its ONNX export, for this machine's GPU and no other.

An engine that cannot be built is a result: export.json says why, and the exit status is 0.
"""

from cotejo.command import run
from cotejo.exports.make import command

if __name__ == "__main__":
    run(lambda: command("tensorrt", __doc__))
