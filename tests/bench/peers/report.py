"""What run_onnx.py and run_torch.py have in common: timing, and one JSON object on stdout."""
import json
import resource
import statistics
import time


def measure(run, n_runs):
    """Milliseconds of each run after one that wakes threads and touches memory; the last result."""
    times_ms = []
    run()
    for _ in range(n_runs):
        begin = time.perf_counter()
        result = run()
        times_ms.append((time.perf_counter() - begin) * 1e3)
    return times_ms, result


def report(times_ms, **more):
    print(json.dumps({'median_ms': statistics.median(times_ms), 'min_ms': min(times_ms), 'runs': len(times_ms),
                      'peak_bytes': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, **more}))
