#!/bin/sh
# Wrong words on the command line: one sentence each and exit status 2, before any work.
. "${0%/*}/tap.sh"

"$make_pictures" model m 3 8 8 8 16
mkdir pictures
"$make_pictures" pictures pictures 4 8 8 3

works 'ddpm --help' --help
says 'ddpm --help names the subcommands' interpolate
works 'ddpm --version' --version
for command in train sample vary interpolate fill progressive evaluate info bench convert 'study samplers' 'study schedule' 'study langevin' \
  'study objective' 'study rate'
do
  works "$command --help" $command --help
  check "$command --help describes every option" \
    sh -c '! grep -E "^  (-[a-z], )?--[a-z0-9-]+(=[^ ]+)? *$" "$1"' sh "$out"
done
for option in size channels layers attention batch steps lr warmup ema dropout flip schedule pixels seed threads \
  save-every sample-every recompute predict loss variance float32 resume from output
do
  run train --help
  says "train --help has --$option" "--$option"
done

works 'study --help' study --help
says 'study --help names the studies' '^  schedule '
fails 'study without a study' 2 'study is missing: one of ' study
fails 'unknown study' 2 'no study "beauty"' study beauty
fails 'a drawing of another kind' 2 'ends in .svg or .png' study schedule -o a.gif
fails 'a drawing into no folder' 1 'folder "nowhere" does not exist' study schedule -o nowhere/a.svg
fails 'no subcommand' 2 'command is missing'
fails 'unknown subcommand' 2 'no command "paint"' paint
fails 'unknown option' 2 'unknown option' sample m -o a.png --paint
fails 'an operand too many' 2 'one word too many' sample m n -o a.png
fails 'an option without its value' 2 'missing argument' sample m -o
for command in sample info vary interpolate convert
do
  fails "$command without a model" 2 'MODEL is missing' "$command"
done
fails 'vary without a picture' 2 'PICTURE is missing' vary m -o a.png
fails 'interpolate with one picture' 2 'SECOND is missing' interpolate m pictures/picture-00.png -o a.png
fails 'train without a folder' 2 'FOLDER is missing' train -o t
fails 'train without -o' 2 '-o is missing' train pictures
fails 'sample without -o' 2 '-o is missing' sample m

for pair in '-n 0' '-n 1001' '-n -1' '-n two' '--steps 0' '--steps -5' '--seed -1' '--seed 2147483648' \
  '--seed 1.5' '--eta 2' '--eta nan' '--eta x' '--sampler eulerian' '--spacing wide' '--sigmas many' '--precision f16' '--batch 0' '--threads 0' '--columns 0' '--size 0' \
  '--size 8x' '--size x' '--size 8x8x8' '--size -8' '--size 99999999999999999999' '--sizing whole' '--seamless z' '--seamless xy'
do
  # a pair is two words
  fails "sample $pair" 2 "${pair% *}" sample m -o a.png $pair
done
fails 'more steps than the model has' 2 'takes 1 to 1000' sample m -o a.png --steps 1001
fails 'a size the network cannot halve: train' 2 'size of 7x7 .* 6x6 and 8x8' train pictures -o t --channels 8,16 --size 7
for pair in '--strength -1' '--strength 101' '--strength half'
do
  fails "vary $pair" 2 "strength" vary m pictures/picture-00.png -o a.png $pair
done
for pair in '--batch 0' '--steps 0' '--lr abc' '--lr 0' '--lr -1' '--lr inf' '--ema 1' '--dropout 1' '--layers 0' \
  '--channels 0' '--channels 8,,16' '--channels 8,x' '--attention 0' '--attention some' '--schedule wavy' \
  '--pixels cmyk' '--seed -1' '--threads 0' '--save-every -1' '--sample-every x' '--warmup -1' '--accumulate 0' '--precision f16'
do
  channels='--channels 8,16'
  case $pair in --channels*) channels= ;; esac
  fails "train $pair" 2 "${pair% *}" train pictures -o t $channels $pair
done
for pair in '--batch 0' '--threads 0' '--repeat 0'
do
  fails "bench $pair" 2 "${pair% *}" bench $pair
done

# with VARIABLE=VALUE WORDS: the environment is refused, too
with ()
{
  export "${1?}"
  fails "$1" 2 "$2" info m
  unset "${1%%=*}"
}
with DDPM_CPU=pentium 'it can be .*generic'
with DDPM_CPU=AVX2 'it can be .*generic'
with DDPM_THREADS=0 '1 or more'
with DDPM_THREADS=2x '1 or more'
for level in $("$ddpm" info m | sed -n 's/^kernels *//p') generic
do
  export DDPM_CPU="$level"
  works "DDPM_CPU=$level" info m
  says "DDPM_CPU=$level is used" "^kernels *$level\$"
done
DDPM_CPU=
works 'an empty DDPM_CPU' info m
unset DDPM_CPU

fails 'a picture that would not be PNG' 2 'PNG' sample m -o a.jpg --steps 1
fails 'a folder that does not exist' 1 'does not exist' sample m -o no/where.png --steps 1
: >file
fails 'a file where a folder would have to be' 1 'file' sample m -o file/a.png --steps 1
check 'nothing was written' test ! -e a.png -a ! -e t -a ! -e a.jpg

done_testing
