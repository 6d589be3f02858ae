#!/usr/bin/env python3
"""Reads a model folder as its format's description says, knowing nothing of this program: names, shapes, types,
order and alignment of the weights, and every key of the JSON files, whose defaults are not relied on.

    read-model.py FOLDER DTYPE        DTYPE: F32, F16 or BF16

Prints "N tensors, M values" and ends with 0, or says what is wrong and ends with 1."""

import json
import os
import struct
import sys

UNET_KEYS = """act_fn add_attention attention_head_dim attn_norm_num_groups block_out_channels center_input_sample
class_embed_type down_block_types downsample_padding downsample_type dropout flip_sin_to_cos freq_shift in_channels
layers_per_block mid_block_scale_factor mid_block_type norm_eps norm_num_groups num_class_embeds num_train_timesteps
out_channels resnet_time_scale_shift sample_size time_embedding_dim time_embedding_type up_block_types
upsample_type""".split()
BETAS = "beta_end beta_schedule beta_start num_train_timesteps prediction_type trained_betas "
SPACING = "steps_offset timestep_spacing "
CLIPPING = "clip_sample clip_sample_range "
THRESHOLDING = "dynamic_thresholding_ratio sample_max_value thresholding "
SIGMAS = "use_exponential_sigmas use_karras_sigmas "
SOLVER = "lower_order_final solver_order solver_type " + THRESHOLDING + SIGMAS
ZERO_SNR = "rescale_betas_zero_snr "
SCHEDULER_KEYS = {
    "DDPMScheduler": CLIPPING + THRESHOLDING + ZERO_SNR + "variance_type",
    "DDIMScheduler": CLIPPING + THRESHOLDING + ZERO_SNR + "set_alpha_to_one",
    "PNDMScheduler": "set_alpha_to_one skip_prk_steps",
    "LMSDiscreteScheduler": SIGMAS,
    "EulerDiscreteScheduler": SIGMAS + ZERO_SNR + "final_sigmas_type",
    "EulerAncestralDiscreteScheduler": ZERO_SNR,
    "HeunDiscreteScheduler": SIGMAS + CLIPPING,
    "DPMSolverMultistepScheduler": SOLVER + ZERO_SNR + "algorithm_type euler_at_final final_sigmas_type variance_type",
    "UniPCMultistepScheduler": SOLVER + ZERO_SNR + "disable_corrector final_sigmas_type predict_x0",
}
PIPELINES = {"DDIMScheduler": "DDIMPipeline", "PNDMScheduler": "PNDMPipeline"}  # DDPMPipeline takes the others
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}


class Wrong(Exception):
    pass


def check(condition, *words):
    if not condition:
        raise Wrong(" ".join(str(word) for word in words))


def read_json(*path):
    def refuse(word):
        raise Wrong(os.path.join(*path) + ": " + word + " is no JSON")

    def no_twice(pairs):
        check(len(dict(pairs)) == len(pairs), os.path.join(*path), "has a key twice")
        return dict(pairs)

    with open(os.path.join(*path), encoding="utf-8") as file:
        return json.load(file, parse_constant=refuse, object_pairs_hook=no_twice)


# --- the tensors that a config asks for ---


