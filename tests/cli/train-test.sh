#!/bin/sh
# ddpm train on a folder with everything in it; the model it writes, and what comes of it.
. "${0%/*}/tap.sh"

mkdir -p messy/sub
"$make_pictures" pictures messy 6 16 16 3
"$make_pictures" pictures messy/sub 2 24 12 1
"$make_pictures" jpeg messy/photo.jpg 20 20
head -c 90 messy/picture-00.png >messy/cut.png
echo 'some words' >messy/notes.txt
echo 'some words' >messy/words.png
: >messy/empty.png
: >messy/.hidden

tiny='--channels 8,16 --layers 1 --attention none --batch 4'

works 'only look' train messy -o m --size 8 $tiny --steps 6 --dry-run
says 'it tells what it found' '^pictures  *9'
says 'it tells what to expect of so few' '^expect .* 9 pictures are few'
check 'nothing is written' test ! -e m
works 'train on a messy folder' train messy -o m --size 8 $tiny --steps 6 --sample-every 3 --seed 3
says 'it counts the pictures' '^pictures  *9'
says 'it counts what it skipped' '^skipped  *4 files'
for file in cut.png notes.txt words.png empty.png
do
  says "it says why $file was skipped" " $file: ."
done
says 'it tells the size' '8x8 pixels, 3 channels'
for word in parameters cost memory network
do
  says "it tells: $word" "^$word"
done
says 'it says what to do with the model' 'ddpm sample m'

# the folder, as diffusers lays it out
for file in model_index.json unet/config.json unet/diffusion_pytorch_model.safetensors \
  scheduler/scheduler_config.json ddpm.json train.csv samples/step-3.png samples/step-6.png
do
  check "the model has $file" test -s "m/$file"
done
check 'no temporary files stay behind' sh -c '! find m -name "*tmp*" -o -name ".*" | grep .'
same 'model_index.json' "$("$look" json m/model_index.json '$.unet')" '["diffusers","UNet2DModel"]'
same 'its class' "$("$look" json m/model_index.json '$._class_name')" '"DDPMPipeline"'
same 'the scheduler' "$("$look" json m/scheduler/scheduler_config.json '$._class_name')" '"DDPMScheduler"'
same 'the network' "$("$look" json m/unet/config.json '$._class_name')" '"UNet2DModel"'
same 'its widths' "$("$look" json m/unet/config.json '$.block_out_channels')" '[8,16]'
same 'its size' "$("$look" json m/unet/config.json '$.sample_size')" 8
same 'its channels' "$("$look" json m/unet/config.json '$.in_channels')" 3
run info m --json && cp "$out" info.json
same 'float16 on disk' "$("$look" json info.json '$.dtype')" '"float16"'

works 'the model makes pictures' sample m -o out.png -n 2 --steps 3
works 'the same again' train messy -o again --size 8 $tiny --steps 6 --sample-every 0 --seed 3 --threads 1
check 'gives the same bytes, on one thread' cmp m/unet/diffusion_pytorch_model.safetensors \
  again/unet/diffusion_pytorch_model.safetensors
works 'another seed' train messy -o other --size 8 $tiny --steps 6 --sample-every 0 --seed 4
check 'gives other weights' sh -c '! cmp -s m/unet/diffusion_pytorch_model.safetensors \
  other/unet/diffusion_pytorch_model.safetensors'

works 'float32 weights, a size that is not square, grey, flips' train messy -o grey --size 16x8 $tiny --steps 2 \
  --float32 --pixels grey --flip --schedule squaredcos_cap_v2 --dropout 0.1 --lr 1e-3 --ema 0.9 --warmup 0
run info grey --json && cp "$out" info.json
same 'float32 on disk' "$("$look" json info.json '$.dtype')" '"float32"'
works 'sample of it' sample grey -o grey.png --steps 2
same 'has its shape' "$("$look" shape grey.png)" 16x8x1
same 'the schedule is kept' "$("$look" json grey/scheduler/scheduler_config.json '$.beta_schedule')" \
  '"squaredcos_cap_v2"'

# alpha is a channel
mkdir sprites
"$make_pictures" pictures sprites 6 8 8 4
works 'pictures with transparency' train sprites -o alpha $tiny --steps 4 --sample-every 0 --float32
says 'train four channels' '4 channels'
works 'the model makes pictures' sample alpha -o alpha-out --steps 2 -n 3
same 'with alpha' "$("$look" shape alpha-out/seed-0-0001.png)" 8x8x4
check 'and transparent pixels' test "$("$look" transparent alpha-out/seed-0-0001.png)" -gt 0
same 'premultiplied' "$("$look" json alpha/ddpm.json '$.alpha')" '"premultiplied"'

