#!/bin/sh
# ddpm bench: what it prints and writes. How fast it is, no test says.
. "${0%/*}/tap.sh"

"$make_pictures" model good 4 8 8 8 16

# value FILE KEY: of a JSON object
value ()
{
  "$look" json "$1" "\$.$2"
}

works 'bench' bench good --repeat 2
says 'it tells milliseconds' 'median [0-9.]* ms'
says 'it tells memory' 'peak memory .* predicted'
says 'it tells the start' 'ms from opening the model'
works 'bench --json' bench good --repeat 2 --batch 3 --threads 1 --json
cp "$out" forward.json
works 'bench --train --json' bench good --repeat 2 --batch 3 --threads 2 --train --json
cp "$out" train.json
for key in runs median_ms min_ms max_ms gflop_s flop parameters peak_bytes predicted_bytes start_ms
do
  number=$(value forward.json $key)
  check "JSON: $key" test "${number%%.*}" -ge 0
done
same 'JSON: config' "$(value forward.json config)" '"good"'
same 'JSON: batch' "$(value forward.json batch)" 3
same 'JSON: threads' "$(value forward.json threads)" 1
same 'JSON: precision' "$(value forward.json precision)" '"f32"'
same 'JSON: train' "$(value forward.json train) $(value train.json train)" 'false true'
same 'a training step costs three forward passes' "$(value train.json flop)" $((3 * $(value forward.json flop)))
run info good --json
same 'the parameters are those of info' "$("$look" json "$out" '$.parameters')" "$(value forward.json parameters)"

works 'bench --profile' bench good --repeat 2 --profile
says 'it names the kinds of layer' 'convolution 3x3  *[0-9]'
works 'bench --profile --json' bench good --repeat 2 --profile --train --json
cp "$out" profile.json
check 'JSON: the profile has times' test "$(value profile.json 'profile[0].layers')" -gt 0

works 'bench --recompute' bench good --repeat 1 --batch 16 --train --recompute --json
cp "$out" recompute.json
works 'bench without it' bench good --repeat 1 --batch 16 --train --json
cp "$out" keep.json
same 'JSON: recompute' "$(value recompute.json recompute)" true
check 'recomputing takes less memory' \
  test "$(value recompute.json predicted_bytes)" -lt "$(value keep.json predicted_bytes)"

works 'bench --output on one thread' bench good --repeat 1 --batch 2 --threads 1 -o one.raw
works 'bench --output on two' bench good --repeat 1 --batch 2 --threads 2 -o two.raw
same 'two RGBA pictures of 8x8 floats' "$(wc -c <one.raw)" $((2 * 4 * 8 * 8 * 4))
check 'the same bytes' cmp one.raw two.raw

if "$ddpm" info good | grep -q bf16
then
  works 'bench --train in bf16' bench good --repeat 2 --train --precision bf16 --json -o bf16.raw
  same 'JSON: precision in training' "$(value "$out" precision)" '"bf16"'
  works 'bench --train in f32' bench good --repeat 2 --train -o f32.raw
  check 'other bytes than f32' sh -c '! cmp -s "$1" "$2"' sh bf16.raw f32.raw
fi

works 'bench --save' bench good --save saved
works 'the saved model' bench saved --repeat 1 -o saved.raw --json
cp "$out" saved.json
same 'is the same network' "$(value saved.json flop)" "$(($(value forward.json flop) / 3))"
check 'with weights of its own' sh -c '! cmp -s "$1" "$2"' sh saved.raw one.raw

for network in cifar10-32 celebahq-256 notebook-64
do
  run bench --help
  says "help names $network" "$network"
done
fails 'an unknown network' 1 'cifar10-32' bench nothing
fails '--recompute without --train' 2 'recompute' bench good --recompute
fails 'an unknown precision' 2 'precision' bench good --precision f16
if [ "$(uname -m)" = x86_64 ]
then
  DDPM_CPU=generic
  export DDPM_CPU
  fails 'bf16 without its instructions' 1 'bf16' bench good --precision bf16
  fails 'training in bf16 without them' 1 'bf16' bench good --train --precision bf16
  unset DDPM_CPU
fi
fails 'an output that cannot be written' 1 'no/where' bench good --repeat 1 -o no/where

done_testing
