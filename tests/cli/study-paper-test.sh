#!/bin/sh
# ddpm study langevin, rate and objective: the papers' experiments, on a tiny network and tiny pictures.
. "${0%/*}/tap.sh"

mkdir pictures
"$make_pictures" model m 3 8 8 8 16
"$make_pictures" pictures pictures 6 16 16 3

# value PATH: of the JSON that the last command printed
value ()
{
  "$look" json "$out" "$1"
}

# ---- langevin ----

works 'langevin' study langevin m --levels 6 --repeats 2 -n 3
says 'it tells how' '^langevin *6 noise levels, 2 steps of size 0.3 at each, and a last one'
says 'it tells the evaluations' '^langevin *13$'
says 'as many of ancestral sampling' '^ddpm *13$'
works 'langevin, with a folder and a picture' \
  study langevin m pictures --levels 4 --repeats 2 -n 4 --no-denoising --seed 3 --threads 1 -o sheet.png --json
same 'evaluations without the last step' "$(value '$.langevin.evaluations')" 8
same 'of both' "$(value '$.ddpm.evaluations')" 8
same 'pictures that it is compared with' "$(value '$.compared')" 6
check 'a distance' sh -c 'test "$("$1" json "$2" "\$.langevin.sliced_wasserstein")" != null' sh "$look" "$out"
same 'both halves of the sheet, of four 8x8 pictures each' "$("$look" shape sheet.png)" 44x18x3
cp "$out" first.json
cp sheet.png first.png
works 'the same on two threads' \
  study langevin m pictures --levels 4 --repeats 2 -n 4 --no-denoising --seed 3 --threads 2 -o sheet.png --json
check 'says the same' cmp first.json "$out"
check 'draws the same' cmp first.png sheet.png
works 'with another step size' study langevin m --levels 4 --repeats 2 -n 4 --no-denoising --seed 3 --step-size 1 -o sheet.png
check 'draws others' sh -c '! cmp -s first.png sheet.png'
works 'ancestral sampling has T evaluations at most' study langevin m --levels 4 --repeats 251 -n 1
says 'which it tells' '^ddpm *1000$'

fails 'langevin without a model' 2 'MODEL is missing' study langevin
fails 'langevin with no such model' 1 'no-such' study langevin no-such
fails 'too many levels' 2 'takes 1 to 1000' study langevin m --levels 1001
for pair in '--levels 0' '--repeats 0' '--repeats 10001' '--step-size 0' '--step-size 4' '--step-size x' '-n 0' '--seed -1'
do
  fails "langevin $pair" 2 "${pair% *}" study langevin m $pair
done
fails 'langevin with a label that the model has not' 2 'label' study langevin m --label Cat
fails 'a sheet that is no PNG' 2 'ends in .png' study langevin m -o sheet.svg
fails 'a sheet in no folder' 1 'does not exist' study langevin m -o no/sheet.png
fails 'langevin with no such folder' 1 'no-pictures' study langevin m no-pictures

mkdir -p kinds/Bricks kinds/Wood
"$make_pictures" pictures kinds/Bricks 3 8 8 3
"$make_pictures" pictures kinds/Wood 3 8 8 3
works 'a model with labels' train kinds -o labelled --size 8 --channels 8,16 --layers 1 --attention none --batch 4 --steps 2 \
  --sample-every 0 --labels --min-label-pictures 2
for label in any none Wood
do
  works "langevin of $label" study langevin labelled --levels 3 --repeats 2 -n 3 --label $label -o "$label.png"
done
works 'langevin of no label in particular' study langevin labelled --levels 3 --repeats 2 -n 3 -o default.png
check 'is of any' cmp default.png any.png
check 'others differ' sh -c '! cmp -s any.png none.png && ! cmp -s none.png Wood.png'

# ---- rate ----

works 'rate' study rate m pictures --points 5 --draws 7
same 'rate: its points, and the picture itself' "$(grep -cE '^ +([0-9]+|x_0) ' "$out")" 6
says 'the first point' '^ *999 *1 '
says 'the last point' '^ *0 *1000 '
works 'rate, drawn' study rate m pictures --points 5 --draws 7 --threads 1 --seed 4 --json -o rate.svg
same 'rate: timesteps' "$(value '$.points[0].t') $(value '$.points[2].t') $(value '$.points[4].t')" '999 500 0'
check 'the curves' grep -q 'distortion by rate' rate.svg
cp "$out" rate.json
# what was sent only grows, up to the whole bound of ddpm evaluate
check 'rate: more and more is sent' sh -c '"$1" json rate.json "$.points[0].rate" >a
  "$1" json rate.json "$.points[2].rate" >b; "$1" json rate.json "$.points[4].rate" >c
  "$1" json rate.json "$.bits_per_dimension" >d; cat a b c d | sort -gc' sh "$look"
