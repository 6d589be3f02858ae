"""The pictures that training.py trains on: small PNGs made from those of a folder, and read back as our trainer does."""
import pathlib
import struct
import zlib

import numpy as np

SIZE = 32  # pixels, both sides
MOST = 1500  # pictures
HELD_OUT = 20  # one picture in so many

CHANNELS = {0: 1, 2: 3, 6: 4}  # of PNG's kinds of colour
COLOURS = {channels: colour for colour, channels in CHANNELS.items()}
SIGNATURE = b'\x89PNG\r\n\x1a\n'


class Unfit(Exception):
    """A folder that has not got what is needed; the text is a sentence."""


def read_chunks(path):
    """Kind -> bytes of all chunks of that kind."""
    data = path.read_bytes()
    chunks = {}
    place = len(SIGNATURE)
    while place + 12 <= len(data):
        n_bytes, kind = struct.unpack('>I4s', data[place:place + 8])
        chunks[kind] = chunks.get(kind, b'') + data[place + 8:place + 8 + n_bytes]
        place += 12 + n_bytes
    if not data.startswith(SIGNATURE) or b'IHDR' not in chunks:
        raise Unfit(f'{path} is not a PNG')
    return chunks


def paeth(left, up, corner):
    near = left + up - corner
    return min((abs(near - left), 0, left), (abs(near - up), 1, up), (abs(near - corner), 2, corner))[2]


def read_png(path):
    """[height, width, channels] of 8 bits; PNG specification, section 9 on filters."""
    chunks = read_chunks(path)
    width, height, depth, colour, _, _, interlaced = struct.unpack('>IIBBBBB', chunks[b'IHDR'])
    if depth != 8 or interlaced or colour not in CHANNELS:
        raise Unfit(f'{path} is not a plain PNG of 8 bits')
    n, n_row = CHANNELS[colour], width * CHANNELS[colour]
    rows = np.frombuffer(zlib.decompress(chunks[b'IDAT']), np.uint8).reshape(height, 1 + n_row)
    above = [0] * n_row
    picture = []
    for kind, row in zip(rows[:, 0].tolist(), rows[:, 1:].tolist()):
        for i in range(n_row if kind else 0):
            left, corner = (row[i - n], above[i - n]) if i >= n else (0, 0)
            up = above[i]
            row[i] = row[i] + (0, left, up, (left + up) // 2, paeth(left, up, corner))[kind] & 255
        picture.append(row)
        above = row
    return np.array(picture, np.uint8).reshape(height, width, n)


def write_png(path, picture):
    """picture: [height, width, channels] of 8 bits."""
    height, width, channels = picture.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)
    rows[:, 1:] = picture.reshape(height, -1)
    head = struct.pack('>IIBBBBB', width, height, 8, COLOURS[channels], 0, 0, 0)
    with path.open('wb') as file:
        file.write(SIGNATURE)
        for kind, data in ((b'IHDR', head), (b'IDAT', zlib.compress(rows.tobytes())), (b'IEND', b'')):
            file.write(struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data)))


def shrink(picture):
    """To SIZE by averages of squares, transparent pixels counting for nothing."""
    factor = picture.shape[0] // SIZE
    if picture.shape[0] != picture.shape[1] or factor * SIZE != picture.shape[0]:
        raise Unfit(f'a picture has {picture.shape[1]}x{picture.shape[0]} pixels, which are no squares of {SIZE}x{SIZE}')
    if factor == 1:
        return picture
    values = picture.astype(np.float64)
    if picture.shape[2] == 4:
        values[..., :3] *= values[..., 3:] / 255
    values = values.reshape(SIZE, factor, SIZE, factor, -1).mean((1, 3))
    if picture.shape[2] == 4:
        values[..., :3] *= 255 / np.maximum(values[..., 3:], 1)
    return np.rint(values).clip(0, 255).astype(np.uint8)


def make(folder, to):
    """Writes the small pictures of a folder, at most MOST of them, evenly chosen."""
    paths = sorted(pathlib.Path(folder).rglob('*.png'))
    if len(paths) < 2 * HELD_OUT:
        raise Unfit(f'{folder} has {len(paths)} PNGs, and {2 * HELD_OUT} are the least to train and measure on')
    paths = paths[::-(-len(paths) // MOST)]
    to.mkdir()
    channels = set()
    for number, path in enumerate(paths):
        picture = shrink(read_png(path))
        channels.add(picture.shape[2])
        if len(channels) > 1:
            raise Unfit(f'{folder}: some pictures have another number of channels than others')
        write_png(to / f'{number:04}.png', picture)


def is_held_out(name):
    """As our trainer chooses: by GLib's g_str_hash of the name."""
    value = 5381
    for letter in name.encode():
        value = (value * 33 + letter) & 0xffffffff
    return value % HELD_OUT == 0


def read(folder):
    """What is trained on and what is held out: two arrays [n, channels, SIZE, SIZE] in [-1, 1], premultiplied."""
    training, held_out = [], []
    for path in sorted(pathlib.Path(folder).glob('*.png')):
        picture = read_png(path).astype(np.float32)
        if picture.shape[2] == 4:
            picture[..., :3] = np.rint(picture[..., :3] * picture[..., 3:] / 255)
        (held_out if is_held_out(path.name) else training).append(picture.transpose(2, 0, 1) / 127.5 - 1)
    return np.stack(training).astype(np.float32), np.stack(held_out).astype(np.float32)
