"""The programs that are compared: each a command that prints one JSON object of what it measured."""
import dataclasses
import itertools
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

HERE = pathlib.Path(__file__).parent

OURS = 'ours'
ONNX_RUNTIME = 'ONNX Runtime'
PYTORCH = 'PyTorch'


@dataclasses.dataclass(frozen=True)
class Program:
    """name: of the three above; settings: in words; spins: whether its idle threads do; argv and env: the command."""
    name: str
    settings: str
    spins: bool
    argv: tuple
    env: tuple = ()

    def run(self, n_runs, *options, most_s=None):
        """What the program says of n_runs runs after one that warms it up; most_s: the seconds it may take."""
        runs = '--repeat' if self.name == OURS else '--runs'
        return json.loads(call([*self.argv, runs, str(n_runs), *options], self.env, most_s))

    def read_output(self, path, n_runs):
        """The output of the last run for the fixed input, by way of a file."""
        self.run(n_runs, '--output', str(path))
        return np.fromfile(path, dtype='<f4').astype(np.float64)


class Failed(Exception):
    """A program ended with an error; the text is its own last sentence."""


def call(argv, env=(), most_s=None):
    done = subprocess.run(argv, env={**os.environ, **dict(env)}, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False, timeout=most_s)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line and not line.startswith('Schema error')]
        raise Failed(lines[-1] if lines else f'{argv[0]} ended with {done.returncode}')
    return done.stdout


class Programs:
    """Makes the commands; n_threads: of every program unless said otherwise."""

    def __init__(self, ddpm, folder, n_threads):
        """ddpm: our command; folder: for networks and outputs."""
        self.ddpm = ddpm
        self.folder = folder
        self.n_threads = n_threads

    def network(self, shape):
        """The model folder of a shape, with random weights by our own command."""
        folder = self.folder / shape
        if not folder.exists():
            call([self.ddpm, 'bench', shape, '--save', str(folder)])
        return folder

    def ours(self, model, batch=1, *options, n_threads=None, env=()):
        """model: a folder."""
        threads = str(n_threads or self.n_threads)
        return Program(OURS, ' '.join(options), False, (self.ddpm, 'bench', model, '--json', '--batch', str(batch), '--threads', threads,
                                  *options), env)

    def onnx_runtime(self, shape, batch=1, norm_form='layer', spins=True):
        folder = self.network(shape)
        graph = folder / 'unet' / f'batch-{batch}-{norm_form}.onnx'
        if not graph.exists():
            call([sys.executable, HERE / 'write_onnx.py', folder, str(batch), norm_form, graph.name])
        return Program(ONNX_RUNTIME, f'group norm as {norm_form} norm, idle threads {"spin" if spins else "sleep"}', spins,
                       (sys.executable, HERE / 'run_onnx.py', folder, graph, '--batch', str(batch), '--threads',
                        str(self.n_threads), '--spin', str(int(spins))))

    def pytorch(self, shape, batch=1, *options, n_threads=None, layout='channels_last', spins=False, env=()):
        n_threads = n_threads or self.n_threads
        wait = 'ACTIVE' if spins else 'PASSIVE'
        return Program(PYTORCH, f'{n_threads} thread{"s" if n_threads > 1 else ""}, {layout}, OMP_WAIT_POLICY={wait}', spins,
                       (sys.executable, HERE / 'run_torch.py', self.network(shape), '--batch', str(batch), '--threads',
                        str(n_threads), '--layout', layout, *options),
                       (('OMP_WAIT_POLICY', wait), *env))


def onnx_runtime_settings():
    return [{'norm_form': norm_form, 'spins': spins}
            for spins, norm_form in itertools.product((True, False), ('layer', 'instance', 'group'))]


def pytorch_settings(n_threads):
    """One thread has nobody to wait for."""
    threads_and_waits = [(n_threads, False), (n_threads, True)] + ([(1, False)] if n_threads > 1 else [])
    return [{'n_threads': n, 'spins': spins, 'layout': layout}
            for (n, spins), layout in itertools.product(threads_and_waits, ('channels_last', 'contiguous'))]


def find_finalists(programs, n_runs):
    """The places of the fastest one whose idle threads spin and of the fastest one whose do not: which of the two is
    faster depends on who else uses the cores. What takes twice as long as the fastest of its kind is not waited for."""
    finalists = {}
    for place, program in enumerate(programs):
        _, best_ms, best_s = finalists.get(program.spins, (None, math.inf, None))
        begin = time.monotonic()
        try:
            ms = program.run(n_runs, most_s=best_s and 2 * best_s)['min_ms']
        except subprocess.TimeoutExpired:
            continue
        if ms < best_ms:
            finalists[program.spins] = (place, ms, time.monotonic() - begin)
    return [place for place, _, _ in finalists.values()]


@dataclasses.dataclass
class Measured:
    """Of one program over all rounds."""
    program: Program
    median_ms: float
    min_ms: float
    peak_bytes: int
    results: list


def take_turns(teams, n_runs, n_rounds, say_round):
    """Measures the programs in turn, A B C A B C: what disturbs the machine for a while disturbs all of them. Each team
    is a list of the same program with other settings, of which the fastest counts."""
    results = {program: [] for team in teams for program in team}
    for i in range(n_rounds):
        say_round(f'round {i + 1} of {n_rounds}')
        for program, of_program in results.items():
            of_program.append(program.run(n_runs))
    measured = {program: Measured(program, statistics.median(result['median_ms'] for result in of_program),
                                  min(result['min_ms'] for result in of_program),
                                  max(result['peak_bytes'] for result in of_program), of_program)
                for program, of_program in results.items()}
    return [min((measured[program] for program in team), key=lambda one: one.median_ms) for team in teams]
