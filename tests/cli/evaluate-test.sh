#!/bin/sh
# ddpm evaluate: the measures that are asked for by an option. (The bound: objectives-test.sh.)
. "${0%/*}/tap.sh"

mkdir -p pictures/Bricks pictures/Wood
"$make_pictures" pictures pictures/Bricks 7 8 8 3
"$make_pictures" pictures pictures/Wood 5 8 8 3
works 'a model' train pictures -o tiny --size 8 --channels 8,16 --layers 1 --attention none --batch 4 --steps 4 \
  --labels --min-label-pictures 4 --predict v --variance learned --sample-every 0 --held-out 0

# number FILE PATH: PASSES when it is one, above 0
number ()
{
  "$look" json "$1" "$2" | grep -qE '^[0-9]+(\.[0-9]+(e-?[0-9]+)?)?$'
}

# what is told only when it is asked for
works 'evaluate' evaluate tiny pictures --draws 2
for line in flow reconstruct samples
do
  check "$line is not measured by itself" sh -c '! grep -q "^$1" "$2"' sh $line "$out"
done
works 'evaluate everything' evaluate tiny pictures --draws 2 --likelihood --flow-steps 4 --reconstruct 3,6 \
  --samples 4 --steps 3
says 'the bound' '^together  *[0-9.]* bits per dimension, standard error'
says 'the likelihood' '^flow  *[0-9.]* bits per dimension, standard error [0-9.]*, in 4 steps$'
says 'reconstructions' '^reconstruct  *3 steps .* RMS [0-9.]* of 255, a picture'"'"'s median [0-9.]*$'
says 'one for each number of steps' '^  *6 steps of ddim'
says 'samples' '^samples  *4 by .* in 3 steps, against 4 pictures$'
for line in 'SWD x 1000, 8x8' 'SWD x 1000, mean' 'precision' 'recall' 'nearest picture, RMS'
do
  says "a row: $line" "^  *$line  *[0-9.]*  *[0-9.]*$"
done

everything='--no-bound --likelihood --flow-steps 4 --reconstruct 3,6 --samples 4 --steps 3 --sampler ddim --json'
works '--json' evaluate tiny pictures $everything --seed 3 --threads 1
cp "$out" one.json
works '--json on two threads' evaluate tiny pictures $everything --seed 3 --threads 2
check 'says the same' cmp one.json "$out"
works 'another seed' evaluate tiny pictures $everything --seed 4
cp "$out" four.json
for path in flow.bits_per_dimension samples.distances.nearest samples.distances.sliced_wasserstein
do
  check "another $path" test "$("$look" json one.json "\$.$path")" != "$("$look" json four.json "\$.$path")"
done
for path in flow.bits_per_dimension flow.standard_error 'reconstructions[0].rms' 'reconstructions[1].median' \
  samples.distances.sliced_wasserstein 'samples.distances.levels[0].sliced_wasserstein' \
  samples.distances.nearest samples.distances.nearest_within samples.distances_of_other_pictures.nearest
do
  check "a number: $path" number one.json "\$.$path"
done
same 'pictures' "$("$look" json one.json '$.pictures')" 12
same 'steps of the flow' "$("$look" json one.json '$.flow.steps')" 4
same 'steps of a reconstruction' "$("$look" json one.json '$.reconstructions[1].steps')" 6
same 'samples' "$("$look" json one.json '$.samples.count')" 4
same 'their sampler' "$("$look" json one.json '$.samples.sampler')" '"ddim"'
same 'its steps' "$("$look" json one.json '$.samples.steps')" 3
same 'the level' "$("$look" json one.json '$.samples.distances.levels[0].width')" 8
check 'no bound' sh -c '! grep -q l_simple one.json'

# few pictures: nothing to compare with, no standard error
works 'a single picture' evaluate tiny pictures --pictures 1 --no-bound --likelihood --flow-steps 2 --samples 2 \
  --steps 2 --json
same 'has no standard error' "$("$look" json "$out" '$.flow.standard_error')" null
same 'and is all there is' "$("$look" json "$out" '$.samples.reference')" 1
check 'no other pictures' sh -c '! grep -q other_pictures "$1"' sh "$out"
works 'for people' evaluate tiny pictures --pictures 1 --no-bound --likelihood --flow-steps 2 --samples 2 --steps 2
check 'without what is not known' sh -c '! grep -qi nan "$1"' sh "$out"

# stopped by Ctrl-C while samples are made
for delay_us in 300000 1000000 4000000
do
  status=0
  "$stop_at" 2 pictures $delay_us "$ddpm" evaluate tiny pictures --no-bound --samples 1000 --sampler ddpm --steps 1000 \
    --json >"$out" 2>"$err" || status=$?
  grep -q stopping "$err" && break # else it had not yet begun
done
same 'samples stopped by Ctrl-C' "$status" 130
check 'nothing is told' test ! -s "$out"

fails '--flow-steps alone' 2 '--likelihood' evaluate tiny pictures --flow-steps 5
fails '--steps alone' 2 '--samples' evaluate tiny pictures --steps 5
fails '--sampler alone' 2 '--samples' evaluate tiny pictures --sampler ddim
fails '--no-bound alone' 2 'nothing to measure' evaluate tiny pictures --no-bound
fails '--no-bound with draws' 2 '--draws' evaluate tiny pictures --no-bound --samples 3 --draws 3
fails '--no-bound with every step' 2 '--every-step' evaluate tiny pictures --no-bound --samples 3 --every-step
fails 'too few steps' 2 '--flow-steps' evaluate tiny pictures --likelihood --flow-steps 1
for list in 0 3, a 3,-1 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17
do
  fails "--reconstruct $list" 2 '--reconstruct' evaluate tiny pictures --reconstruct $list
done
fails 'no samples' 2 '--samples' evaluate tiny pictures --samples 0
fails 'no such sampler' 2 '--sampler' evaluate tiny pictures --samples 2 --sampler best
for options in '--flow-steps 1001 --likelihood' '--reconstruct 10,1001' '--steps 1001 --samples 2'
do
  fails "${options%% *} beyond the timesteps" 2 "${options%% *}" evaluate tiny pictures $options
done
same 'before anything is measured' "$(wc -l <"$err")" 1

done_testing
