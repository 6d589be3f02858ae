#!/bin/sh
# ddpm info, and model folders that are damaged or not models at all.
. "${0%/*}/tap.sh"

"$make_pictures" model good 4 8 8 8 16
"$make_pictures" model wider 4 8 8 16 16
weights=unet/diffusion_pytorch_model.safetensors

works 'info' info good
says 'info has the size' '8x8 pixels'
says 'info has the parameters' 'parameters'
works 'info --json' info good --json
cp "$out" info.json
same 'JSON: name' "$("$look" json info.json '$.name')" '"good"'
same 'JSON: channels' "$("$look" json info.json '$.channels')" 4
same 'JSON: dtype' "$("$look" json info.json '$.dtype')" '"float16"'
same 'JSON: widths' "$("$look" json info.json '$.unet.block_out_channels')" '[8,16]'
same 'JSON: timesteps' "$("$look" json info.json '$.scheduler.num_train_timesteps')" 1000
for key in parameters flop_per_picture sample_memory_bytes weights_bytes
do
  check "JSON: $key" test "$("$look" json info.json "\$.$key")" -gt 0
done

# damaged FOLDER: a fresh copy to damage
damaged ()
{
  cp -R good "$1"
}

# refuses WHAT FOLDER WORDS: sample and info both say so, and nothing is written
refuses ()
{
  fails "sample: $1" 1 "$3" sample "$2" -o x.png --steps 1
  fails "info: $1" 1 "$3" info "$2"
}

refuses 'no such model' nowhere 'nowhere'
mkdir empty
refuses 'an empty folder' empty 'empty'
: >file
refuses 'a file' file 'file'

damaged no-weights && rm no-weights/$weights
refuses 'no weights' no-weights 'diffusion_pytorch_model'
damaged no-config && rm no-config/unet/config.json
refuses 'no config' no-config 'config.json'
damaged bad-json && echo '{ "sample_size": ' >bad-json/unet/config.json
refuses 'broken JSON' bad-json 'config.json'
damaged cut-weights && head -c 3000 good/$weights >cut-weights/$weights
refuses 'truncated weights' cut-weights 'diffusion_pytorch_model'
damaged cut-header && head -c 100 good/$weights >cut-header/$weights
refuses 'weights cut in the header' cut-header 'diffusion_pytorch_model'
damaged no-bytes && : >no-bytes/$weights
refuses 'empty weights' no-bytes 'diffusion_pytorch_model'
damaged long && printf 'more bytes' >>long/$weights
refuses 'oversized weights' long 'diffusion_pytorch_model'
damaged wrong && cp wider/$weights wrong/$weights
refuses 'weights of another network' wrong 'diffusion_pytorch_model'
damaged pickled && rm pickled/$weights && printf 'PK\003\004' >pickled/unet/diffusion_pytorch_model.bin
refuses 'pickled weights' pickled 'pickle'
damaged disguised && printf 'PK\003\004 archive/data.pkl and so on' >disguised/$weights
refuses 'a pickle under another name' disguised 'pickle'
check 'nothing was written' test ! -e x.png

# flat, as google/ddpm-* are
mkdir flat
cp good/unet/* good/ddpm.json flat/ && cp good/scheduler/* flat/
works 'a flat folder' sample flat -o flat.png --steps 2
works 'the nested one' sample good -o nested.png --steps 2
same 'make the same picture' "$("$look" differ flat.png nested.png)" 0

done_testing
