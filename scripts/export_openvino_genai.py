"""Export Whisper to the layout that openvino-genai loads, by optimum-intel.

An export that cannot be made is a result: export.json says why, and the exit status is 0.
"""

from cotejo.command import run
from cotejo.exports.make import command

if __name__ == "__main__":
    run(lambda: command("openvino-genai", __doc__))
