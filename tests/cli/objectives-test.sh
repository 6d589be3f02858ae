#!/bin/sh
# What a network is trained to say, its loss and its variance: trained, resumed, sampled and measured.
. "${0%/*}/tap.sh"

mkdir -p pictures/Bricks pictures/Wood
"$make_pictures" pictures pictures/Bricks 5 8 8 3
"$make_pictures" pictures pictures/Wood 4 8 8 3
tiny='--size 8 --channels 8,16 --layers 1 --attention none --batch 4 --float32'
weights=unet/diffusion_pytorch_model.safetensors

# trained NAME ARG…: a few steps, with a grid of samples and a loss on what is held out
trained ()
{
  name=$1
  shift
  works "train $*" train pictures -o "$name" $tiny --steps 4 --sample-every 2 --held-out 2 "$@"
  check "train $*: a grid of samples" test -s "$name/samples/step-4.png"
  check "train $*: a loss on pictures that are held out" \
    sh -c 'tail -n 1 "$1/train.csv" | grep -qE ",[0-9.e+-]+,[0-9.e+-]+$"' sh "$name"
  works "sample $*" sample "$name" -o "$name.png" -n 2 --steps 3 --sampler ddpm
  same "sample $*: its channels" "$("$look" shape "$name.png")" 18x8x3
}

# scheduler NAME KEY: what its scheduler_config.json says
scheduler ()
{
  "$look" json "$1/scheduler/scheduler_config.json" "\$.$2"
}

for predict in epsilon x0 v mu
do
  for loss in simple vlb min-snr
  do
    trained "$predict-$loss" --predict $predict --loss $loss
  done
  for loss in vlb hybrid
  do
    trained "$predict-$loss-learned" --predict $predict --loss $loss --variance learned
  done
  check "$predict: losses make models of their own" \
    sh -c '! cmp -s "$1-simple/$2" "$1-vlb/$2" && ! cmp -s "$1-simple/$2" "$1-min-snr/$2"' sh $predict $weights
done
trained large --loss vlb --variance fixed-large
check 'variances make models of their own' sh -c "! cmp -s large/$weights epsilon-vlb/$weights"

# what other programs read
same 'epsilon is called' "$(scheduler epsilon-simple prediction_type)" '"epsilon"'
same 'x0 is called' "$(scheduler x0-simple prediction_type)" '"sample"'
same 'v is called' "$(scheduler v-simple prediction_type)" '"v_prediction"'
same 'mu, which they do not know, is called' "$(scheduler mu-simple prediction_type)" '"mu"'
same 'the small variance' "$(scheduler v-simple variance_type)" '"fixed_small"'
same 'the large variance' "$(scheduler large variance_type)" '"fixed_large"'
same 'the learned variance' "$(scheduler v-hybrid-learned variance_type)" '"learned_range"'
same 'twice the channels for it' "$("$look" json v-hybrid-learned/unet/config.json '$.out_channels')" 6
run info mu-simple
says 'info tells what is predicted' '^predicts  *mu, variance fixed_small; only this program'
run info v-hybrid-learned
says 'info tells of the variance' '^predicts  *v_prediction, variance learned_range$'

run train pictures -o nothing $tiny --dry-run --predict v --variance learned
says 'train tells it by its own words' '^learns  *to say v, variance learned; loss hybrid$'
run train pictures -o nothing $tiny --dry-run --predict x0
says 'and others' '^learns  *to say x0, variance fixed-small; loss simple$'

# with everything else
works 'learned variance, labels, recomputed' train pictures -o all $tiny --steps 4 --sample-every 4 --variance learned \
  --labels --min-label-pictures 2 --tileable --recompute --dropout 0.1
works 'sample it with guidance' sample all -o all.png --label Wood --guidance 2 --steps 2 --sampler ddpm
works 'vary with it' vary all all.png -o varied.png --steps 2
works 'and with ddim' sample all -o all.png --steps 2 --sampler ddim

# hybrid is the default with a learned variance
works 'a learned variance alone' train pictures -o learned $tiny --steps 6 --sample-every 0 --variance learned
same 'its loss' "$("$look" json learned/training/options.json '$.options.loss')" '"hybrid"'
works 'the same on one thread' train pictures -o single $tiny --steps 6 --sample-every 0 --variance learned --threads 1
check 'makes the same bytes' cmp learned/$weights single/$weights

# exactly resumed
for kind in '--predict v --variance learned' '--predict mu --loss min-snr'
do
  rm -rf whole part
  works "$kind: a whole run" train pictures -o whole $tiny --steps 6 --sample-every 0 $kind
  works "$kind: a part of it" train pictures -o part $tiny --steps 3 --sample-every 0 $kind
  works "$kind: resumed" train -o part --resume --steps 6
  check "$kind: the same weights" cmp whole/$weights part/$weights
  check "$kind: the same state" cmp whole/training/state.safetensors part/training/state.safetensors
