"""What is compared: the parts of the table, each a method that yields its rows."""
import statistics
import sys
import time

import numpy as np

import programs
from programs import Failed
from table import Missing, Row, memory, speed

PARTS = ['forward', 'bf16', 'avx2', 'train', 'threads', 'start', 'sample']

CIFAR = 'cifar10-32'
CELEBA = 'celebahq-256'

PYTORCH_AVX2 = (('ATEN_CPU_CAPABILITY', 'avx2'), ('ONEDNN_MAX_CPU_ISA', 'AVX2'))

# How far outputs may lie apart, in parts of the first one's greatest value
MOST_F32 = 5e-4
# The same for the root mean square: of bf16, which keeps 8 bits of every factor, and of the output after two training
# steps, in which Adam makes rounding visible
MOST_BF16 = 3e-2
MOST_TRAINED = 1e-4


def say(text):
    print(f'bench: {text}', file=sys.stderr, flush=True)


class Comparison:
    def __init__(self, ddpm, heroes, folder, n_threads, quick):
        """ddpm: our command; heroes: the shipped model; folder: for files that may go afterwards; quick: fewer runs,
        and the peers with the settings that are usually best."""
        self.quick = quick
        self.heroes = heroes
        self.make = programs.Programs(ddpm, folder, n_threads)
        self.n_threads = n_threads
        self.finalists = {}  # peer and kind of work -> its best settings
        self.settings = []  # the same in words
        self.agreements = []  # sentences
        self.failed = False  # a part could not be measured

    # The peers at their best settings

    def onnx_runtime(self, shape, batch):
        return self.at_best('forward', self.make.onnx_runtime, programs.onnx_runtime_settings(), shape, batch, n_runs=8)

    def pytorch(self, shape, batch, *options, env=(), work='forward f32'):
        def make(shape, batch, **settings):
            return self.make.pytorch(shape, batch, *options, env=env, **settings)

        n_runs, search_batch = (1, 8) if '--train' in options else (4, 1)
        return self.at_best(work, make, programs.pytorch_settings(self.n_threads), shape, batch, n_runs, search_batch)

    def at_best(self, work, make, candidates, shape, batch, n_runs, search_batch=1):
        """A list of the program at its best settings. They are searched once for each kind of work, on the small
        network; quick: the usual best, which comes first."""
        programs_ = [make(CIFAR, search_batch, **candidate) for candidate in candidates]
        name = f'{programs_[0].name}, {work}'
        if name not in self.finalists:
            places = [0]
            if not self.quick:
                say(f'{name}: looking for the best of {len(candidates)} settings')
                places = programs.find_finalists(programs_, n_runs)
            self.finalists[name] = [candidates[place] for place in places]
            self.settings.append(f'{name}: ' + '; or '.join(programs_[place].settings for place in places))
        return [make(shape, batch, **settings) for settings in self.finalists[name]]

    def turns(self, work, teams, n_runs, n_rounds=3):
        if self.quick:
            n_runs, n_rounds = max(1, n_runs // 3), 1
        return programs.take_turns(teams, n_runs, n_rounds, lambda text: say(f'{work}: {text}'))

    def ours(self, shape, batch, *options, **more):
        """A list of one, as those of the peers."""
        return [self.make.ours(self.make.network(shape), batch, *options, **more)]

    # What must hold before anything is timed

    def check_outputs(self, work, teams, most, rms=False, n_runs=1):
        """Compares the outputs of the last run with the first program's; rms: by root mean square."""
        size = (lambda values: np.sqrt(np.mean(values ** 2))) if rms else (lambda values: np.abs(values).max())
        first, *others = (program for team in teams for program in team[:1])
        wanted = first.read_output(self.make.folder / 'output', n_runs)
        for program in others:
            output = program.read_output(self.make.folder / 'output', n_runs)
            if output.shape != wanted.shape:
                raise Failed(f'{work}: the output of {program.name} has another size than that of {first.name}')
            apart = size(output - wanted) / size(wanted)
            name = f'{program.name} {program.settings}'.rstrip() if program.name == programs.OURS else program.name
            self.agreements.append(f'{work}: {name} and {first.name} lie {apart:.1e} apart, '
                                   f'{"root mean square" if rms else "greatest value"}; at most {most:g} is allowed')
            # not a number is not allowed either
            if not apart <= most:
                raise Failed(self.agreements[-1])

    # The parts of the table

    def forward(self):
        yield from self.forward_of(CIFAR, 1, 15, goal=2, least=1.3)
        yield from self.forward_of(CIFAR, 4, 6, goal=2.5, least=1.6)
        yield from self.forward_of(CELEBA, 1, 1, goal=2, least=1.5, most_memory=0.5)

    def forward_of(self, shape, batch, n_runs, goal, least, most_memory=None):
        work = f'forward f32, {shape}, batch {batch}'
        onnx, torch = self.onnx_runtime(shape, batch), self.pytorch(shape, batch)
        self.check_outputs(work, [onnx, torch, self.ours(shape, batch)], MOST_F32)
        ours, onnx, torch = self.turns(work, [self.ours(shape, batch), onnx, torch], n_runs)
        yield speed(work, ours, onnx, goal, least)
        yield speed(work, ours, torch)
        yield memory(work, ours, onnx, most_memory)

    def bf16(self):
        half = ('--precision', 'bf16')
        try:
            self.ours(CIFAR, 1, *half)[0].run(1)
        except Failed as error:
            yield Missing('forward bf16', str(error))
            return
        for shape, batch, n_runs in ((CIFAR, 1, 15), (CIFAR, 4, 6), (CELEBA, 1, 1)):
            work = f'forward bf16, {shape}, batch {batch}'
            ours, ours_f32 = self.ours(shape, batch, *half), self.ours(shape, batch)
            torch = self.pytorch(shape, batch, *half, work='forward bf16')
            self.check_outputs(f'{work} against our f32', [ours_f32, ours, torch], MOST_BF16, rms=True)
            ours, ours_f32, torch = self.turns(work, [ours, ours_f32, torch], n_runs)
            yield speed(work, ours, ours_f32, 1.6, 1.3, against='our f32')
            yield speed(work, ours, torch)

    def avx2(self):
        for batch, n_runs in ((1, 12), (4, 4)):
            work = f'forward f32, AVX2 only, {CIFAR}, batch {batch}'
            torch = self.pytorch(CIFAR, batch, env=PYTORCH_AVX2, work='forward f32, AVX2 only')
            ours = self.ours(CIFAR, batch, env=(('DDPM_CPU', 'avx2'),))
            yield speed(work, *self.turns(work, [ours, torch], n_runs), goal=1)

    def train(self):
        for batch, n_runs in ((8, 3), (16, 2)):
            work = f'training step f32, {CIFAR}, batch {batch}'
            ours, saving = (self.ours(CIFAR, batch, '--train', *options) for options in ((), ('--recompute',)))
            torch = self.pytorch(CIFAR, batch, '--train', work='training step')
            self.check_outputs(f'{work}, third step', [torch, ours, saving], MOST_TRAINED, rms=True, n_runs=2)
            ours, saving, torch = self.turns(work, [ours, saving, torch], n_runs, 2)
            yield speed(work, ours, torch, 3, 1.8)
            yield memory(work, ours, torch, 0.75)
            yield speed(f'{work}, recomputing', saving, torch)
            yield memory(f'{work}, recomputing', saving, torch)

    def threads(self):
        for shape, batch, options, n_runs in ((CIFAR, 1, (), 12), (CIFAR, 4, (), 5), (CELEBA, 1, (), 1),
                                              (CIFAR, 8, ('--train',), 2)):
            what = 'training step' if options else 'forward'
            work = f'{what} f32, {shape}, batch {batch}, {self.n_threads} threads'
            two, one = self.turns(work, [self.ours(shape, batch, *options),
                                         self.ours(shape, batch, *options, n_threads=1)], n_runs)
            yield speed(work, two, one, least=1.8, against='1 thread')

    def start(self):
        work = f'start: open {CIFAR} (143 MB) until the first step'
        ours, onnx = self.turns(work, [self.ours(CIFAR, 1), self.onnx_runtime(CIFAR, 1)], 1, 5)
        ours_ms, onnx_ms = (statistics.median(result['start_ms'] for result in measured.results)
                            for measured in (ours, onnx))
        yield Row(work, f'{ours_ms:.0f} ms', f'ONNX Runtime {onnx_ms:.0f} ms', ours_ms, ' ms', goal=300, at_most=True)

    def sample(self):
        """The shipped model, from command to PNG."""
        work = 'heroes, DDIM 50 steps, 4 pictures, command to PNG'
        picture = self.make.folder / 'heroes.png'
        command = [self.make.ddpm, 'sample', self.heroes, '-o', str(picture), '-n', '4', '--sampler', 'ddim',
                   '--steps', '50', '--seed', '1']
        step = self.make.ours(self.heroes, 4)
        say(work)
        times_ms, steps_ms = [], []
        for _ in range(1 if self.quick else 5):
            picture.unlink(missing_ok=True)
            begin = time.perf_counter()
            programs.call(command, (('DDPM_THREADS', str(self.n_threads)),))
            times_ms.append((time.perf_counter() - begin) * 1e3)
            steps_ms.append(step.run(50)['median_ms'])
        whole_ms, network_ms = statistics.median(times_ms), 50 * statistics.median(steps_ms)
        yield Row(work, f'{whole_ms / 1e3:.2f} s', '', whole_ms / 1e3, ' s')
        yield Row('the share of it that is not the U-Net', f'{whole_ms - network_ms:.0f} ms',
                  f'50 forward passes {network_ms / 1e3:.2f} s', 100 * (1 - network_ms / whole_ms), ' %', goal=5,
                  at_most=True)

    def rows_of(self, part):
        """A part that fails is told in the table, and the others go on."""
        try:
            yield from getattr(self, part)()
        except Failed as error:
            self.failed = True
            yield Missing(part, str(error))
