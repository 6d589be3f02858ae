"""./dev bench: our program, ONNX Runtime and PyTorch, each at its best, in turn on the same cores."""
import argparse
import datetime
import os
import pathlib
import re
import sys
import tempfile
import time

import comparison
import cores
import programs
import table


def package_version(name):
    return programs.call(['dpkg-query', '-W', '-f', '${Version}', name])


def describe(ddpm, what, rows, seconds, load):
    """RESULTS.md above what is written by hand."""
    processor = re.search(r'model name\s*: (.*)', pathlib.Path('/proc/cpuinfo').read_text()).group(1)
    lines = [
        '# Speed, measured',
        '',
        f'- {datetime.date.today()}, by `./dev bench` in {seconds / 60:.0f} minutes; load of the machine before it: '
        f'{load:.1f}',
        f'- {processor} (our level: {what.ours(comparison.CIFAR, 1)[0].run(1)["cpu"]}), all programs pinned to the same '
        f'{what.n_threads} cores and {what.n_threads} threads each',
        f'- {programs.call([ddpm, "--version"]).strip()}; ONNX Runtime {package_version("python3-onnxruntime")}, PyTorch '
        f'{package_version("python3-torch")}',
        '- milliseconds are medians of rounds taken in turn, in parentheses the best; memory is the peak of the process',
        '',
        table.markdown(rows),
        '',
        '## The peers at their best',
        '',
        'Of two settings the faster one counts, row by row.',
        '',
        *(f'- {sentence}' for sentence in what.settings),
        '',
        '## All compute the same',
        '',
        *(f'- {sentence}' for sentence in what.agreements),
        '',
    ]
    return '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('parts', nargs='*')
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--ddpm', required=True)
    parser.add_argument('--heroes', required=True)
    parser.add_argument('--work', required=True, help='where a temporary folder of 1 GB may lie')
    parser.add_argument('--results', type=pathlib.Path, help='the file to write, after all parts')
    options = parser.parse_args()

    load, began = os.getloadavg()[0], time.monotonic()
    n_threads = cores.pin(2)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        what = comparison.Comparison(options.ddpm, options.heroes, pathlib.Path(folder), n_threads, options.quick)
        rows = [row for part in options.parts or comparison.PARTS for row in what.rows_of(part)]
        print(table.plain(rows))
        if what.failed:
            sys.exit(1)
        if options.results:
            table.write_results(options.results, describe(options.ddpm, what, rows, time.monotonic() - began, load))


cores.run(main)
