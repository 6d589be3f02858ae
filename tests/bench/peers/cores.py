"""Which cores the programs run on, and how a comparison ends."""
import os
import pathlib
import signal
import sys


def pin(n_cores):
    """Holds this process and its children to at most n_cores cores, one hardware thread each."""
    chosen = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        siblings = pathlib.Path(f'/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list')
        chosen.setdefault(siblings.read_text() if siblings.exists() else cpu, cpu)
    os.sched_setaffinity(0, list(chosen.values())[:n_cores])
    return len(os.sched_getaffinity(0))


def run(main):
    """Temporary folders go, whoever ends it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
