"""The layers of network.py, written as the nodes of an ONNX graph.

A value is the name of a tensor. All shapes are fixed, and the weights stay in the model folder's own file,
which ONNX Runtime maps: with both it is faster and needs less memory.
"""
import math

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import model_folder

# How group normalisation is said; ONNX Runtime has no kernel of its own for it on a CPU.
NORM_FORMS = ('layer', 'instance', 'group')


class OnnxOps:
    def __init__(self, folder, norm_form):
        self.folder = folder
        self.config = model_folder.read_config(folder)
        self.weights = model_folder.read_weights(folder)
        self.places = model_folder.read_places(folder)
        self.norm_form = norm_form
        self.nodes = []
        self.constants = {}
        self.shapes = {}

    def add_input(self, name, shape):
        self.shapes[name] = tuple(shape)
        return name

    def node(self, kind, inputs, shape, **attributes):
        name = f'value{len(self.nodes)}'
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        self.shapes[name] = tuple(shape)
        return name

    def constant(self, name, array):
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def weight(self, name):
        """A tensor that stays in the file of weights."""
        if name not in self.constants:
            place = self.places[name]
            tensor = TensorProto(name=name, dims=place.shape, data_type=TensorProto.FLOAT,
                                 data_location=TensorProto.EXTERNAL)
            for key, value in (('location', model_folder.weights_path(self.folder).name),
                               ('offset', place.offset), ('length', place.n_bytes)):
                tensor.external_data.add(key=key, value=str(value))
            self.constants[name] = tensor
        return name

    def per_channel(self, name):
        """A tensor [C] as [1, C, 1, 1]."""
        return self.constant(f'{name} per channel', self.weights[name].reshape(1, -1, 1, 1))

    def reshape(self, x, shape):
        ints = self.constant(f'shape {shape}', np.array(shape, dtype=np.int64))
        return self.node('Reshape', [x, ints], shape)

    def transpose(self, x, *order):
        return self.node('Transpose', [x], [self.shapes[x][axis] for axis in order], perm=order)

    def has(self, name):
        return f'{name}.weight' in self.weights

    def conv(self, x, name, stride=1, pads=None):
        """pads: top, left, bottom, right; default: the kernel stays centred."""
        out, _, size, _ = self.weights[f'{name}.weight'].shape
        b, _, h, w = self.shapes[x]
        pads = pads or [size // 2] * 4
        height, width = ((n + before + after - size) // stride + 1
                         for n, before, after in ((h, pads[0], pads[2]), (w, pads[1], pads[3])))
        return self.node('Conv', [x, self.weight(f'{name}.weight'), self.weight(f'{name}.bias')],
                         (b, out, height, width), kernel_shape=[size, size], pads=pads, strides=[stride, stride])

    def downsample(self, x, name):
        return self.conv(x, name, 2, [0, 0, 1, 1] if self.config['downsample_padding'] == 0 else None)

    def linear(self, x, name):
        shape = (self.shapes[x][0], self.weights[f'{name}.weight'].shape[0])
        return self.node('Gemm', [x, self.weight(f'{name}.weight'), self.weight(f'{name}.bias')], shape, transB=1)

    def norm(self, x, name):
        b, c, h, w = shape = self.shapes[x]
        groups = self.config['norm_num_groups']
        eps = self.config['norm_eps']
        if self.norm_form == 'group':
            return self.node('GroupNormalization', [x, self.weight(f'{name}.weight'), self.weight(f'{name}.bias')],
                             shape, num_groups=groups, epsilon=eps)
        n = c // groups * h * w
        y = self.reshape(x, (b, groups, n))
        if self.norm_form == 'instance':
            ones, zeros = (self.constant(f'{value} per group', np.full(groups, value, np.float32)) for value in (1, 0))
            y = self.node('InstanceNormalization', [y, ones, zeros], (b, groups, n), epsilon=eps)
        else:
            ones = self.constant(f'{n} ones', np.ones(n, np.float32))
            y = self.node('LayerNormalization', [y, ones], (b, groups, n), epsilon=eps)
        y = self.node('Mul', [self.reshape(y, shape), self.per_channel(f'{name}.weight')], shape)
        return self.node('Add', [y, self.per_channel(f'{name}.bias')], shape)

    def silu(self, x):
        shape = self.shapes[x]
        return self.node('Mul', [x, self.node('Sigmoid', [x], shape)], shape)

    def add(self, a, b):
        return self.node('Add', [a, b], self.shapes[a])

    def add_channels(self, x, rows):
        return self.add(x, self.reshape(rows, (*self.shapes[rows], 1, 1)))

    def concat(self, a, b):
        n, c, h, w = self.shapes[a]
        return self.node('Concat', [a, b], (n, c + self.shapes[b][1], h, w), axis=1)

    def double(self, x):
        b, c, h, w = self.shapes[x]
        scales = self.constant('doubled', np.array([1, 1, 2, 2], dtype=np.float32))
        return self.node('Resize', [x, '', scales], (b, c, 2 * h, 2 * w), mode='nearest', nearest_mode='floor',
                         coordinate_transformation_mode='asymmetric')

    def project(self, x, name):
        """A linear layer of rows [batch, position, channel]."""
        matrix = self.constant(f'{name} transposed', self.weights[f'{name}.weight'].T)
        shape = (*self.shapes[x][:2], self.weights[f'{name}.weight'].shape[0])
        return self.node('Add', [self.node('MatMul', [x, matrix], shape), self.weight(f'{name}.bias')], shape)

    def attend(self, x, name):
        b, c, height, width = self.shapes[x]
        n = height * width
        heads = c // (self.config['attention_head_dim'] or c)
        size = c // heads
        rows = self.transpose(self.reshape(x, (b, c, n)), 0, 2, 1)
        q, k, v = (self.reshape(self.project(rows, f'{name}.{part}'), (b, n, heads, size))
                   for part in ('to_q', 'to_k', 'to_v'))
        scores = self.node('MatMul', [self.transpose(q, 0, 2, 1, 3), self.transpose(k, 0, 2, 3, 1)], (b, heads, n, n))
        scale = self.constant('scale of scores', np.array(1 / math.sqrt(size), dtype=np.float32))
        scores = self.node('Mul', [scores, scale], (b, heads, n, n))
        chances = self.node('Softmax', [scores], (b, heads, n, n), axis=-1)
        h = self.node('MatMul', [chances, self.transpose(v, 0, 2, 1, 3)], (b, heads, n, size))
        h = self.reshape(self.transpose(h, 0, 2, 1, 3), (b, n, c))
        return self.reshape(self.transpose(self.project(h, f'{name}.to_out.0'), 0, 2, 1), (b, c, height, width))

    def time_features(self, timesteps):
        half = self.config['block_out_channels'][0] // 2
        b = self.shapes[timesteps][0]
        exponents = np.arange(half, dtype=np.float32) / np.float32(half - self.config['freq_shift'])
        frequencies = np.exp(np.float32(-math.log(10000)) * exponents)[None, :]
        angles = self.node('Mul', [self.reshape(timesteps, (b, 1)), self.constant('frequencies', frequencies)], (b, half))
        parts = [self.node(kind, [angles], (b, half)) for kind in ('Sin', 'Cos')]
        return self.node('Concat', parts[::-1] if self.config['flip_sin_to_cos'] else parts, (b, 2 * half), axis=1)

    def write(self, name, output):
        """Beside the weights: their place is told relative to the graph's."""
        x, timesteps, y = (helper.make_tensor_value_info(value, TensorProto.FLOAT, self.shapes[value])
                           for value in ('x', 'timesteps', output))
        graph = helper.make_graph(self.nodes, 'unet', [x, timesteps], [y], list(self.constants.values()))
        # version 10 of the format: the newest that ONNX Runtime 1.23 of today's Debian and its forerunners read
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 21)], ir_version=10)
        model_folder.weights_path(self.folder).with_name(name).write_bytes(model.SerializeToString())
