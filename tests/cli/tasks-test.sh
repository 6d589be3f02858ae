#!/bin/sh
# ddpm fill and progressive, and the finer ways of sample, vary and interpolate, on real files.
. "${0%/*}/tap.sh"

"$make_pictures" model rgb 3 8 8 8 16
"$make_pictures" model rgba 4 8 8 8 16
mkdir in cut
"$make_pictures" pictures in 2 20 12 3
"$make_pictures" pictures cut 1 20 12 4
"$make_pictures" mask mask.png 20 12 4 5 3
"$make_pictures" mask empty.png 20 12 0 0 0
"$make_pictures" mask all.png 20 12 0 0 20
"$make_pictures" mask small.png 8 8 0 0 4
a=in/picture-00.png b=in/picture-01.png c=cut/picture-00.png

# fill
works 'fill' fill rgb $a --mask mask.png -o fill.png --steps 4 --resamplings 2
same 'at the size of the picture' "$("$look" shape fill.png)" 20x12x3
same 'what is black in the mask stays' "$("$look" differ fill.png $a mask.png)" 0
check 'what is white does not' test "$("$look" differ fill.png $a)" -gt 0
"$look" text fill.png >text.json
same 'its text chunk names the task' "$("$look" json text.json '$.task')" '"fill"'
same 'its text chunk has the resamplings' "$("$look" json text.json '$.resamplings')" 2
works 'several fills' fill rgb $a --mask mask.png -o fills -n 2 --steps 4 --resamplings 2
same 'the first is the one alone' "$("$look" differ fills/seed-0-0001.png fill.png)" 0
check 'the second is another' test "$("$look" differ fills/seed-0-0002.png fill.png)" -gt 0
works 'fill all of it' fill rgb $a --mask all.png -o whole.png --steps 4
works 'a model with alpha' fill rgba $a --mask mask.png -o holes.png --steps 4
same 'gives alpha to the picture' "$("$look" shape holes.png)" 20x12x4
works 'fill what is transparent' fill rgb $c -o opaque.png --steps 4
check 'something was' test "$("$look" transparent $c)" -gt 0
same 'nothing is any longer' "$("$look" transparent opaque.png)" 0
works 'fill a part of it' fill rgb $c --mask mask.png -o part.png --steps 4
same 'its alpha stays' "$("$look" transparent part.png)" "$("$look" transparent $c)"
fails 'an empty mask' 2 'mask is empty' fill rgb $a --mask empty.png -o x.png --steps 4
fails 'a mask of another size' 2 '8 x 8 .* 20 x 12' fill rgb $a --mask small.png -o x.png --steps 4
fails 'nothing transparent' 2 'transparent' fill rgb $a -o x.png --steps 4
fails 'a mask that is missing' 1 'gone.png' fill rgb $a --mask gone.png -o x.png
fails 'no resamplings' 2 'resamplings' fill rgb $a --mask mask.png -o x.png --resamplings 0
fails 'fill without a picture' 2 'PICTURE is missing' fill rgb -o x.png
check 'nothing was written' test ! -e x.png

# what the steps are, in each of them
a_way='--steps 4 --sampler heun --spacing trailing --sigmas karras'
works 'vary by another spacing' vary rgb $a -o way.png $a_way
works 'interpolate' interpolate rgb $a $b -o way.png $a_way --method latent
works 'fill' fill rgb $a --mask mask.png -o way.png $a_way
works 'progressive' progressive rgb -o way.png -n 3 $a_way
"$look" text way.png >text.json
same 'its text chunk has the spacing' "$("$look" json text.json '$.spacing')" '"trailing"'
fails 'interpolate with what cannot be' 2 'ddim knows' interpolate rgb $a $b -o x.png --method latent --sampler ddim \
  --sigmas karras

# progressive
works 'progressive' progressive rgb -o steps -n 3 --steps 5 --seed 4
same 'makes as many as asked' "$(ls steps | tr '\n' ' ')" 'seed-4-0001.png seed-4-0002.png seed-4-0003.png '
works 'the picture alone' sample rgb -o alone.png --steps 5 --seed 4
same 'is the last one' "$("$look" differ alone.png steps/seed-4-0003.png)" 0
check 'the first is another' test "$("$look" differ alone.png steps/seed-4-0001.png)" -gt 0
"$look" text steps/seed-4-0001.png >text.json
same 'its text chunk has the timestep' "$("$look" json text.json '$.timestep')" 800
fails 'more estimates than steps' 2 '5 steps' progressive rgb -o x.png -n 6 --steps 5

# a ladder
works 'a ladder' vary rgb $a -o ladder -n 3 --strength 0 --ladder-to 80 --steps 10
same 'begins with the picture' "$("$look" differ ladder/seed-0-0001.png $a)" 0
check 'and leads away from it' test "$("$look" differ ladder/seed-0-0003.png $a)" -gt 0
"$look" text ladder/seed-0-0002.png >text.json
same 'each has its own strength' "$("$look" json text.json "$['own-strength']")" 0.40000000000000002
fails 'a ladder beyond all' 2 'ladder-to' vary rgb $a -o x.png --ladder-to 101

# shared noise
works 'shared noise' sample rgb -o shared -n 2 --sampler ddpm --steps 10 --shared 0
same 'all of it makes one picture' "$("$look" differ shared/seed-0-0001.png shared/seed-0-0002.png)" 0
works 'a part of it' sample rgb -o part -n 2 --sampler ddpm --steps 10 --shared 50
check 'makes two' test "$("$look" differ part/seed-0-0001.png part/seed-0-0002.png)" -gt 0
fails 'without noise there is none to share' 2 'adds none' sample rgb -o x.png --sampler ddim --shared 50
fails 'more than all' 2 'shared' sample rgb -o x.png --shared 101

# latents
works 'latents' interpolate rgb $a $b -o latent -n 3 --method latent --strength 20 --steps 50
check 'it says how far they lead back' grep -q 'comes back .* of 255' "$err"
"$look" text latent/seed-0-0001.png >text.json
same 'its text chunk names the method' "$("$look" json text.json '$.method')" '"latent"'
check 'and how far they lead back' test -n "$("$look" json text.json "$['inversion-error'][1]")"
fails 'an unknown method' 2 'noise, latent' interpolate rgb $a $b -o x.png --method magic
fails 'latents take no noise' 2 'ddpm' interpolate rgb $a $b -o x.png --method latent --sampler ddpm
check 'nothing was written' test ! -e x.png

done_testing
