#!/bin/sh
# ddpm sample, vary and interpolate on real files: names, shapes, seeds, order.
. "${0%/*}/tap.sh"

"$make_pictures" model rgb 3 8 8 8 16
"$make_pictures" model rgba 4 8 16 8 16
mkdir in
"$make_pictures" pictures in 2 20 12 3

# sample
works 'one picture' sample rgb -o one.png --steps 3
says 'it says where the picture is' 'one.png'
same 'its shape is the model'"'"'s' "$("$look" shape one.png)" 8x8x3
"$look" text one.png >text.json
same 'its text chunk is JSON and has the seed' "$("$look" json text.json '$.seed')" 0
same 'its text chunk names the steps' "$("$look" json text.json '$.steps')" 3
works 'another size' sample rgb -o wide.png --steps 3 --size 12x4
same 'its shape is as asked' "$("$look" shape wide.png)" 12x4x3

for sizing in auto direct windows fit
do
  works "an odd size: $sizing" sample rgb -o odd.png --steps 2 --size 13x31 --sizing $sizing --seamless x
  same 'its shape is as asked' "$("$look" shape odd.png)" 13x31x3
  "$look" text odd.png >text.json
  same 'its text chunk has the axes' "$("$look" json text.json '$.seamless')" '"x"'
done
same 'its text chunk has the sizing' "$("$look" json text.json '$.sizing')" '"fit"'
works 'a tiny size' sample rgb -o dot.png --steps 2 --size 1
same 'is one pixel' "$("$look" shape dot.png)" 1x1x3
works 'a folder' sample rgb -o many -n 3 --seed 7 --steps 3
same 'its files' "$(ls many | tr '\n' ' ')" 'seed-7-0001.png seed-7-0002.png seed-7-0003.png '
works 'a folder for one picture' sample rgb -o deep/single --seed 7 --steps 3
same 'picture 1 alone is picture 1 of three' "$("$look" differ deep/single/seed-7-0001.png many/seed-7-0001.png)" 0
check 'pictures of a call differ' test "$("$look" differ many/seed-7-0001.png many/seed-7-0002.png)" -gt 0
works 'several in one file' sample rgb -o grid.png -n 3 --columns 3 --seed 7 --steps 3
same 'they stand side by side' "$("$look" shape grid.png)" 28x8x3
works 'a grid into a folder' sample rgb -o many -n 3 --seed 7 --steps 3 --grid
check 'has its name' test -f many/seed-7-grid.png

works '1 thread' sample rgb -o t1.png -n 3 --seed 5 --steps 4 --threads 1
works '2 threads' sample rgb -o t2.png -n 3 --seed 5 --steps 4 --threads 2
check 'give the same bytes' cmp t1.png t2.png
works 'another seed' sample rgb -o t3.png -n 3 --seed 6 --steps 4
check 'gives another picture' sh -c '! cmp -s t1.png t3.png'
works 'sampler ddpm' sample rgb -o ddpm.png --steps 5 --sampler ddpm
works 'ddim with noise' sample rgb -o eta.png --steps 5 --sampler ddim --eta 1
works 'ddim without' sample rgb -o ddim.png --steps 5 --sampler ddim
check 'eta changes the picture' test "$("$look" differ eta.png ddim.png)" -gt 0
works 'euler' sample rgb -o euler.png --steps 5 --sampler euler
works 'euler by another spacing' sample rgb -o trailing.png --steps 5 --sampler euler --spacing trailing
works 'with noise levels of its own' sample rgb -o karras.png --steps 5 --sampler euler --sigmas karras
check 'spacing changes the picture' test "$("$look" differ euler.png trailing.png)" -gt 0
check 'noise levels change it' test "$("$look" differ euler.png karras.png)" -gt 0
works 'a number of steps that begin in the middle' sample rgb -o late.png --steps 600 --sampler ddim --spacing leading
check 'is told' grep -q 'begin at timestep 599, .*--spacing trailing' "$err"
works 'one that begins at the end' sample rgb -o end.png --steps 600 --sampler ddim --spacing trailing
check 'is not' sh -c '! grep -q "begin at timestep" "$1"' sh "$err"
works 'what it does by itself' sample rgb -o named.png --steps 5 --sampler euler --spacing linspace --sigmas plain
same 'is no change' "$("$look" differ euler.png named.png)" 0
"$look" text karras.png >text.json
same 'the text chunk has what was asked for' "$("$look" json text.json '$.sigmas')" '"karras"'
same 'and not what was not' "$("$look" json text.json '$.spacing')" ''
fails 'noise levels that ddim does not know' 2 'ddim knows .* not karras' sample rgb -o x.png --sampler ddim --sigmas karras
fails 'two ways to the same timesteps' 2 'leave the spacing out' sample rgb -o x.png --sampler unipc --sigmas karras \
  --spacing leading
