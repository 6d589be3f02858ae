#!/bin/sh
# Configurations as they are published, key for key, with random weights: they open and make pictures. And
# those that need parts which are not here say which.
reader=$(realpath "${0%/*}/read-model.py")
. "${0%/*}/tap.sh"

# blocks NAME…: as a list of strings
blocks ()
{
  printf '"%s", ' "$@" | sed 's/, $//'
}

# index PIPELINE SCHEDULER EXTRA: a model_index.json
index ()
{
  printf '{"_class_name": "%s", "_diffusers_version": "0.1.1", "scheduler": ["diffusers", "%s"], ' "$1" "$2"
  printf '"unet": ["diffusers", "UNet2DModel"]%s}\n' "$3"
}

# generates WHAT FOLDER SIZE
generates ()
{
  works "$1 opens" info "$2"
  works "$1 generates" sample "$2" -o "$2.png" --steps 1
  same "$1: its size" "$("$look" shape "$2.png")" "$3"
}

# reads WHAT FOLDER DTYPE
reads ()
{
  check "$1" sh -c 'python3 "$1" "$2" "$3" >"$4"' sh "$reader" "$2" "$3" "$out"
}

# google/ddpm-cifar10-32: flat, with the keys of 0.0.4, at full size
mkdir cifar10
cat >cifar10/config.json <<EOF
{
  "_class_name": "UNet2DModel",
  "_diffusers_version": "0.0.4",
  "act_fn": "silu",
  "attention_head_dim": null,
  "block_out_channels": [128, 256, 256, 256],
  "center_input_sample": false,
  "down_block_types": [$(blocks DownBlock2D AttnDownBlock2D DownBlock2D DownBlock2D)],
  "downsample_padding": 0,
  "flip_sin_to_cos": false,
  "freq_shift": 1,
  "in_channels": 3,
  "layers_per_block": 2,
  "mid_block_scale_factor": 1,
  "norm_eps": 1e-06,
  "norm_num_groups": 32,
  "out_channels": 3,
  "sample_size": 32,
  "time_embedding_type": "positional",
  "up_block_types": [$(blocks UpBlock2D UpBlock2D AttnUpBlock2D UpBlock2D)]
}
EOF
cat >cifar10/scheduler_config.json <<EOF
{
  "_class_name": "DDPMScheduler",
  "_diffusers_version": "0.1.1",
  "beta_end": 0.02,
  "beta_schedule": "linear",
  "beta_start": 0.0001,
  "clip_sample": true,
  "num_train_timesteps": 1000,
  "trained_betas": null,
  "variance_type": "fixed_large"
}
EOF
index DDPMPipeline DDPMScheduler '' >cifar10/model_index.json
check 'weights for ddpm-cifar10-32' "$make_pictures" weights cifar10
generates ddpm-cifar10-32 cifar10 32x32x3
run info cifar10
says 'of its size' '^parameters  *35.75 million'
says 'with its variance' 'epsilon, variance fixed_large'
says 'and its sampler' '^sampler  *ddpm, 250 steps'
rm -r cifar10

# diffusers' own unit test, where heads do not divide the width
mkdir dummy
cat >dummy/config.json <<EOF
{
  "block_out_channels": [4, 8],
  "norm_num_groups": 2,
  "down_block_types": [$(blocks DownBlock2D AttnDownBlock2D)],
  "up_block_types": [$(blocks AttnUpBlock2D UpBlock2D)],
  "attention_head_dim": 3,
  "out_channels": 3,
  "in_channels": 3,
  "layers_per_block": 2,
  "sample_size": 32
}
EOF
check 'weights for it' "$make_pictures" weights dummy
generates "diffusers' unit test" dummy 32x32x3

