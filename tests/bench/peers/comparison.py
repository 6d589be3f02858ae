"""What is compared: the parts of the table, each a method that yields its rows."""
import statistics
import sys
import time

import numpy as np

import programs
from programs import Failed, take_turns
from table import Missing, Row, memory, speed

PARTS = ['forward', 'bf16', 'avx2', 'train', 'threads', 'start', 'sample']

CIFAR = 'cifar10-32'
CELEBA = 'celebahq-256'

PYTORCH_AVX2 = (('ATEN_CPU_CAPABILITY', 'avx2'), ('ONEDNN_MAX_CPU_ISA', 'AVX2'))

# Greatest difference of two outputs in parts of the greatest value (f32), and its root mean square in parts of the
# output's (bf16, of which every product keeps 8 bits; and a few training steps, where Adam makes rounding visible).
MOST_F32 = 5e-4
MOST_RMS = 3e-2


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
        self.settings = {}  # peer and kind of work -> its best settings
        self.peers = []  # the same in words
        self.agreements = []  # sentences

    # The peers at their best settings

    def onnx_runtime(self, shape, batch):
        best = self.best('forward', lambda **candidate: self.make.onnx_runtime(CIFAR, **candidate),
                         programs.onnx_runtime_settings(), 8)
        return self.make.onnx_runtime(shape, batch, **best)

    def pytorch(self, shape, batch, *options, env=(), work='forward f32'):
        train = '--train' in options
        best = self.best(work, lambda **candidate: self.make.pytorch(CIFAR, batch if train else 1, *options, env=env,
                                                                    **candidate),
                         programs.pytorch_settings(self.n_threads), 1 if train else 4)
        return self.make.pytorch(shape, batch, *options, env=env, **best)

    def best(self, work, make, candidates, n_runs):
        """Searched once for each kind of work; quick: the first candidate, which is usually best."""
        name = f'{make().name}, {work}'
        if name not in self.settings:
            if not self.quick:
                say(f'{name}: looking for the best of {len(candidates)} settings')
                candidates.sort(key=lambda candidate: make(**candidate).run(n_runs)['min_ms'])
            self.settings[name] = candidates[0]
            self.peers.append(f'{name}: {make(**candidates[0]).settings}')
        return self.settings[name]

    def turns(self, work, programs_, n_runs, n_rounds=3):
        say(work)
        if self.quick:
            n_runs, n_rounds = max(1, n_runs // 3), 1
        return take_turns(programs_, n_runs, n_rounds)

    # What must hold before anything is timed

    def check_outputs(self, work, programs_, most, rms=False):
        """The first program's output is what the others are compared with."""
        outputs = []
        for i, program in enumerate(programs_):
            path = self.make.folder / f'output-{i}'
            program.write_output(path)
            outputs.append(np.fromfile(path, dtype='<f4').astype(np.float64))
        for program, output in zip(programs_[1:], outputs[1:]):
            if output.shape != outputs[0].shape or not np.isfinite(output).all():
                raise Failed(f'{work}: {program.name} gives another shape, or numbers that are not finite')
            difference = np.abs(output - outputs[0])
            if rms:
                got = np.sqrt(np.mean(difference ** 2) / np.mean(outputs[0] ** 2))
            else:
                got = difference.max() / np.abs(outputs[0]).max()
            self.agreements.append(f'{work}: {program.name} differs from {programs_[0].name} by {got:.1e} of the '
                              f'{"root mean square" if rms else "greatest value"} (at most {most:g}).')
            if got > most:
                raise Failed(self.agreements[-1])

    # The parts of the table

    def forward(self):
        yield from self.forward_of(CIFAR, 1, 15, goal=2, least=1.3)
        yield from self.forward_of(CIFAR, 4, 6, goal=2.5, least=1.6)
        yield from self.forward_of(CELEBA, 1, 2, goal=2, least=1.5, most_memory=0.5)

    def forward_of(self, shape, batch, n_runs, goal, least, most_memory=None):
        work = f'forward f32, {shape}, batch {batch}'
        onnx, torch = self.onnx_runtime(shape, batch), self.pytorch(shape, batch)
        self.check_outputs(work, [onnx, torch, self.make.ours(self.make.network(shape), batch)], MOST_F32)
        ours, onnx, torch = self.turns(work, [self.make.ours(shape, batch), onnx, torch], n_runs)
        yield speed(work, ours, onnx, goal, least)
        yield speed(work, ours, torch)
        yield memory(work, ours, onnx, most_memory)

    def bf16(self):
        for shape, batch, n_runs in ((CIFAR, 1, 15), (CIFAR, 4, 6), (CELEBA, 1, 2)):
            work = f'forward bf16, {shape}, batch {batch}'
            half = ('--precision', 'bf16')
            network = self.make.network(shape)
            torch = self.pytorch(shape, batch, *half, work='forward bf16')
            self.check_outputs(work, [self.make.ours(network, batch), self.make.ours(network, batch, *half), torch],
                               MOST_RMS, rms=True)
            ours, ours_f32, torch = self.turns(
                work, [self.make.ours(shape, batch, *half), self.make.ours(shape, batch), torch], n_runs)
            yield speed(f'{work}, against our f32', ours, ours_f32, 1.6, 1.3)
            yield speed(work, ours, torch)

    def avx2(self):
        for batch, n_runs in ((1, 12), (4, 4)):
            work = f'forward f32, AVX2 only, {CIFAR}, batch {batch}'
            torch = self.pytorch(CIFAR, batch, env=PYTORCH_AVX2, work='forward f32, AVX2 only')
            ours = self.make.ours(CIFAR, batch, env=(('DDPM_CPU', 'avx2'),))
            yield speed(work, *self.turns(work, [ours, torch], n_runs), least=1)

    def train(self):
        for batch, n_runs in ((8, 3), (16, 2)):
            work = f'training step f32, {CIFAR}, batch {batch}'
            torch = self.pytorch(CIFAR, batch, '--train', work=f'training step, batch {batch}')
            if batch == 8:
                ours = self.make.ours(self.make.network(CIFAR), batch, '--train', '--repeat', '2')
                self.check_outputs(f'{work}, third step', [torch, ours], MOST_RMS, rms=True)
            ours, saving, torch = self.turns(
                work, [self.make.ours(CIFAR, batch, '--train'), self.make.ours(CIFAR, batch, '--train', '--recompute'),
                       torch], n_runs, 2)
            yield speed(work, ours, torch, 3, 1.8)
            yield memory(work, ours, torch, 0.75)
            yield speed(f'{work}, recomputing', saving, torch)
            yield memory(f'{work}, recomputing', saving, torch)

    def threads(self):
        for shape, batch, options, n_runs in ((CIFAR, 1, (), 12), (CIFAR, 4, (), 5), (CELEBA, 1, (), 1),
                                              (CIFAR, 8, ('--train',), 2)):
            what = 'training step' if options else 'forward'
            work = f'{what} f32, {shape}, batch {batch}, {self.n_threads} threads against 1'
            two, one = self.turns(work, [self.make.ours(shape, batch, *options),
                                         self.make.ours(shape, batch, *options, n_threads=1)], n_runs)
            yield speed(work, two, one, least=1.8)

    def start(self):
        work = f'start: open {CIFAR} (143 MB) until the first step'
        ours, onnx = self.turns(work, [self.make.ours(self.make.network(CIFAR)), self.onnx_runtime(CIFAR, 1)], 1, 5)
        ours_ms, onnx_ms = (statistics.median(result['start_ms'] for result in measured.results)
                            for measured in (ours, onnx))
        yield Row(work, f'{ours_ms:.0f} ms', f'ONNX Runtime {onnx_ms:.0f} ms', ours_ms, ' ms', goal=300, at_most=True)

    def sample(self):
        """The shipped model, from command to PNG."""
        work = 'heroes, DDIM 50 steps, 4 pictures, command to PNG'
        picture = self.make.folder / 'heroes.png'
        command = [self.make.ddpm, 'sample', str(self.heroes), '-o', str(picture), '-n', '4', '--sampler', 'ddim',
                   '--steps', '50', '--seed', '1']
        step = self.make.ours(str(self.heroes), 4)
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
        try:
            yield from getattr(self, part)()
        except Failed as error:
            yield Missing(part, str(error))
