"""Programs that would listen on every address, held to one: a library is preloaded that puts it in the place of all.

Ray listens so whatever address it is given, and so does PyTorch's store, by which the processes of a computation meet.
The library (listen_only.c) is compiled where a server is prepared.
"""

import shutil
import subprocess
from pathlib import Path

from cotejo.errors import ServerMissing

SOURCE = Path(__file__).with_name("listen_only.c")
LIBRARY = "listen_only.so"
COMPILERS = ("cc", "gcc", "clang")
COMPILE_S = 60.0


def prepare(folder: Path) -> None:
    """Compile the library into a folder, beside its source, for the machine that this is; only the source is there
    where this machine has no compiler.
    """
    source = Path(shutil.copyfile(SOURCE, folder / SOURCE.name))
    compiler = next((name for name in COMPILERS if shutil.which(name)), None)
    if compiler is None:
        return
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(folder / LIBRARY), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_S, check=False)
    if done.returncode != 0:
        (folder / LIBRARY).unlink(missing_ok=True)
        print(done.stderr)


def environment(prepared: Path, address: str, what: str) -> dict[str, str]:
    """What holds a program to an address; ServerMissing where preparing made no library, with the setting `what` that
    needs it.
    """
    if not (prepared / LIBRARY).is_file():
        raise ServerMissing(
            f"{what}: can't be confined to one network interface without {LIBRARY}, which prepare_server compiles: it "
            f"found no working C compiler ({', '.join(COMPILERS)}). Install one where Snakemake runs, delete "
            f"{prepared} and run the same command again"
        )
    return {"LD_PRELOAD": str(prepared / LIBRARY), "COTEJO_LISTEN_ADDRESS": address}


def where_compiled(prepared: Path, address: str) -> dict[str, str]:
    """The same for what needn't be held in every version: nothing where there is no library. Whoever starts a server
    refuses one that can be reached from elsewhere all the same.
    """
    return environment(prepared, address, "") if (prepared / LIBRARY).is_file() else {}
