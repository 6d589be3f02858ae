"""The rows of the comparison, and RESULTS.md."""
import dataclasses

TRAINING = ('<!-- ./dev bench training writes from here -->', '<!-- to here. -->')
BY_HAND = '<!-- What follows is written by hand; ./dev bench keeps it. -->'


@dataclasses.dataclass
class Row:
    """One line of the table. The value is a ratio or a number with a unit; goal and least are limits of it."""
    work: str
    ours: str
    against: str
    value: float
    unit: str = 'x'
    goal: float | None = None
    least: float | None = None
    at_most: bool = False

    def keeps(self, limit):
        return self.value <= limit if self.at_most else self.value >= limit

    def verdict(self):
        if self.goal is not None and self.keeps(self.goal):
            return 'goal reached'
        if self.least is not None and self.keeps(self.least):
            return 'least reached'
        return '' if self.goal is None and self.least is None else '**missed**'

    def cells(self):
        value = f'{self.value:.2f}x' if self.unit == 'x' else f'{self.value:.3g}{self.unit}'
        bound = 'at most ' if self.at_most else ''
        goal, least = ('' if limit is None else f'{bound}{limit:g}{self.unit}' for limit in (self.goal, self.least))
        return [self.work, self.ours, self.against, value, goal, least, self.verdict()]


@dataclasses.dataclass
class Missing:
    """A row that could not be measured, and why."""
    work: str
    why: str

    def cells(self):
        return [self.work, f'not measured: {self.why}', '', '', '', '', '']


def show_ms(measured):
    return f'{show_number(measured.median_ms)} ms (best {show_number(measured.min_ms)})'


def show_number(value):
    return f'{value:.0f}' if value >= 1000 else f'{value:.1f}'


def show_bytes(n_bytes):
    return f'{n_bytes / 1e6:.0f} MB'


def speed(work, ours, peer, goal=None, least=None, against=None):
    """against: what the other one is called, if not by its program's name."""
    return Row(work, show_ms(ours), f'{against or peer.program.name} {show_ms(peer)}', peer.median_ms / ours.median_ms,
               goal=goal, least=least)


def memory(work, ours, peer, goal=None):
    return Row(f'{work}, peak memory', show_bytes(ours.peak_bytes), f'{peer.program.name} {show_bytes(peer.peak_bytes)}',
               ours.peak_bytes / peer.peak_bytes, goal=goal, at_most=True)


HEAD = ['work', 'ours', 'against', 'ratio or value', 'goal', 'least', '']


def markdown(rows):
    return markdown_of(HEAD, [row.cells() for row in rows])


def markdown_of(head, cells):
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    return '\n'.join(lines + ['| ' + ' | '.join(line) + ' |' for line in cells])


def plain(rows):
    return plain_of(HEAD, [row.cells() for row in rows])


def plain_of(head, cells):
    """The same for a terminal, in columns."""
    cells = [head] + cells
    # a sentence instead of numbers must not widen the columns
    widths = [max(len(line[i]) for line in cells if not line[1].startswith('not measured')) for i in range(len(head))]
    return '\n'.join('  '.join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells)


def write_results(path, text):
    """Replaces what was measured and keeps what was written by hand below it."""
    old = path.read_text() if path.exists() else ''
    by_hand = old.partition(BY_HAND)[2]
    path.write_text(f'{text}\n{BY_HAND}\n{by_hand.lstrip(chr(10))}')


def write_section(path, text):
    """Replaces what an earlier comparison of training wrote, or begins what is written by hand with it."""
    begin, end = TRAINING
    old = path.read_text() if path.exists() else f'{BY_HAND}\n'
    before, found, rest = old.partition(begin)
    if found:
        after = rest.partition(end)[2]
    else:
        before, found, after = old.partition(BY_HAND)
        before += found + '\n'
    path.write_text(f'{before}{begin}\n{text}{end}\n{after.lstrip(chr(10)) and chr(10) + after.lstrip(chr(10))}')
