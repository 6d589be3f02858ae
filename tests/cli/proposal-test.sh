#!/bin/sh
# What ddpm train tells and proposes before it begins, and what it takes back when it is told.
. "${0%/*}/tap.sh"

# tell NAME FOLDER ARG…: a dry run with the network of a moment
tell ()
{
  name=$1 folder=$2
  shift 2
  works "$name" train "$folder" -o nothing --dry-run --channels 8,16 --layers 1 --attention none "$@"
}

mkdir -p few photographs mixed many/Bricks many/Wood
"$make_pictures" pictures few 5 8 8 4
for photograph in one two three
do
  "$make_pictures" jpeg photographs/$photograph.jpg 1200 1000
done
"$make_pictures" pictures many/Bricks 22 8 8 3
"$make_pictures" pictures many/Wood 23 8 8 3
"$make_pictures" pictures mixed 3 16 16 3
"$make_pictures" pictures many 2 8 8 1
mkdir mixed/a mixed/b mixed/c mixed/d
"$make_pictures" pictures mixed/a 2 8 12 1
"$make_pictures" pictures mixed/b 1 20 10 4
"$make_pictures" pictures mixed/c 1 30 10 4
"$make_pictures" pictures mixed/d 1 4 4 3
echo 'some words' >mixed/notes.txt

# few pictures
tell 'five pictures' few
says 'it counts them, with size and channels' '^pictures  *5 of 8x8 pixels; RGBA$'
says 'they are mirrored' 'mirrored left to right .*--no-flip'
says 'it says what to expect' '^expect .* 5 pictures are few'
says 'all in one line' '^in short  *8x8, 0\.0[0-9] M parameters, .*, about .* for [0-9,]* steps'
tell 'five pictures that are not to be mirrored' few --no-flip
says_not 'they are not' 'mirrored'
tell 'five pictures that are to be mirrored' few --flip
says 'it gives no reason' 'at random mirrored left to right$'
tell 'pictures seen in many ways' few --flip --flip-vertical --rotate --rotate-degrees 5 --scale-jitter 0.1 --colour-jitter 0.2
says 'it names them all' 'at random mirrored left to right, mirrored upside down, turned by quarters, turned by up to 5 degrees, scaled, coloured'
fails 'both at once' 2 '--no-flip' train few -o nothing --flip --no-flip

# photographs
tell 'three photographs' photographs
says 'with their size' '^pictures  *3 of 1200x1000 pixels; RGB$'
says 'square ones' '^size  *64x64 pixels'
says 'parts of them' 'parts at random places, of pictures scaled down to 256 '
says 'and why' 'a few large photographs: with --crop 0 '
tell 'three photographs as a whole' photographs --crop 0
says_not 'no parts' 'parts at random'
tell 'three photographs at a size' photographs --size 32
says 'parts of that' 'scaled down to 128 '

# more photographs: squares of the usual size, as the model will make them
mkdir landscapes
"$make_pictures" pictures landscapes 40 192 128 3
tell 'forty photographs' landscapes
says 'square ones, too' '^size  *64x64 pixels'
says 'as large as they can be' 'parts at random places, of pictures scaled down to 64 '
says 'and why' 'most are not square: with --crop 0 '
tell 'forty photographs as a whole' landscapes --crop 0
says 'in their own proportions' '^size  *64x44 pixels'
tell 'forty textures' landscapes --tileable
says 'which are never cut' '^size  *64x44 pixels'

# sizes, channels, what is wrong with them
tell 'pictures of several sizes' mixed --size 8
says 'the most frequent ones' '^pictures  *8 of 16x16 (3), 8x12 (2), .* and 1 more size; 2 grey, 4 RGB, 2 RGBA'
says 'too small ones' '1 too small'
says 'and what is no picture' 'notes.txt: .'

# more pictures: nothing is switched on by itself, but labels are offered
tell 'many pictures' many
says_not 'they are not mirrored' 'mirrored'
says_not 'nothing is expected' '^expect'
says 'labels' '^hint  *--labels .* Bricks, Wood$'
tell 'many pictures with labels' many --labels
says_not 'they are not offered again' '^hint  *--labels'

# steps
tell 'so many steps' few --steps 40000
says 'as they are given' '^training  *40,000 steps of 32 pictures'
tell 'so many hours' few --hours 0.01
says 'steps for them' '^training  *[0-9,]* steps'
fails 'both steps and hours' 2 '--hours cannot be given with --steps' train few -o nothing --steps 5 --hours 1
fails 'no time at all' 2 '--hours' train few -o nothing --hours 0

# from models of other channels and another size
"$make_pictures" model rgb 3 8 8 8 16
works 'an RGB model for pictures with transparency' train few -o nothing --dry-run --from rgb
says 'which model' '^from  *rgb, of 8x8 pixels and 3 channels$'
says 'a channel is added' 'a channel for transparency is added'
works 'an RGBA model' train few -o second --from rgb --steps 2 --batch 2 --sample-every 0
run info second --json && cp "$out" info.json
same 'has four channels' "$("$look" json info.json '$.unet.in_channels')" 4
works 'it goes on' train -o second --resume --steps 3
works 'it makes pictures' sample second -o pictures.png --steps 2
same 'with alpha' "$("$look" shape pictures.png)" 8x8x4
works 'a model at another size' train many -o nothing --dry-run --from rgb --size 16
says 'what becomes of it' 'used at another size'
works 'without its transparency' train few -o nothing --dry-run --from second --pixels rgb
says 'which is left out' 'transparency is left out'
works 'grey' train few -o nothing --dry-run --from second --pixels grey
says 'one grey' 'colours become one grey'
works 'a model with transparency for pictures without' train many -o nothing --dry-run --from second
says 'how to do without' '--pixels rgb would leave'

check 'a dry run writes nothing' test ! -e nothing
done_testing
