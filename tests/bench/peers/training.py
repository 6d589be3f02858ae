"""./dev bench training FOLDER: the same training by our program and by PyTorch, seed by seed in turn on the same cores.

Both train the same network on the same pictures with the same batch, learning rate, warm-up, clipping and average of
weights; held_out.py measures what came out."""
import argparse
import csv
import dataclasses
import datetime
import itertools
import json
import pathlib
import statistics
import sys
import tempfile

import cores
import pictures
import programs
import table

STEPS = 300
FIRST = 50  # steps before time is taken: threads and memory are warm, and our log's first line is written
BATCH = 16
RATE = 2e-4
WARMUP = 100
# The bundled models' networks: as heroes, and as materials, which has no attention so that any size will do
NETWORKS = (('--channels', '24,48,96,128', '--attention', '16'), ('--channels', '32,32,96,160', '--attention', 'none'))
SEARCH_STEPS = 12
SEARCH_FIRST = 4
GOAL = 3  # times as fast

PYTORCH = programs.PYTORCH


@dataclasses.dataclass
class Result:
    """Of one program over all seeds."""
    name: str
    losses: list
    times_ms: list  # of a step, seed by seed

    @property
    def loss(self):
        return statistics.mean(self.losses)

    @property
    def spread(self):
        return max(self.losses) - min(self.losses)

    @property
    def step_ms(self):
        return statistics.median(self.times_ms)

    def agrees(self, other):
        return abs(self.loss - other.loss) <= max(self.spread, other.spread)


class Training:
    """Of one network."""

    def __init__(self, ddpm, data, work, shape, n_threads, n_steps):
        """data: folder of pictures.make; work: a new folder; shape: the network's options."""
        self.ddpm = ddpm
        self.data = data
        self.work = work
        self.shape = shape
        self.n_threads = n_threads
        self.n_steps = n_steps
        self.network = work / 'network'
        self.train_ours(self.network, 0, 'f32', 1)
        self.layout, self.wait, self.precision = 'channels_last', 'PASSIVE', 'f32'

    # Each trains into a folder and returns the milliseconds of a step

    def train_ours(self, folder, seed, precision, n_steps):
        programs.call([self.ddpm, 'train', str(self.data), '-o', str(folder), '--size', str(pictures.SIZE),
                       *self.shape, '--steps', str(n_steps), '--batch', str(BATCH), '--lr', str(RATE), '--warmup', str(WARMUP), '--seed', str(seed),
                       '--held-out', str(pictures.HELD_OUT), '--threads', str(self.n_threads), '--sample-every', '0',
                       '--float32', '--precision', precision])
        with (folder / 'train.csv').open() as file:
            lines = {int(line['step']): float(line['seconds']) for line in csv.DictReader(file)}
        if n_steps <= FIRST:
            return None
        return (lines[n_steps] - lines[FIRST]) / (n_steps - FIRST) * 1e3

    def train_torch(self, folder, seed, n_steps, first=FIRST):
        output = ['--output', str(folder)] if folder else []
        said = programs.call([sys.executable, programs.HERE / 'train_torch.py', str(self.data), str(self.network), *output,
                              '--steps', str(n_steps), '--first', str(first), '--batch', str(BATCH), '--lr', str(RATE),
                              '--warmup', str(WARMUP), '--seed', str(seed), '--threads', str(self.n_threads), '--layout',
                              self.layout, '--precision', self.precision], (('OMP_WAIT_POLICY', self.wait),))
        return json.loads(said)['mean_ms']

    def find_best_settings(self):
        """PyTorch's layout, whether its idle threads spin, and whether its autocast to bf16 helps."""
        say("looking for PyTorch's best settings")
        times_ms = {}
        for settings in itertools.product(('channels_last', 'contiguous'), ('PASSIVE', 'ACTIVE'), ('f32', 'bf16')):
            self.layout, self.wait, self.precision = settings
            if self.wait == 'PASSIVE' or self.n_threads > 1:
                times_ms[settings] = self.train_torch(None, 0, SEARCH_STEPS, SEARCH_FIRST)
        self.layout, self.wait, self.precision = min(times_ms, key=times_ms.get)

    def compare(self, n_seeds):
        trainers = {'ours f32': lambda *of: self.train_ours(*of, 'f32', self.n_steps)}
        if 'bf16' in programs.call([self.ddpm, 'info', str(self.network)]):
            trainers['ours bf16'] = lambda *of: self.train_ours(*of, 'bf16', self.n_steps)
        self.find_best_settings()
        trainers[f'{PYTORCH} {self.precision}'] = lambda *of: self.train_torch(*of, self.n_steps)
        times_ms = {name: [] for name in trainers}
        folders = {name: [] for name in trainers}
        for seed in range(1, n_seeds + 1):
            for name, train in trainers.items():
                say(f'{" ".join(self.shape)}, seed {seed} of {n_seeds}: {name}, {self.n_steps} steps')
                folders[name].append(str(self.work / f'{name} {seed}'))
                times_ms[name].append(train(pathlib.Path(folders[name][-1]), seed))
        say('measuring the loss on pictures held out')
        return [Result(name, json.loads(programs.call([sys.executable, programs.HERE / 'held_out.py', str(self.n_threads),
                                                       str(self.data), *folders[name]])), times_ms[name])
                for name in trainers]


