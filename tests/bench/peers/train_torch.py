"""Trains the network of a model folder with PyTorch as ddpm train does (Ho et al. 2020, algorithm 1), and writes the
average of its weights; prints one JSON object."""
import argparse
import time

import numpy as np
import torch

import diffusion
import model_folder
import network
import pictures
import report
import torch_ops

LAYOUTS = {'contiguous': torch.contiguous_format, 'channels_last': torch.channels_last}

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('pictures', help='folder of pictures.make')
parser.add_argument('folder', help='model whose configuration is taken')
parser.add_argument('--output', help='where to write the weights')
parser.add_argument('--steps', type=int, required=True)
parser.add_argument('--first', type=int, required=True, help='steps before time is taken')
parser.add_argument('--batch', type=int, required=True)
parser.add_argument('--lr', type=float, required=True)
parser.add_argument('--warmup', type=int, required=True)
parser.add_argument('--seed', type=int, default=0)
parser.add_argument('--threads', type=int, default=2)
parser.add_argument('--layout', choices=LAYOUTS, default='channels_last')
parser.add_argument('--precision', choices=('f32', 'bf16'), default='f32')
options = parser.parse_args()

LARGEST_DECAY = 0.9999
MOST_NORM = 1

torch.set_num_threads(options.threads)
torch.manual_seed(options.seed)
layout = LAYOUTS[options.layout]
config = model_folder.read_config(options.folder)
places = model_folder.read_places(options.folder)


def first_weights(name, shape):
    """As PyTorch begins its layers: uniform in +-1/sqrt (fan in); norms are 1 and 0."""
    weight_shape = places[name.rpartition('.')[0] + '.weight'].shape
    if len(weight_shape) == 1:
        return torch.ones(shape) if name.endswith('.weight') else torch.zeros(shape)
    bound = 1 / np.sqrt(np.prod(weight_shape[1:]))
    return torch.empty(shape).uniform_(-bound, bound)


weights = {name: first_weights(name, place.shape) for name, place in places.items()}
weights = {name: (w.to(memory_format=layout) if w.dim() == 4 else w).requires_grad_() for name, w in weights.items()}
parameters = list(weights.values())
averages = [w.detach().clone() for w in parameters]
optimizer = torch.optim.AdamW(parameters, lr=options.lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, fused=True)
ops = torch_ops.TorchOps(config, weights)
training = torch.from_numpy(pictures.read(options.pictures)[0])


def endless_batches():
    """Epoch after epoch in another order; a batch may reach into the next one."""
    order = torch.empty(0, dtype=torch.int64)
    while True:
        while len(order) < options.batch:
            order = torch.cat((order, torch.randperm(len(training))))
        yield training[order[:options.batch]]
        order = order[options.batch:]


def make_step(number, x0):
    timesteps = torch.randint(diffusion.N_TIMESTEPS, (options.batch,))
    signal, noise = map(torch.from_numpy, diffusion.signal_and_noise(timesteps.numpy()))
    epsilon = torch.randn_like(x0)
    x = (signal * x0 + noise * epsilon).to(memory_format=layout)
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast('cpu', torch.bfloat16, enabled=options.precision == 'bf16'):
        output = network.unet(ops, x, timesteps.float())
    loss = torch.nn.functional.mse_loss(output.float(), epsilon)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, MOST_NORM)
    for group in optimizer.param_groups:
        group['lr'] = options.lr * min(1, number / options.warmup)
    optimizer.step()
    with torch.no_grad():
        torch._foreach_lerp_(averages, parameters, 1 - min(LARGEST_DECAY, (1 + number) / (10 + number)))
    return loss.item()


times_ms = []
for number, x0 in zip(range(1, options.steps + 1), endless_batches()):
    begin = time.perf_counter()
    make_step(number, x0)
    if number > options.first:
        times_ms.append((time.perf_counter() - begin) * 1e3)
if options.output:
    model_folder.write_weights(options.folder, options.output,
                               {name: average.contiguous().numpy() for name, average in zip(weights, averages)})
report.report(times_ms, mean_ms=sum(times_ms) / len(times_ms), version=torch.__version__)