class Network:
    def __init__(self, config):
        self.config = config
        self.shapes = {}
        widths = config["block_out_channels"]
        self.width = widths[0]
        self.embedding = config["time_embedding_dim"] or 4 * self.width
        self.levels = len(widths)
        self.build(widths)

    def add(self, name, *shape):
        check(name not in self.shapes, name, "is asked for twice")
        self.shapes[name] = list(shape)

    def linear(self, name, n_in, n_out):
        self.add(name + ".weight", n_out, n_in)
        self.add(name + ".bias", n_out)

    def conv(self, name, n_in, n_out, kernel=3):
        self.add(name + ".weight", n_out, n_in, kernel, kernel)
        self.add(name + ".bias", n_out)

    def norm(self, name, channels):
        self.add(name + ".weight", channels)
        self.add(name + ".bias", channels)

    def resnet(self, name, n_in, n_out):
        twice = 2 if self.config["resnet_time_scale_shift"] == "scale_shift" else 1
        self.norm(name + ".norm1", n_in)
        self.conv(name + ".conv1", n_in, n_out)
        self.linear(name + ".time_emb_proj", self.embedding, twice * n_out)
        self.norm(name + ".norm2", n_out)
        self.conv(name + ".conv2", n_out, n_out)
        if n_in != n_out:
            self.conv(name + ".conv_shortcut", n_in, n_out, 1)

    def attention(self, name, channels, has_norm=True):
        head = self.config["attention_head_dim"] or channels
        inner = channels // head * head
        if has_norm:
            self.norm(name + ".group_norm", channels)
        for part in "to_q", "to_k", "to_v":
            self.linear(name + "." + part, channels, inner)
        self.linear(name + ".to_out.0", inner, channels)

    def sampler(self, name, block, kind, channels):
        """name: "downsamplers" or "upsamplers"."""
        if block.startswith("Resnet"):
            kind = "resnet"
        elif not block.startswith("Attn"):
            kind = "conv"
        if kind == "resnet":
            self.resnet(name + ".0", channels, channels)
        else:
            check(kind in ("conv", None), name, "is of an unknown kind", kind)
            self.conv(name + ".0.conv", channels, channels)

    def embeddings(self):
        config = self.config
        kind = config["time_embedding_type"]
        n_in = 2 * self.width if kind == "fourier" else self.width
        if kind == "fourier":
            self.add("time_proj.weight", self.width)
        elif kind == "learned":
            self.add("time_proj.weight", config["num_train_timesteps"], self.width)
        self.linear("time_embedding.linear_1", n_in, self.embedding)
        self.linear("time_embedding.linear_2", self.embedding, self.embedding)
        if config["class_embed_type"] == "timestep":
            self.linear("class_embedding.linear_1", n_in, self.embedding)
            self.linear("class_embedding.linear_2", self.embedding, self.embedding)
        elif config["class_embed_type"] is None and config["num_class_embeds"] is not None:
            self.add("class_embedding.weight", config["num_class_embeds"], self.embedding)

    def build(self, widths):
        config, last = self.config, self.levels - 1
        layers = config["layers_per_block"]
        self.embeddings()
        self.conv("conv_in", config["in_channels"], self.width)
        before = self.width
        for i, (block, width) in enumerate(zip(config["down_block_types"], widths)):
            name = "down_blocks.%d" % i
            for j in range(layers):
                self.resnet("%s.resnets.%d" % (name, j), before if j == 0 else width, width)
                if block == "AttnDownBlock2D":
                    self.attention("%s.attentions.%d" % (name, j), width)
            if i < last:
                self.sampler(name + ".downsamplers", block, config["downsample_type"], width)
            before = width
        if config["mid_block_type"] is not None:
            for j in range(2):
                self.resnet("mid_block.resnets.%d" % j, before, before)
            if config["add_attention"]:
                has_norm = (config["attn_norm_num_groups"] is not None
                            or config["resnet_time_scale_shift"] == "default")
                self.attention("mid_block.attentions.0", before, has_norm)
        deepest_first = widths[::-1]
        for i, (block, width) in enumerate(zip(config["up_block_types"], deepest_first)):
            name = "up_blocks.%d" % i
            previous, skip = deepest_first[max(i - 1, 0)], deepest_first[min(i + 1, last)]
            for j in range(layers + 1):
                n_in = (previous if j == 0 else width) + (skip if j == layers else width)
                self.resnet("%s.resnets.%d" % (name, j), n_in, width)
                if block == "AttnUpBlock2D":
                    self.attention("%s.attentions.%d" % (name, j), width)
            if i < last:
                self.sampler(name + ".upsamplers", block, config["upsample_type"], width)
        self.norm("conv_norm_out", self.width)
        self.conv("conv_out", self.width, config["out_channels"])


# --- the file of weights ---


def read_header(path):
    with open(path, "rb") as file:
        data = file.read()
    check(len(data) >= 8, path, "has no header")
    (n,) = struct.unpack("<Q", data[:8])
    check(n <= len(data) - 8, path, "is shorter than its header")
    check(n % 8 == 0, "data begin at byte", 8 + n, "which is no multiple of 8")
    text = data[8:8 + n]
    check(text[:1] == b"{", "the header begins with", text[:1])

    def no_twice(pairs):
        check(len(dict(pairs)) == len(pairs), "a name stands in the header twice")
        return dict(pairs)

    return json.loads(text.decode("utf-8"), object_pairs_hook=no_twice), data[8 + n:]


