#!/bin/sh
# ddpm convert, and whether what it and ddpm train write is read by a reader that knows only the format.
reader=$(realpath "${0%/*}/read-model.py")
. "${0%/*}/tap.sh"

# reads WHAT FOLDER DTYPE
reads ()
{
  status=0
  python3 "$reader" "$2" "$3" >"$out" 2>"$err" || status=$?
  same "the reader takes $1" "$status" 0
}

# refused WHAT WORDS FOLDER DTYPE: the reader sees what is wrong
refused ()
{
  status=0
  python3 "$reader" "$3" "$4" >"$out" 2>"$err" || status=$?
  same "the reader sees $1" "$status" 1
  says "and says it" "$2"
}

mkdir -p pictures/a pictures/b
"$make_pictures" pictures pictures/a 5 8 8 3
"$make_pictures" pictures pictures/b 4 8 8 3
weights=unet/diffusion_pytorch_model.safetensors

# what ddpm train writes
works 'train' train pictures -o trained --size 8 --channels 8,16 --layers 1 --attention 8 --batch 4 --steps 2 \
  --sample-every 0 --labels --min-label-pictures 2 --variance learned --float32
reads 'what train writes' trained F32
works 'train in float16' train pictures -o half --size 8 --channels 8,16 --layers 2 --attention none --batch 4 \
  --steps 2 --sample-every 0 --predict v --schedule squaredcos_cap_v2
reads 'that' half F16

# the three types
for name in float16:F16 bfloat16:BF16 float32:F32
do
  works "convert --dtype ${name%:*}" convert trained -o "to-${name%:*}" --dtype "${name%:*}"
  says 'it tells what it wrote' "^written  *to-${name%:*}: .* as ${name%:*}, "
  reads "${name%:*}" "to-${name%:*}" "${name#*:}"
done
check 'the same weights again' cmp to-float32/$weights trained/$weights
works 'sample the model' sample trained -o trained.png --steps 3 --label a
works 'sample the converted one' sample to-float32 -o converted.png --steps 3 --label a
same 'the same picture' "$("$look" differ trained.png converted.png)" 0
works 'sample one with less digits' sample to-bfloat16 -o less.png --steps 3 --label a
works 'convert as it is' convert half -o as-it-is
check 'as it was' cmp as-it-is/$weights half/$weights
check 'with all that is said of it' cmp as-it-is/ddpm.json half/ddpm.json
check 'nothing else is there' sh -c 'test -z "$(find . -name ".*.part")"'

# flat to nested, old names to new ones
"$make_pictures" model plain 3 8 8 8 16
mkdir flat
cp plain/unet/* plain/scheduler/* flat
sed -i 's/"DDPMScheduler"/"PNDMScheduler"/' flat/scheduler_config.json
# together as long as before
LC_ALL=C sed -i 's/\.to_q\./.query./g; s/\.to_k\./.key./g' flat/diffusion_pytorch_model.safetensors
works 'convert a flat folder' convert flat -o nested
check 'its scheduler is kept' grep -q '"_class_name": "PNDMScheduler"' nested/scheduler/scheduler_config.json
reads 'a flat folder made nested' nested F16
check 'its weights are the same' cmp nested/$weights plain/$weights

# every kind of scheduler
for name in DDIM PNDM LMSDiscrete EulerDiscrete EulerAncestralDiscrete HeunDiscrete DPMSolverMultistep \
  UniPCMultistep
do
  cp -R flat flat-$name
  printf '{"_class_name": "%sScheduler", "timestep_spacing": "trailing"}\n' $name >flat-$name/scheduler_config.json
  works "convert a model of $name" convert flat-$name -o nested-$name
  reads 'it' nested-$name F16
  check 'its class is kept' grep -q "\"${name}Scheduler\"" nested-$name/model_index.json
  works 'sample it' sample flat-$name -o $name-before.png --steps 4
  works 'sample what was written' sample nested-$name -o $name-after.png --steps 4
  same 'the same picture' "$("$look" differ $name-before.png $name-after.png)" 0
done

# averaged weights of a training script
mkdir checkpoint
cp -R plain/unet checkpoint/unet
cp -R to-float32/unet checkpoint/unet_ema
fails 'convert --ema of a model without' 1 'no folder unet_ema' convert plain -o x --ema
works 'convert --ema' convert checkpoint -o averaged --ema
says 'without a scheduler the usual one' '^scheduler  *checkpoint has none; the usual one'
check 'takes unet_ema' cmp averaged/$weights to-float32/$weights
works 'convert without --ema' convert checkpoint -o raw
check 'takes unet' cmp raw/$weights plain/$weights

# killed while it writes: there is a whole model or none, and the next one clears up
"$stop_at" 9 .killed.part 0 "$ddpm" convert to-float32 -o killed >"$out" 2>"$err"
if test -e killed
then reads 'what was whole before the kill' killed F32
else works 'convert after a kill' convert to-float32 -o killed
fi
check 'nothing is left behind' test ! -e .killed.part

# what is refused
fails 'convert without -o' 2 '-o' convert plain
fails 'convert nothing' 1 'nowhere' convert nowhere -o x
fails 'convert to an unknown type' 2 '--dtype' convert plain -o x --dtype int8
fails 'convert over a model' 2 'nothing is overwritten' convert plain -o half
fails 'convert over itself' 2 'nothing is overwritten' convert plain -o plain
: >file
fails 'convert over a file' 2 'nothing is overwritten' convert plain -o file
fails 'convert into a file' 1 'Not a directory' convert plain -o file/inside
check 'nothing was written' test ! -e x
check 'nothing was changed' cmp half/$weights as-it-is/$weights
cp -R plain pickled && rm pickled/$weights && printf 'PK\003\004' >pickled/unet/diffusion_pytorch_model.bin
fails 'convert a pickle' 1 "python3 -c 'import .*weights_only=True" convert pickled -o x

# the reader can see
cp -R plain bad && cp -R plain short && cp -R plain moved && cp -R plain keyed
refused 'another type' 'is stored as F16' plain F32
sed -i 's/"layers_per_block": 1/"layers_per_block": 2/' bad/unet/config.json
refused 'a missing tensor' 'missing: down_blocks.0' bad F16
printf 'more' >>short/$weights
refused 'bytes that are too many' '4 bytes follow' short F16
LC_ALL=C sed -i 's/"conv_in.bias"/"conv_in.seam"/' moved/$weights
refused 'another name' 'missing: conv_in.bias' moved F16
sed -i '/"add_attention"/d' keyed/unet/config.json
refused 'a missing key' 'keys differ: add_attention' keyed F16

done_testing
