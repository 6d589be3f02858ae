"""Reads and writes a model folder: unet/config.json and unet/diffusion_pytorch_model.safetensors."""
import dataclasses
import json
import pathlib

import numpy as np

NUMPY_TYPES = {'F32': np.dtype('<f4'), 'F16': np.dtype('<f2')}


@dataclasses.dataclass
class Place:
    """Where a tensor lies in the file of weights."""
    dtype: np.dtype
    shape: tuple
    offset: int
    n_bytes: int


def config_path(folder):
    return pathlib.Path(folder) / 'unet' / 'config.json'


def weights_path(folder):
    return pathlib.Path(folder) / 'unet' / 'diffusion_pytorch_model.safetensors'


def read_config(folder):
    return json.loads(config_path(folder).read_text())


def read_places(folder):
    """Name -> Place of every tensor."""
    with weights_path(folder).open('rb') as file:
        n_header = int.from_bytes(file.read(8), 'little')
        header = json.loads(file.read(n_header))
    header.pop('__metadata__', None)
    return {name: Place(NUMPY_TYPES[entry['dtype']], tuple(entry['shape']), 8 + n_header + begin, end - begin)
            for name, entry in header.items() for begin, end in [entry['data_offsets']]}


def read_weights(folder):
    """Name -> float32 array. Nothing stays mapped: the file would count as memory of the peer."""
    weights = {}
    with weights_path(folder).open('rb') as file:
        for name, place in read_places(folder).items():
            file.seek(place.offset)
            values = np.frombuffer(bytearray(file.read(place.n_bytes)), dtype=place.dtype)
            weights[name] = values.reshape(place.shape).astype(np.float32, copy=False)
    return weights


def write_weights(folder, to, weights):
    """A folder with the configuration of another one; weights: name -> float32 array."""
    entries, place = {}, 0
    for name, array in weights.items():
        entries[name] = {'dtype': 'F32', 'shape': array.shape, 'data_offsets': [place, place + array.nbytes]}
        place += array.nbytes
    header = json.dumps(entries).encode()
    config_path(to).parent.mkdir(parents=True)
    config_path(to).write_bytes(config_path(folder).read_bytes())
    with weights_path(to).open('wb') as file:
        file.write(len(header).to_bytes(8, 'little') + header)
        for array in weights.values():
            file.write(array.astype('<f4').tobytes())
