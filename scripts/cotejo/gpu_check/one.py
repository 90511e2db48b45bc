"""One check, in this process: started by `cotejo.gpu_check.perform` as `python -m cotejo.gpu_check.one '<JSON>'`.

Leaves {"result", "message", "found"} in the file that it is told.
"""

import json
import sys
import traceback
from importlib import import_module
from pathlib import Path

from cotejo.command import run
from cotejo.errors import CotejoError, last_line
from cotejo.files import write_json
from cotejo.gpu_check.check import Box, Untried
from cotejo.gpu_check.perform import FAIL, PASS, UNTRIED


def main() -> None:
    told = json.loads(sys.argv[1])
    where = told["box"]
    box = Box(where["device"], where["gpus"], Path(where["folder"]), Path(where["shared"]))
    function = getattr(import_module(told["module"]), told["function"])
    result, message, found = PASS, "", {}
    try:
        found = dict(function(box))
    except Untried as reason:
        result, message = UNTRIED, str(reason)
    except Exception as error:
        traceback.print_exc()
        result, message = FAIL, str(error) if isinstance(error, CotejoError) else last_line(error)
    write_json(Path(told["output"]), {"result": result, "message": message, "found": found})


if __name__ == "__main__":
    run(main)
