"""write_onnx.py FOLDER BATCH NORM_FORM NAME: the network of a model folder as an ONNX file beside its weights."""
import sys

import network
import onnx_ops


def main(folder, batch, norm_form, name):
    ops = onnx_ops.OnnxOps(folder, norm_form)
    size = ops.config['sample_size']
    x = ops.add_input('x', (int(batch), ops.config['in_channels'], size, size))
    ops.write(name, network.unet(ops, x, ops.add_input('timesteps', (int(batch),))))


main(*sys.argv[1:])
