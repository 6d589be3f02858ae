"""The layers of network.py, computed by PyTorch."""
import math

import torch
import torch.nn.functional as F


class TorchOps:
    def __init__(self, config, weights):
        """weights: name -> tensor."""
        self.config = config
        self.weights = weights

    def has(self, name):
        return f'{name}.weight' in self.weights

    def get(self, name):
        return self.weights[f'{name}.weight'], self.weights[f'{name}.bias']

    def conv(self, x, name, stride=1):
        weight, bias = self.get(name)
        return F.conv2d(x, weight, bias, stride=stride, padding=weight.shape[2] // 2)

    def downsample(self, x, name):
        if self.config['downsample_padding'] == 0:
            return F.conv2d(F.pad(x, (0, 1, 0, 1)), *self.get(name), stride=2)
        return self.conv(x, name, stride=2)

    def linear(self, x, name):
        return F.linear(x, *self.get(name))

    def norm(self, x, name):
        return F.group_norm(x, self.config['norm_num_groups'], *self.get(name), self.config['norm_eps'])

    def silu(self, x):
        return F.silu(x)

    def add(self, a, b):
        return a + b

    def add_channels(self, x, rows):
        return x + rows[:, :, None, None]

    def concat(self, a, b):
        return torch.cat((a, b), 1)

    def double(self, x):
        return F.interpolate(x, scale_factor=2.0, mode='nearest')

    def attend(self, x, name):
        b, c, height, width = x.shape
        heads = c // (self.config['attention_head_dim'] or c)
        rows = x.flatten(2).transpose(1, 2)
        q, k, v = (self.linear(rows, f'{name}.{part}').view(b, -1, heads, c // heads).transpose(1, 2)
                   for part in ('to_q', 'to_k', 'to_v'))
        h = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, -1, c)
        return self.linear(h, f'{name}.to_out.0').transpose(1, 2).reshape(b, c, height, width)

    def time_features(self, timesteps):
        half = self.config['block_out_channels'][0] // 2
        exponents = torch.arange(half, dtype=torch.float32) / (half - self.config['freq_shift'])
        angles = timesteps[:, None] * torch.exp(-math.log(10000) * exponents)
        parts = [torch.sin(angles), torch.cos(angles)]
        return torch.cat(parts[::-1] if self.config['flip_sin_to_cos'] else parts, 1)
