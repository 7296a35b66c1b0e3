"""Import every folder or archive that is named, one after the other; print what each raised and what it took.

python tests/attacks/attempt.py DEST SOURCE...
"""

import json
import re
import sys
import time
from pathlib import Path

from lakhnes.checkpoint import import_checkpoint
from lakhnes.errors import LakhnesError


def peak():
    """Return the most bytes of memory that this process has had; not `ru_maxrss`, which begins with its parent's."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024


def main(destination, *sources):
    for source in sources:
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            import_checkpoint(source, destination)
        except LakhnesError as error:
            raised, message = type(error).__name__, str(error)
        except BaseException as error:  # what must not come
            raised, message = f"not ours: {type(error).__name__}", str(error)
        else:
            raised, message = "nothing", ""
        facts = {
            "source": source,
            "raised": raised,
            "message": message,
            "wall": time.perf_counter() - wall,
            "cpu": time.process_time() - cpu,
            "peak": peak(),
            "torch": "torch" in sys.modules,
        }
        print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
