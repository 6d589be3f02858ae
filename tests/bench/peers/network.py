"""The U-Net as a walk over layers, the same for every peer.

`ops` does the work: torch_ops.py computes at once, onnx_ops.py writes the nodes of a graph.
"""


def unet(ops, x, timesteps):
    config = ops.config
    widths = config['block_out_channels']
    last = len(widths) - 1
    n_layers = config['layers_per_block']

    emb = ops.linear(ops.time_features(timesteps), 'time_embedding.linear_1')
    # every ResNet block begins with the activation of the embedding: once is enough
    emb = ops.silu(ops.linear(ops.silu(emb), 'time_embedding.linear_2'))

    h = ops.conv(x, 'conv_in')
    skips = [h]
    for i, kind in enumerate(config['down_block_types']):
        block = f'down_blocks.{i}'
        for j in range(n_layers):
            h = resnet(ops, h, emb, f'{block}.resnets.{j}')
            if 'Attn' in kind:
                h = attention(ops, h, f'{block}.attentions.{j}')
            skips.append(h)
        if i < last:
            h = ops.downsample(h, f'{block}.downsamplers.0.conv')
            skips.append(h)

    h = resnet(ops, h, emb, 'mid_block.resnets.0')
    if config.get('add_attention', True):
        h = attention(ops, h, 'mid_block.attentions.0')
    h = resnet(ops, h, emb, 'mid_block.resnets.1')

    for i, kind in enumerate(config['up_block_types']):
        block = f'up_blocks.{i}'
        for j in range(n_layers + 1):
            h = resnet(ops, ops.concat(h, skips.pop()), emb, f'{block}.resnets.{j}')
            if 'Attn' in kind:
                h = attention(ops, h, f'{block}.attentions.{j}')
        if i < last:
            h = ops.conv(ops.double(h), f'{block}.upsamplers.0.conv')

    return ops.conv(ops.silu(ops.norm(h, 'conv_norm_out')), 'conv_out')


def resnet(ops, x, emb, name):
    h = ops.conv(ops.silu(ops.norm(x, f'{name}.norm1')), f'{name}.conv1')
    h = ops.add_channels(h, ops.linear(emb, f'{name}.time_emb_proj'))
    h = ops.conv(ops.silu(ops.norm(h, f'{name}.norm2')), f'{name}.conv2')
    if ops.has(f'{name}.conv_shortcut'):
        x = ops.conv(x, f'{name}.conv_shortcut')
    return ops.add(x, h)


def attention(ops, x, name):
    return ops.add(x, ops.attend(ops.norm(x, f'{name}.group_norm'), name))
