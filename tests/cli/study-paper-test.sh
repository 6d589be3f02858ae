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

done_testing