done
fails 'resumed with another prediction' 2 '--predict' train -o part --resume --predict v
fails 'resumed with another variance' 2 '--variance' train -o part --resume --variance learned
fails 'resumed with another loss' 2 '--loss' train -o part --resume --loss vlb

# from a model that learned its variance
works 'on from a learned variance' train pictures -o further --from learned --steps 2 --batch 4 --sample-every 0
same 'still learned' "$(scheduler further variance_type)" '"learned_range"'
fails 'from a model with another prediction' 2 '--predict' train pictures -o x --from learned --predict v
fails 'from a model with another variance' 2 '--variance' train pictures -o x --from learned --variance fixed-small
fails 'from it with a loss that leaves the variance' 2 '--loss simple' train pictures -o x --from learned --loss simple
cp -R learned torn
sed -i 's/learned_range/fixed_small/' torn/scheduler/scheduler_config.json
fails 'from channels and variance that do not go together' 1 '6, which does not go' train pictures -o x --from torn
fails 'sample them' 1 '6 out' sample torn -o x.png

# what makes no sense
fails 'hybrid with a fixed variance' 2 '--variance learned' train pictures -o x $tiny --loss hybrid
fails 'simple with a learned one' 2 'untrained' train pictures -o x $tiny --loss simple --variance learned
fails 'min-snr with a learned one' 2 'untrained' train pictures -o x $tiny --loss min-snr --variance learned
for pair in '--predict noise' '--loss mse' '--variance large'
do
  fails "train $pair" 2 "${pair% *}" train pictures -o x $tiny $pair
done
check 'nothing was written' test ! -e x

# measured
n_files=$(find pictures v-hybrid-learned | wc -l)
works 'evaluate' evaluate v-hybrid-learned pictures
says 'it tells what it measured' '^pictures  *9, 8x8 pixels, 3 channels$'
for line in 'L_simple' 'L_T' 'L_(t-1)' 'L_0' 'together'
do
  says "it tells $line" "^$line  *[0-9]"
done
works 'evaluate --json' evaluate v-hybrid-learned pictures --json --seed 3 --threads 1
cp "$out" one.json
works 'evaluate --json on two threads' evaluate v-hybrid-learned pictures --json --seed 3 --threads 2
check 'says the same' cmp one.json "$out"
same 'pictures' "$("$look" json one.json '$.pictures')" 9
same 'timesteps' "$("$look" json one.json '$.timesteps')" 1000
same 'draws' "$("$look" json one.json '$.draws')" 20
for key in l_simple l_T_bits l_between_bits l_0_bits bits_per_dimension standard_error
do
  check "a number: $key" sh -c 'echo "$1" | grep -qE "^[0-9]+\.[0-9e-]+$"' sh "$("$look" json one.json "\$.$key")"
done
works 'another seed' evaluate v-hybrid-learned pictures --json --seed 4
check 'another estimate' sh -c "! cmp -s one.json '$out'"
works 'every step of few pictures' evaluate mu-simple pictures --json --every-step --pictures 2
cp "$out" every.json
same 'so many' "$("$look" json every.json '$.pictures')" 2
same 'all timesteps' "$("$look" json every.json '$.draws')" 999
works 'what was held out' evaluate epsilon-simple pictures --held-out 2 --draws 2 --json
cp "$out" held.json
check 'is a part' test "$("$look" json held.json '$.pictures')" -lt 9
works 'with labels' evaluate all pictures --draws 2 --json
cp "$out" labels.json
same 'of folders' "$("$look" json labels.json '$.labelled')" 9
works 'without them' evaluate all pictures --draws 2 --no-labels
check 'which is another thing' sh -c '! grep -q label "$1"' sh "$out"
works 'parts of another size' evaluate all pictures --draws 2 --size 4 --crop 6

# stopped by Ctrl-C: the status of that signal, and a sentence, and nothing half told
for delay_us in 300000 3000000 15000000
do
  status=0
  "$stop_at" 2 pictures $delay_us "$ddpm" evaluate v-hybrid-learned pictures --draws 1000000 --json >"$out" 2>"$err" \
    || status=$?
  grep -q stopping "$err" && break # else it had not yet begun
done
same 'evaluate stopped by Ctrl-C' "$status" 130
same 'says so, once' "$(grep -c '^stopping; nothing is told' "$err")" 1
check 'tells nothing of what it measured' test ! -s "$out"
check 'leaves no file behind' sh -c 'test "$(find pictures v-hybrid-learned | wc -l)" -eq "$1"' sh "$n_files"

fails 'evaluate without pictures' 2 'FOLDER is missing' evaluate all
fails 'evaluate where nothing is' 1 'nowhere' evaluate all nowhere
fails 'evaluate with draws of every step' 2 '--every-step' evaluate all pictures --every-step --draws 3
fails 'evaluate --draws 0' 2 '--draws' evaluate all pictures --draws 0
fails 'a size the network cannot halve' 2 '7x7' evaluate all pictures --size 7

done_testing
