"""The loss of models on pictures that none of them was trained on: the judge of training.py. Every model, whoever
trained it, gets the same pictures, timesteps and noise. Prints a JSON list."""
import json
import sys

import numpy as np
import torch

import diffusion
import model_folder
import network
import pictures
import torch_ops

VIEWS = 1024
BATCH = 64


def views(held_out):
    """x_t, timesteps and noise, batch by batch; the timesteps are spread evenly."""
    random = np.random.default_rng(1)
    for first in range(0, VIEWS, BATCH):
        numbers = np.arange(first, first + BATCH)
        timesteps = (numbers * 389 % VIEWS) * diffusion.N_TIMESTEPS // VIEWS
        epsilon = random.standard_normal((BATCH, *held_out.shape[1:]), dtype=np.float32)
        signal, noise = diffusion.signal_and_noise(timesteps)
        x = signal * held_out[numbers % len(held_out)] + noise * epsilon
        yield torch.from_numpy(x), torch.from_numpy(timesteps.astype(np.float32)), torch.from_numpy(epsilon)


def measure(folder, held_out):
    weights = {name: torch.from_numpy(array) for name, array in model_folder.read_weights(folder).items()}
    ops = torch_ops.TorchOps(model_folder.read_config(folder), weights)
    with torch.inference_mode():
        losses = [torch.nn.functional.mse_loss(network.unet(ops, x, timesteps), epsilon).item()
                  for x, timesteps, epsilon in views(held_out)]
    return float(np.mean(losses))


def main(n_threads, folder, *models):
    torch.set_num_threads(int(n_threads))
    held_out = pictures.read(folder)[1]
    print(json.dumps([measure(model, held_out) for model in models]))


main(*sys.argv[1:])
