"""Times PyTorch on the network of a model folder; prints one JSON object."""
import argparse
import os
import time

import torch

import fixed_input
import model_folder
import network
import report
import torch_ops

LAYOUTS = {'contiguous': torch.contiguous_format, 'channels_last': torch.channels_last}

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('folder')
parser.add_argument('--batch', type=int, default=1)
parser.add_argument('--runs', type=int, default=5)
parser.add_argument('--threads', type=int, default=2)
parser.add_argument('--layout', choices=LAYOUTS, default='channels_last')
parser.add_argument('--precision', choices=('f32', 'bf16'), default='f32')
parser.add_argument('--train', action='store_true')
parser.add_argument('--output', help='write the output as raw float32')
options = parser.parse_args()

torch.set_num_threads(options.threads)
begin = time.perf_counter()
layout = LAYOUTS[options.layout]
config = model_folder.read_config(options.folder)
weights = {name: torch.from_numpy(array) for name, array in model_folder.read_weights(options.folder).items()}
weights = {name: w.to(memory_format=layout) if w.dim() == 4 else w for name, w in weights.items()}
if options.precision == 'bf16':
    # else autocast would convert them in every pass
    weights = {name: w.bfloat16() if w.dim() > 1 else w for name, w in weights.items()}
ops = torch_ops.TorchOps(config, weights)
start_ms = (time.perf_counter() - begin) * 1e3
x, timesteps = map(torch.from_numpy, fixed_input.fixed_input(config, options.batch))
x = x.to(memory_format=layout)


def forward():
    with torch.inference_mode(), torch.autocast('cpu', torch.bfloat16, enabled=options.precision == 'bf16'):
        return network.unet(ops, x, timesteps)


def make_step():
    """A whole training step as ours does it, of a loss that pulls the output to zero."""
    parameters = [w.requires_grad_() for w in weights.values()]
    averages = [w.detach().clone() for w in parameters]
    optimizer = torch.optim.AdamW(parameters, lr=2e-4, weight_decay=0, fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        output = network.unet(ops, x, timesteps)
        output.square().mean().backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(averages, parameters, 0.1)
        return output.detach()

    return step


times_ms, output = report.measure(make_step() if options.train else forward, options.runs)
if options.output:
    output.float().contiguous().numpy().tofile(options.output)
report.report(times_ms, start_ms=start_ms, version=torch.__version__, cpu=torch.backends.cpu.get_cpu_capability(),
              wait=os.environ.get('OMP_WAIT_POLICY'))