# what train_unconditional.py writes, by version: keys came, others went; narrower here
# unconditional NAME BLOCK-PREFIX KEYS SCHEDULER-KEYS: a folder as that version saves it
unconditional ()
{
  mkdir -p "$1/unet" "$1/scheduler"
  cat >"$1/unet/config.json" <<EOF
{
  "_class_name": "UNet2DModel",
  "act_fn": "silu",
  "attention_head_dim": 8,
  "block_out_channels": [32, 32, 64, 64, 96, 96],
  "center_input_sample": false,
  "down_block_types": [$(blocks $2DownBlock2D $2DownBlock2D $2DownBlock2D $2DownBlock2D $2AttnDownBlock2D $2DownBlock2D)],
  "downsample_padding": 1,
  "flip_sin_to_cos": true,
  "freq_shift": 0,
  "in_channels": 3,
  "layers_per_block": 2,
  "mid_block_scale_factor": 1,
  "norm_eps": 1e-05,
  "norm_num_groups": 32,
  "out_channels": 3,
  "sample_size": 64,
  "time_embedding_type": "positional",
  "up_block_types": [$(blocks $2UpBlock2D $2AttnUpBlock2D $2UpBlock2D $2UpBlock2D $2UpBlock2D $2UpBlock2D)]$3
}
EOF
  cat >"$1/scheduler/scheduler_config.json" <<EOF
{
  "_class_name": "DDPMScheduler",
  "beta_end": 0.02,
  "beta_schedule": "linear",
  "beta_start": 0.0001,
  "clip_sample": true,
  "num_train_timesteps": 1000,
  "trained_betas": null,
  "variance_type": "fixed_small"$4
}
EOF
  index DDPMPipeline DDPMScheduler '' >"$1/model_index.json"
  check "weights for $1" "$make_pictures" weights "$1/unet"
  generates "$1" "$1" 64x64x3
}
unconditional v0.2 UNetRes '' ', "tensor_format": "pt", "timestep_values": null'
unconditional v0.4 '' ', "_name_or_path": "./out/unet"' ', "predict_epsilon": true'
unconditional v0.11 '' ', "resnet_time_scale_shift": "default", "add_attention": true' \
  ', "prediction_type": "epsilon"'
unconditional v0.33 '' ', "resnet_time_scale_shift": "default", "add_attention": true, "class_embed_type": null,
  "num_class_embeds": null, "downsample_type": "conv", "upsample_type": "conv", "dropout": 0.0,
  "attn_norm_num_groups": null, "num_train_timesteps": null, "time_embedding_dim": null,
  "mid_block_type": "UNetMidBlock2D", "_use_default_values": ["attn_norm_num_groups"]' ',
  "clip_sample_range": 1.0, "dynamic_thresholding_ratio": 0.995, "prediction_type": "epsilon",
  "rescale_betas_zero_snr": false, "sample_max_value": 1.0, "steps_offset": 0, "thresholding": false,
  "timestep_spacing": "leading"'
same 'the oldest and the newest are the same network' "$("$look" differ v0.2.png v0.33.png)" 0

# a scheduler that diffusers writes with a word that is no JSON
cp -R v0.4 infinite
cat >infinite/scheduler/scheduler_config.json <<EOF
{"_class_name": "DPMSolverMultistepScheduler", "beta_end": 0.02, "beta_schedule": "linear", "beta_start": 0.0001,
 "lambda_min_clipped": -Infinity, "num_train_timesteps": 1000, "variance_type": null}
EOF
generates 'a model with -Infinity in its scheduler' infinite 64x64x3
run info infinite
says 'with the sampler of that name' '^sampler  *dpmpp-2m, 50 steps'

# needs WHAT FOLDER WORDS: sample refuses it, and says which part is missing
needs ()
{
  mkdir "$2/unet"
  cp dummy/config.json "$2/unet"
  fails "$1 is refused" 1 "$3" sample "$2" -o refused.png
  check 'by its own sentence' sh -c 'tail -n 1 "$1" | grep -q "is not here"' sh "$err"
}
mkdir latent consistency continuous
index LDMPipeline DDIMScheduler ', "vqvae": ["diffusers", "VQModel"]' >latent/model_index.json
needs 'a latent-space model (CompVis/ldm-celebahq-256)' latent 'LDMPipeline with the component "vqvae", the decoder'
index ConsistencyModelPipeline CMStochasticIterativeScheduler '' >consistency/model_index.json
needs 'a consistency model' consistency 'ConsistencyModelPipeline, .*CMStochasticIterativeScheduler'
index ScoreSdeVePipeline ScoreSdeVeScheduler '' >continuous/model_index.json
needs 'a score model' continuous 'ScoreSdeVePipeline, .*ScoreSdeVeScheduler'
mkdir -p undecided/vqvae
needs 'one without an index, but with a decoder' undecided '"vqvae", the decoder'
fails 'its network alone' 1 '"vqvae", the decoder' sample undecided/unet -o refused.png
fails 'the network of one with an index' 1 'LDMPipeline with' sample latent/unet -o refused.png
fails "a model's network without its scheduler" 1 'give that folder' sample v0.4/unet -o refused.png
check 'nothing was made' test ! -e refused.png

# without an index, the scheduler tells
cp -R dummy flat-consistency
echo '{"_class_name": "CMStochasticIterativeScheduler", "sigma_max": 80.0}' >flat-consistency/scheduler_config.json
fails "a consistency model's network and scheduler" 1 'CMStochasticIterativeScheduler, .* not of the DDPM kind' \
  sample flat-consistency -o refused.png
check 'nothing was made of it' test ! -e refused.png