# textures: they wrap around, and their kinds have names
mkdir -p textures/Bricks textures/Wood textures/rare
"$make_pictures" pictures textures/Bricks 6 16 16 3
"$make_pictures" pictures textures/Wood 5 16 8 3
"$make_pictures" pictures textures/rare 1 16 16 3
works 'tileable textures with labels' train textures -o materials --size 8 $tiny --steps 4 --sample-every 4 \
  --tileable --flip --flip-vertical --rotate --labels --min-label-pictures 5
says 'it names the labels' '^labels  *Bricks (6), Wood (5); none: 1 '
check 'it made samples' test -s materials/samples/step-4.png
same 'the names are kept' "$("$look" json materials/ddpm.json '$.labels')" '["Bricks","Wood"]'
same 'and that they wrap around' "$("$look" json materials/ddpm.json '$.padding')" '"circular"'
same 'a row each and one for none' "$("$look" json materials/unet/config.json '$.num_class_embeds')" 3
same 'no attention anywhere' "$("$look" json materials/unet/config.json '$.add_attention')" false
run info materials
says 'info names them' '^labels  *Bricks, Wood$'
says 'info tells of the edges' '^edges  *.*wrap around'
works 'bricks' sample materials -o bricks.png --steps 2 --label bricks --guidance 2 --size 24x16
same 'of another size' "$("$look" shape bricks.png)" 24x16x3
"$look" text bricks.png >text.json
same 'the text chunk has the label' "$("$look" json text.json '$.label')" '"Bricks"'
same 'and the guidance' "$("$look" json text.json '$.guidance')" 2.0
works 'vary one towards wood' vary materials bricks.png -o wood.png --steps 2 --label Wood
fails 'a label that there is not' 2 'it has Bricks, Wood' sample materials -o x.png --label Stone
fails 'a label of a model without' 2 'has no labels' sample m -o x.png --label Stone
fails 'guidance towards nothing' 2 'towards a label' sample materials -o x.png --label none --guidance 3
works 'new pictures have any label' sample materials -o any.png --steps 2 --seed 3
"$look" text any.png >any.json
label=$("$look" json any.json "$['own-label']" | tr -d '"')
works 'that can be asked for by its name' sample materials -o own.png --steps 2 --seed 3 --label "$label"
same 'and makes the same picture' "$("$look" differ any.png own.png)" 0
works 'parts of textures' train textures -o parts --size 8 $tiny --steps 2 --sample-every 0 --tileable --crop 12
fails 'parts larger than the pictures' 2 '--crop 4 is less than --size 8x8' train textures -o x --size 8 $tiny --crop 4
fails 'parts larger than pictures of a size that is chosen' 2 '--crop: .*scaled down to 4' train textures -o x $tiny --crop 4
fails 'turned pictures that are not square' 2 'rotate' train textures -o x --size 8x4 $tiny --rotate
fails 'labels of too few pictures' 2 'holds 10 pictures or more' train textures -o x --size 8 $tiny --labels

# a step in parts, and in bf16
works 'a step in two passes' train sprites -o passes $tiny --steps 4 --sample-every 0 --accumulate 2
says 'it tells the passes' 'of 4 pictures in 2 passes of 2$'
same 'they are kept' "$("$look" json passes/training/options.json '$.options.accumulate')" 2
fails 'passes that do not divide the batch' 2 'accumulate 3' train sprites -o x $tiny --accumulate 3
if "$ddpm" info passes | grep -q bf16
then
  works 'bf16' train sprites -o half $tiny --steps 4 --sample-every 0 --precision bf16
  says 'it tells the precision' 'in bf16$'
  same 'it is kept' "$("$look" json half/training/options.json '$.options.precision')" '"bf16"'
  works 'its model' sample half -o half.png --steps 2
fi
if [ "$(uname -m)" = x86_64 ]
then
  DDPM_CPU=generic
  export DDPM_CPU
  fails 'bf16 without its instructions' 1 'precision f32' train sprites -o x $tiny --precision bf16
  test ! -d half || fails 'and resuming there' 1 'began in the precision bf16' train -o half --resume --steps 6
  unset DDPM_CPU
fi

# from a model
works 'train on from a model' train sprites -o more --from alpha --steps 2 --batch 4 --sample-every 0
run info more --json && cp "$out" info.json
same 'it keeps the network' "$("$look" json info.json '$.unet.block_out_channels')" '[8,16]'
fails 'train on from a model that is not there' 1 'nowhere' train sprites -o more2 --from nowhere

# sensible without any option that shapes the network
works 'no options' train sprites -o plain --steps 1 --sample-every 0
works 'its model' info plain

# folders there is nothing to learn from
mkdir nothing words
echo 'some words' >words/notes.txt
fails 'an empty folder' 1 'nothing' train nothing -o x
fails 'a folder without pictures' 1 'words' train words -o x
fails 'no such folder' 1 'nowhere' train nowhere -o x
fails 'a file' 1 'notes.txt' train words/notes.txt -o x
: >taken
fails 'an output that is a file' 2 'taken' train sprites -o taken $tiny --steps 1
check 'nothing was written' test ! -e x

done_testing
