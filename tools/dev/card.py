"""The pictures of a bundled model's card: samples.png, labels.png, thumbnail.png and loss.svg.

Usage: card.py DDPM MODEL, called by ./dev card. MODEL/train.csv holds the lines of all sittings of its training, one
sitting after the other, each with its own line of names; every sitting counts its steps from where it began.
Samples are those of seeds 0 to 63, none picked. ImageMagick's montage sets them side by side.
"""
import csv
import json
import math
import pathlib
import subprocess
import sys
import tempfile

N_SAMPLES = 64
N_PER_LABEL = 4
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 600, 300, 60, 580, 20, 260  # of the curves, in units of the SVG
CURVES = (("smoothed_loss", "#8aa4c8", "training"), ("held_out_average", "#c03030", "held out, average weights"))


def sample(ddpm, model, target, *options):
    subprocess.run([ddpm, "sample", model, "-o", target, *map(str, options)], check=True, stdout=subprocess.DEVNULL)


def montage(files, columns, target, zoom):
    subprocess.run(["montage", "-background", "none", *map(str, files), "-filter", "point", "-resize", f"{100 * zoom}%",
                    "-tile", f"{columns}x", "-geometry", "+2+2", "-strip", str(target)], check=True)


def make_samples(ddpm, model, folder, zoom):
    files = [folder / f"seed-{seed:02}.png" for seed in range(N_SAMPLES)]
    for seed, file in enumerate(files):
        sample(ddpm, model, file, "--seed", seed)
    montage(files, 16, model / "samples.png", zoom)
    montage(files[:1], 1, model / "thumbnail.png", zoom)


def make_labels(ddpm, model, labels, guidance):
    """A strip for each label, with its name."""
    with tempfile.TemporaryDirectory() as folder:
        strips = []
        for label in labels:
            strip = pathlib.Path(folder) / f"{len(strips):02}.png"
            sample(ddpm, model, strip, "-n", N_PER_LABEL, "--columns", N_PER_LABEL, "--label", label, "--guidance", guidance)
            strips += ["-label", label, strip]
        montage(strips, 4, model / "labels.png", 1)


def read_log(file):
    """Points (step, value) of each curve, steps counted through all sittings."""
    curves = {name: [] for name, _, _ in CURVES}
    done = step = 0
    names = []
    with file.open(newline="", encoding="utf-8") as lines:
        for line in csv.reader(lines):
            if line[0] == "step":
                names, done = line, step
                continue
            values = dict(zip(names, line))
            step = done + int(values["step"])
            for name, points in curves.items():
                if values.get(name):
                    points.append((step, float(values[name])))
    return curves


def ticks(least, most):
    """1, 2, 5, 10 … between the two, and the two factors around them."""
    powers = range(math.floor(math.log10(least)) - 1, math.ceil(math.log10(most)) + 1)
    return [tick for power in powers for tick in (10**power, 2 * 10**power, 5 * 10**power) if least <= tick <= most]


def make_curves(log, target):
    """Both axes logarithmic: training gains as much from 1,000 to 10,000 steps as from 10,000 to 100,000."""
    curves = read_log(log)
    points = [point for curve in curves.values() for point in curve]
    last, first = max(step for step, _ in points), min(step for step, _ in points)
    most, least = max(value for _, value in points), min(value for _, value in points)

    def x(step):
        return LEFT + (RIGHT - LEFT) * math.log(step / first) / math.log(last / first)

    def y(value):
        return BOTTOM - (BOTTOM - TOP) * math.log(value / least) / math.log(most / least)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
             f'font-size="12">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for tick in ticks(first, last):
        parts.append(f'<path d="M{x(tick):.1f} {TOP}V{BOTTOM}" stroke="#ddd"/>'
                     f'<text x="{x(tick):.1f}" y="{BOTTOM + 16}" text-anchor="middle">{tick:,g}</text>')
    for tick in ticks(least, most):
        parts.append(f'<path d="M{LEFT} {y(tick):.1f}H{RIGHT}" stroke="#ddd"/>'
                     f'<text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for row, (name, colour, words) in enumerate(CURVES):
        line = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in curves[name])
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
                     f'<text x="{RIGHT - 4}" y="{TOP + 14 + 16 * row}" text-anchor="end" fill="{colour}">{words}</text>')
    parts.append(f'<text x="{(LEFT + RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">steps</text></svg>')
    target.write_text("\n".join(parts) + "\n", encoding="utf-8")


def main():
    ddpm, model = sys.argv[1], pathlib.Path(sys.argv[2])
    notes = json.loads((model / "ddpm.json").read_text(encoding="utf-8"))
    config = json.loads((model / "unet" / "config.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        make_samples(ddpm, model, pathlib.Path(folder), max(1, 64 // config["sample_size"]))
    if notes.get("labels"):
        make_labels(ddpm, model, notes["labels"], 2)
    make_curves(model / "train.csv", model / "loss.svg")


main()