# a network that lies alone does not say what it makes
works 'info on a network alone' info dummy
says 'that it does not say what it makes' '^pipeline  *not said: .* latents for a decoder'
run info v0.4
says_not 'a whole model does' '^pipeline'

# parts that are missing
cp -R v0.4 partial && rm partial/unet/config.json
fails 'without the config of its network' 1 'partial/unet/config.json is missing' sample partial -o refused.png
mv partial/unet partial/unet_ema
fails 'with averaged weights only' 1 'convert --ema' sample partial -o refused.png
rm -r partial/unet_ema
fails 'without its network' 1 'has a model_index.json, but no folder unet' sample partial -o refused.png
cp -R v0.4 partial-2 && rm partial-2/unet/*.safetensors
fails 'without its weights' 1 'partial-2/unet/diffusion_pytorch_model.safetensors is missing' sample partial-2 -o refused.png
cp -R v0.4 partial-3 && rm -r partial-3/scheduler
fails 'without its scheduler' 1 'but no scheduler_config.json' sample partial-3 -o refused.png

# their networks alone are like any others: those of consistency models have labels, and blocks of their own
mkdir imagenet
cat >imagenet/config.json <<EOF
{
  "_class_name": "UNet2DModel",
  "sample_size": 32,
  "block_out_channels": [64, 128],
  "layers_per_block": 2,
  "down_block_types": [$(blocks ResnetDownsampleBlock2D AttnDownBlock2D)],
  "up_block_types": [$(blocks AttnUpBlock2D ResnetUpsampleBlock2D)],
  "downsample_type": "resnet",
  "upsample_type": "resnet",
  "attention_head_dim": 64,
  "resnet_time_scale_shift": "scale_shift",
  "attn_norm_num_groups": 32,
  "num_class_embeds": 1000
}
EOF
check 'weights for it' "$make_pictures" weights imagenet
generates "a consistency model's network" imagenet 32x32x3
works 'by the number of a class' sample imagenet -o class.png --steps 1 --label 207
check 'another picture' sh -c '! cmp -s class.png imagenet.png'
fails 'of a class that is not there' 2 'from 0 to 999' sample imagenet -o x.png --label 1000

# networks that are told the time, or a label, in other ways, and all that a block may be: they train, go on to the
# byte, make pictures, and are written as they were read
mkdir pictures
"$make_pictures" pictures pictures 5 8 8 3
number=0
for keys in '"time_embedding_type": "fourier"' '"time_embedding_type": "learned", "num_train_timesteps": 1000' \
  '"class_embed_type": "timestep"' '"class_embed_type": "identity"' \
  '"time_embedding_type": "learned", "num_train_timesteps": 1200, "class_embed_type": "timestep"' \
  '"num_class_embeds": 3, "act_fn": "mish", "resnet_time_scale_shift": "scale_shift"' \
  '"act_fn": "GELU", "downsample_type": "resnet", "upsample_type": "resnet", "downsample_padding": 0' \
  '"act_fn": "relu", "mid_block_type": null, "center_input_sample": true, "time_embedding_dim": 20'
do
  number=$((number + 1))
  mkdir kind-$number
  cat >kind-$number/config.json <<EOF
{"block_out_channels": [8, 16], "down_block_types": [$(blocks AttnDownBlock2D DownBlock2D)], "layers_per_block": 1,
 "up_block_types": [$(blocks ResnetUpsampleBlock2D AttnUpBlock2D)], "norm_num_groups": 4, "sample_size": 8,
 "in_channels": 3, "out_channels": 3, $keys}
EOF
  check "weights for $keys" "$make_pictures" weights kind-$number
  small='--batch 2 --sample-every 0 --float32'
  works 'train it' train pictures -o whole-$number --from kind-$number --steps 6 $small
  works 'a part of that' train pictures -o part-$number --from kind-$number --steps 3 $small
  works 'go on' train -o part-$number --resume --steps 6
  check 'to the same bytes' cmp whole-$number/training/state.safetensors part-$number/training/state.safetensors
  works 'sample it' sample whole-$number -o whole-$number.png --steps 2
  reads 'the reader takes it' whole-$number F32
  works 'convert it' convert kind-$number -o converted-$number
  reads 'the reader takes that, too' converted-$number F16
  works 'sample the network' sample kind-$number -o kind-$number.png --steps 2 --sampler ddpm
  works 'sample what was converted' sample converted-$number -o converted-$number.png --steps 2 --sampler ddpm
  same 'the same picture' "$("$look" differ kind-$number.png converted-$number.png)" 0
done
fails 'labels for a network that takes vectors' 2 'takes them as vectors' train pictures -o x --from kind-4 --labels

done_testing