def say(text):
    print(f'bench: {text}', file=sys.stderr, flush=True)


HEAD = ['network', 'trained by', 'loss on pictures held out', 'seeds', 'a step', 'PyTorch takes', '']


def make_rows(training, results):
    torch = next(result for result in results if result.name.startswith(PYTORCH))
    for result in results:
        ratio = torch.step_ms / result.step_ms
        verdict = []
        if result.name.startswith('ours'):
            verdict.append('the loss agrees' if result.agrees(torch) else '**another loss**')
            verdict.append(f'{GOAL}x reached' if ratio >= GOAL else f'**{GOAL}x missed**')
        yield [' '.join(training.shape), result.name, f'{result.loss:.5f}', ' '.join(f'{loss:.5f}' for loss in result.losses),
               f'{table.show_number(result.step_ms)} ms', f'{ratio:.2f}x', ', '.join(verdict)]


def describe(rows, trainings, n_seeds, n_pictures):
    training = trainings[0]
    settings = {f'{one.layout}, {one.precision}, OMP_WAIT_POLICY={one.wait}' for one in trainings}
    version = programs.call(['dpkg-query', '-W', '-f', '${Version}', 'python3-torch'])
    return '\n'.join([
        '## Training against PyTorch',
        '',
        f'- {datetime.date.today()}, by `./dev bench training`: {n_seeds} seeds of {training.n_steps} steps of {BATCH} '
        f'pictures, learning rate {RATE:g} after {WARMUP} steps, gradient clipped at 1, average of the weights',
        f'- the networks of `ddpm train` with these options, on {n_pictures} pictures of {pictures.SIZE}x{pictures.SIZE} '
        f'pixels; one in {pictures.HELD_OUT} is held out',
        f'- PyTorch {version} at its fastest ({"; or ".join(sorted(settings))}) of both layouts, waits and precisions, bf16 '
        'by autocast',
        f'- {training.n_threads} thread{"s" if training.n_threads > 1 else ""} each, pinned to the same cores, seed by seed '
        'in turn',
        '- one judge measures all: the averaged weights in PyTorch f32, the same 1024 noisy pictures',
        '- the loss agrees where the means lie no further apart than the seeds of either do',
        '',
        table.markdown_of(HEAD, rows),
        '',
    ])


def main():
    parser = argparse.ArgumentParser(prog='./dev bench training', description=__doc__)
    parser.add_argument('folder', help='folder of PNGs')
    parser.add_argument('--ddpm', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--work', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--results', type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--steps', type=int, default=STEPS, help='a multiple of 50, above 50')
    parser.add_argument('--threads', type=int, default=2)
    options = parser.parse_args()
    if options.steps <= FIRST or options.steps % 50 or options.seeds < 1 or options.threads < 1:
        parser.error('--steps is a multiple of 50 above 50, the others are at least 1')

    n_threads = cores.pin(options.threads)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        work = pathlib.Path(folder)
        try:
            pictures.make(options.folder, work / 'pictures')
            trainings, rows = [], []
            for number, shape in enumerate(NETWORKS):
                (work / str(number)).mkdir()
                trainings.append(Training(options.ddpm, work / 'pictures', work / str(number), shape, n_threads,
                                          options.steps))
                rows += make_rows(trainings[-1], trainings[-1].compare(options.seeds))
        except (pictures.Unfit, programs.Failed) as error:
            sys.exit(f'bench: {error}')
        n_pictures = len(list((work / 'pictures').iterdir()))
    print(table.plain_of(HEAD, rows))
    if options.results:
        table.write_section(options.results, describe(rows, trainings, options.seeds, n_pictures))


cores.run(main)