works 'an alpha model' sample rgba -o alpha.png --steps 3
same 'gives RGBA' "$("$look" shape alpha.png)" 8x16x4

# vary
works 'vary with strength 0' vary rgb in/picture-00.png -o same.png --strength 0
same 'returns the picture' "$("$look" differ same.png in/picture-00.png)" 0
works 'vary' vary rgb in/picture-00.png -o varied -n 2 --strength 60 --seed 3 --steps 10
same 'makes as many as asked' "$(ls varied | tr '\n' ' ')" 'seed-3-0001.png seed-3-0002.png '
same 'at the size of the picture' "$("$look" shape varied/seed-3-0001.png)" 20x12x3
check 'and another picture' test "$("$look" differ varied/seed-3-0001.png in/picture-00.png)" -gt 0
works 'vary slightly' vary rgb in/picture-00.png -o slight --strength 1 --seed 3 --steps 500
works 'vary greatly' vary rgb in/picture-00.png -o great --strength 100 --seed 3 --steps 10
check 'more strength leads further away' test "$("$look" differ slight/seed-3-0001.png in/picture-00.png)" -lt \
  "$("$look" differ great/seed-3-0001.png in/picture-00.png)"

# interpolate
a=in/picture-00.png b=in/picture-01.png
works 'interpolate' interpolate rgb $a $b -o between -n 3 --seed 2 --steps 10
same 'makes as many as asked' "$(ls between | tr '\n' ' ')" 'seed-2-0001.png seed-2-0002.png seed-2-0003.png '
works 'interpolate into one file' interpolate rgb $a $b -o strip.png -n 3 --steps 5
same 'makes a strip' "$("$look" shape strip.png)" 64x12x3
works 'fade' interpolate rgb $a $b -o fade -n 9 --strength 0
check 'the first is nearest to the first picture' test "$("$look" differ fade/seed-0-0001.png $a)" -lt \
  "$("$look" differ fade/seed-0-0009.png $a)"
check 'the last is nearest to the second picture' test "$("$look" differ fade/seed-0-0009.png $b)" -lt \
  "$("$look" differ fade/seed-0-0001.png $b)"
check 'neither end is repeated' test "$("$look" differ fade/seed-0-0001.png $a)" -gt 0
"$look" text between/seed-2-0001.png >text.json
same 'the text chunk has the place between the two' "$("$look" json text.json '$.lambda')" 0.25

# Ctrl-C keeps what is finished; a hundred thousand steps are more than there is time for
status=0
"$stop_at" 2 rgb 500000 "$ddpm" sample rgb -o stopped -n 1000 --steps 100 --batch 1 >"$out" 2>"$err" || status=$?
same 'a stopped call has its exit status' "$status" 130
n_pictures=$(find stopped -name '*.png' | wc -l)
check 'it says how many pictures it wrote' grep -q "^ddpm: stopped; $((n_pictures)) picture" "$err"
if [ "$n_pictures" -gt 0 ]
then
  works 'the first of them alone' sample rgb -o alone --steps 100
  same 'is the same picture' "$("$look" differ alone/seed-0-0001.png stopped/seed-0-0001.png)" 0
else
  skip 'the first of them alone' 'none was finished'
  skip 'is the same picture' 'none was finished'
fi

# bf16: nearly the same pictures where the processor has it, else one sentence
works 'f32 by name' sample rgb -o f32.png --steps 3 --precision f32
if "$ddpm" info rgb | grep -q bf16
then
  works 'bf16' sample rgb -o bf16.png --steps 3 --precision bf16
  check 'bf16 gives nearly the same picture' test "$("$look" differ f32.png bf16.png)" -le 32
else
  fails 'bf16 without its instructions' 1 'precision f32' sample rgb -o bf16.png --steps 3 --precision bf16
  check 'nothing was written in bf16' test ! -e bf16.png
fi

# unreadable pictures
echo 'not a picture' >words.png
head -c 60 $a >cut.png
fails 'vary a text file' 1 'words.png' vary rgb words.png -o x.png
fails 'vary a truncated picture' 1 'cut.png' vary rgb cut.png -o x.png
fails 'vary a missing picture' 1 'gone.png' vary rgb gone.png -o x.png
fails 'interpolate with a truncated picture' 1 'cut.png' interpolate rgb $a cut.png -o x.png
check 'nothing was written' test ! -e x.png

done_testing
