#!/bin/sh
# The same training, whether its pictures are all in memory, in a file, or decoded again each time; also where one
# cannot be read, and where a run is resumed another way than it began.
. "${0%/*}/tap.sh"

XDG_CACHE_HOME=$work/cache
export XDG_CACHE_HOME
# 15 of 96 x 64 pixels and 66 of 85 x 64, in three channels, are 1.4 MB
mkdir -p pictures/a pictures/b
"$make_pictures" pictures pictures/a 15 384 256 3
"$make_pictures" pictures pictures/b 65 160 120 3
"$make_pictures" jpeg pictures/photo.jpg 640 480
options='--size 8 --crop 64 --channels 8,16 --layers 1 --attention none --batch 6 --steps 24 --sample-every 0 --float32
  --held-out 10 --flip --rotate-degrees 10 --scale-jitter 0.2 --colour-jitter 0.2'
weights=unet/diffusion_pytorch_model.safetensors
state=training/state.safetensors

# alike WHAT FOLDER: it has the bytes of the first run
alike ()
{
  check "$1: the same weights" cmp all/$weights "$2/$weights"
  check "$1: the same state" cmp all/$state "$2/$state"
}

works 'all in memory' train pictures -o all $options --cache-memory 100 --threads 1
check 'there was no need of a file' test ! -e cache/gimp-ddpm
works 'one MB of memory, and a file' train pictures -o file $options --cache-memory 1
check 'the file was in the cache folder' test -d cache/gimp-ddpm
same 'and nothing of it is left' "$(ls -A cache/gimp-ddpm)" ''
alike 'with a file' file
rm -r cache
: >cache
works 'one MB of memory and no place for a file' train pictures -o again $options --cache-memory 1 --threads 2
alike 'without a file' again
rm cache

# resumed the other way round
works 'begun with little' train pictures -o resumed $options --cache-memory 1 --steps 11
works 'resumed with much' train -o resumed --resume --cache-memory 100 --steps 24
alike 'resumed' resumed
same 'the options are kept' "$("$look" json resumed/training/options.json '$.options.rotate_degrees')" 10.0
fails 'resumed with other turns' 2 '--rotate-degrees' train -o resumed --resume --rotate-degrees 3

# large folders: only headers are read before; the data count as others, since it is not known what is in them
works 'by headers, all in memory' train pictures -o headers $options --quick-scan --cache-memory 100
check 'the same weights' cmp all/$weights headers/$weights
works 'by headers, with a file' train pictures -o headers-file $options --quick-scan --cache-memory 1 --threads 1
check 'the same state' cmp headers/$state headers-file/$state

# one that looks like a picture and is none
head -c 600 pictures/a/picture-07.png >pictures/a/broken.png
works 'checked before' train pictures -o checked $options
says 'it is skipped' 'a/broken.png: the file ends too early'
works 'found on the way' train pictures -o broken $options --quick-scan --cache-memory 1
check 'it is told' grep -q 'a/broken.png cannot be read (the file ends too early); the next picture takes its place' "$err"
works 'the same again, begun' train pictures -o broken-again $options --quick-scan --steps 13
works 'and resumed' train -o broken-again --resume --steps 24 --cache-memory 1
check 'ends the same' cmp broken/$state broken-again/$state
rm pictures/a/broken.png
fails 'resumed without it' 1 'are not those' train -o broken --resume --steps 30

# and one that goes away meanwhile: the last checkpoint stays
run train pictures -o lost $options --quick-scan --cache-memory 1 --steps 5
(
  while [ "$("$look" metadata lost/$state step 2>/dev/null)" -lt 8 ]; do sleep 0.05; done
  mv pictures elsewhere
) &
fails 'pictures that go away' 1 'no longer there' train -o lost --resume --steps 1000000 --save-every 1
wait
mv elsewhere pictures
steps=$("$look" metadata lost/$state step)
steps=$((steps + 2))
works 'and come back' train pictures -o lost --resume --steps $steps --save-every 0
rm -rf all
works 'one that was never disturbed' train pictures -o all $options --quick-scan --steps $steps
alike 'after that' lost

for bad in '--rotate-degrees 181' '--scale-jitter 2' '--colour-jitter -1' '--cache-memory x'
do
  fails "$bad" 2 "${bad% *}" train pictures -o x $options $bad
done

done_testing