def check_weights(path, shapes, dtype):
    header, data = read_header(path)
    metadata = header.pop("__metadata__", {})
    check(metadata.get("format") == "pt", "the metadata's format is", metadata.get("format"))
    check(all(isinstance(value, str) for value in metadata.values()), "metadata are not all strings")
    missing, extra = set(shapes) - set(header), set(header) - set(shapes)
    check(not missing, "missing:", *sorted(missing)[:5])
    check(not extra, "nobody asks for:", *sorted(extra)[:5])
    at = n_values = 0
    in_order = sorted(header, key=lambda name: header[name]["data_offsets"])
    check(in_order == sorted(header), "tensors do not lie in the order of their names")
    check(list(header) == in_order, "the header is not in the order of the data")
    for name in in_order:
        entry = header[name]
        check(set(entry) == {"dtype", "shape", "data_offsets"}, name, "has", *entry)
        check(entry["dtype"] == dtype, name, "is stored as", entry["dtype"])
        check(entry["shape"] == shapes[name], name, "has the shape", entry["shape"], "and not", shapes[name])
        begin, end = entry["data_offsets"]
        n = 1
        for size in entry["shape"]:
            n *= size
        check(begin == at, name, "begins at", begin, "and not at", at)
        check(end - begin == n * SIZES[dtype], name, "has", end - begin, "bytes")
        at, n_values = end, n_values + n
    check(at == len(data), len(data) - at, "bytes follow the last tensor")
    check_values(data, dtype, n_values)
    return len(header), n_values


def check_values(data, dtype, n_values):
    """No exponent of all ones: every number is finite; and they are not all the same."""
    bits, mask = {"F32": ("I", 0x7f800000), "F16": ("H", 0x7c00), "BF16": ("H", 0x7f80)}[dtype]
    values = struct.unpack("<%d%s" % (n_values, bits), data)
    check(all(value & mask != mask for value in values), "a weight is not a finite number")
    check(len(set(values)) > 10, "nearly all weights are the same")


# --- the folder ---


def check_config(config):
    keys = {key for key in config if not key.startswith("_")}
    check(config["_class_name"] == "UNet2DModel", "the network is a", config["_class_name"])
    check("_diffusers_version" in config, "the network's version is missing")
    check(keys == set(UNET_KEYS), "keys differ:", *sorted(keys ^ set(UNET_KEYS)))
    levels = len(config["block_out_channels"])
    check(len(config["down_block_types"]) == levels == len(config["up_block_types"]), "levels differ")
    for block in config["down_block_types"]:
        check(block in ("DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D"), "unknown block", block)
    for block in config["up_block_types"]:
        check(block in ("UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"), "unknown block", block)
    groups = config["norm_num_groups"]
    check(all(width % groups == 0 for width in config["block_out_channels"]), groups, "groups do not fit")


def check_scheduler(scheduler, index):
    class_name = scheduler["_class_name"]
    check(index["scheduler"] == ["diffusers", class_name], "model_index.json says", index["scheduler"])
    check(class_name in SCHEDULER_KEYS, "the scheduler is a", class_name)
    keys = (BETAS + SPACING + SCHEDULER_KEYS[class_name]).split()
    missing = [key for key in keys if key not in scheduler]
    check(not missing, "the scheduler lacks", *missing)
    pipeline = PIPELINES.get(class_name, "DDPMPipeline")
    check(index["_class_name"] == pipeline, "the pipeline is a", index["_class_name"], "and no", pipeline)
    betas = scheduler["trained_betas"]
    check(betas is None or len(betas) == scheduler["num_train_timesteps"], "trained_betas are too few or many")
    check(0 < scheduler["beta_start"] <= scheduler["beta_end"] < 1, "betas do not rise within 0 … 1")


def check_folder(folder, dtype):
    index = read_json(folder, "model_index.json")
    parts = {key for key in index if not key.startswith("_")}
    check(parts == {"unet", "scheduler"}, "the pipeline has", *sorted(parts))
    check(index["unet"] == ["diffusers", "UNet2DModel"], "model_index.json says", index["unet"])
    config = read_json(folder, "unet", "config.json")
    check_config(config)
    check_scheduler(read_json(folder, "scheduler", "scheduler_config.json"), index)
    weights = os.path.join(folder, "unet", "diffusion_pytorch_model.safetensors")
    return check_weights(weights, Network(config).shapes, dtype)


def main():
    if len(sys.argv) != 3 or sys.argv[2] not in SIZES:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print("%d tensors, %d values" % check_folder(sys.argv[1], sys.argv[2]))
    except (Wrong, OSError, KeyError, ValueError, TypeError) as error:
        words = str(error) if isinstance(error, (Wrong, OSError)) else type(error).__name__ + " " + str(error)
        print("read-model: %s: %s" % (sys.argv[1], words[:300]))
        return 1
    return 0


sys.exit(main())