works 'rate on two threads' study rate m pictures --points 5 --draws 7 --threads 2 --seed 4 --json -o rate2.svg
check 'says the same' cmp rate.json "$out"
check 'draws the same' cmp rate.svg rate2.svg
total=$(value '$.bits_per_dimension')
works 'evaluate' evaluate m pictures --draws 7 --seed 4 --json
same 'the whole bound is that of evaluate' "$(value '$.bits_per_dimension')" "$total"
works 'rate at every step, of one picture' study rate m pictures --pictures 1 --every-step --points 3

fails 'rate without a folder' 2 'FOLDER is missing' study rate m
fails 'rate with no such model' 1 'no-such' study rate no-such pictures
fails 'rate with no such folder' 1 'no-such' study rate m no-such
fails 'rate at every step and at some' 2 'every-step' study rate m pictures --every-step --draws 3
for pair in '--points 1' '--points 102' '--draws 0' '--pictures 0' '--held-out x' '--seed -1' '--threads 0'
do
  fails "rate $pair" 2 "${pair% *}" study rate m pictures $pair
done
fails 'a drawing of the rate that is none' 2 'svg' study rate m pictures -o rate.txt

# ---- objective ----

small='--size 8 --channels 8,16 --batch 4 --steps 6 --points 2 --held-out 2 --samples 3 --sampler-steps 5'
mkdir tmp some
"$make_pictures" pictures some 12 8 8 3
TMPDIR=$work/tmp
export TMPDIR
works 'objective' study objective some $small
same 'objective: a line for each training' "$(grep -cE '^(mu|epsilon|x0|v) ' "$out")" 16
says 'with what was trained' '^epsilon *learned *hybrid *[0-9.]* '
check 'it tells how long it takes' grep -q '^16 trainings and their measurements take about' "$err"
same 'objective leaves nothing behind' "$(ls tmp)" ''
works 'objective, some of it, kept and drawn' \
  study objective some $small --predict v,epsilon --loss vlb,hybrid --keep kept -o bound.svg --threads 1 --json
same 'its first training' "$(value '$.trainings[0].predict') $(value '$.trainings[0].loss')" '"epsilon" "vlb"'
same 'its last' "$(value '$.trainings[3].predict') $(value '$.trainings[3].loss')" '"v" "hybrid"'
same 'when they were measured' "$(value '$.trainings[0].step[0]') $(value '$.trainings[0].step[1]')" '3.0 6.0'
check 'the curves' grep -q 'L_hybrid, variance learned' bound.svg
works 'a model that was kept' sample kept/v-hybrid -o v.png --steps 3
works 'the same on two threads' \
  study objective some $small --predict v,epsilon --loss vlb,hybrid --keep again -o bound2.svg --threads 2 --json
check 'draws the same' cmp bound.svg bound2.svg
check 'makes the same' cmp kept/v-hybrid/unet/diffusion_pytorch_model.safetensors \
  again/v-hybrid/unet/diffusion_pytorch_model.safetensors

fails 'objective without a folder' 2 'FOLDER is missing' study objective
fails 'objective of no such folder' 1 'no-such' study objective no-such
fails 'nothing held out' 2 '--held-out 1000000' study objective some $small --held-out 1000000
fails 'what is kept is not overwritten' 2 'there already' study objective some $small --keep kept
fails 'what cannot be kept leaves no folder' 2 '--held-out' study objective some $small --held-out 1000000 --keep none
check 'none at all' test ! -e none
for pair in '--predict noise' '--predict mu,,v' '--loss hybrid,l2' '--points 0' '--points 21' '--steps 0' '--held-out 0' \
  '--samples 0' '--sampler-steps 1001' '--size 0' '--channels x' '--pictures 0'
do
  fails "objective $pair" 2 "${pair% *}" study objective some $pair
done
fails 'a size that the network cannot halve' 2 '7x7' study objective some $small --size 7
fails 'a drawing that is none' 2 'svg' study objective some $small -o bound.txt

# Ctrl-C
"$ddpm" study objective some $small --steps 100000 >"$out" 2>"$err" &
pid=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30
do
  ls tmp/*/mu-simple/train.csv >/dev/null 2>&1 && break
  sleep 0.3
done
check 'objective trains in a folder of its own' test -d tmp/ddpm-objective-*/mu-simple
kill -INT $pid
status=0
wait $pid || status=$?
same 'Ctrl-C ends it' "$status" 130
same 'and leaves nothing behind' "$(ls tmp)" ''

done_testing
