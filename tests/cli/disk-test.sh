#!/bin/sh
# A full disk: a small file system of its own where the system lets us mount one, and a limit on the size of files anyway.

# The mounts of a private namespace end with it. In a root that is no mount point (as in ./dev's) it cannot be told to
# be private, and is so already.
if [ -z "${DDPM_DISK_TEST_MOUNT-}" ]
then
  for way in '--mount' '--user --map-root-user --mount' '--mount --propagation unchanged'
  do
    # shellcheck disable=SC2086 # words
    if unshare $way sh -c 'mount -t tmpfs -o size=1m tmpfs /mnt && umount /mnt' 2>/dev/null
    then
      DDPM_DISK_TEST_MOUNT=yes
      export DDPM_DISK_TEST_MOUNT
      exec unshare $way sh "$0" "$@"
    fi
  done
fi

. "${0%/*}/tap.sh"

mkdir pictures disk
"$make_pictures" pictures pictures 5 8 8 3
"$make_pictures" model model 3 16 16 8 16
options='--channels 16,32 --layers 1 --attention none --batch 4 --sample-every 0 --float32'
works 'an uninterrupted run' train pictures -o whole $options --steps 8
works 'the picture that will be there before' sample model -o before.png --size 64 --steps 1

# sums FOLDER: of all that must survive
sums ()
{
  cksum "$1"/m/training/* "$1"/m/unet/* "$1"/m/*.json "$1"/m/scheduler/*
}

# prepare WHAT FOLDER: a checkpoint, a model and a picture
prepare ()
{
  works "$1: training while there is room" train pictures -o "$2/m" $options --steps 4
  cp before.png "$2/out.png"
  sums "$2" >before.txt
}

# survives WHAT FOLDER: they are as they were
survives ()
{
  sums "$2" >after.txt
  check "$1: the checkpoint and the model are as before" cmp before.txt after.txt
  check "$1: the picture that was there is as before" cmp before.png "$2/out.png"
  check "$1: no temporary files stay behind" sh -c '! find "$1" -name "*.tmp*" -o -name ".*" | grep .' sh "$2"
}

goes_on ()
{
  works "$1: training goes on when there is room again" train pictures -o "$2/m" --resume --steps 8
  check "$1: with the same weights" cmp whole/unet/diffusion_pytorch_model.safetensors \
    "$2/m/unet/diffusion_pytorch_model.safetensors"
}

if [ -n "${DDPM_DISK_TEST_MOUNT-}" ] && mount -t tmpfs -o size=16m tmpfs disk
then
  prepare 'full disk' disk
  dd if=/dev/zero of=disk/filler bs=4k 2>/dev/null
  fails 'full disk: training' 1 'space' train pictures -o disk/m --resume --steps 8
  fails 'full disk: sampling' 1 'space' sample model -o disk/out.png --size 64 --steps 1 --seed 1
  rm disk/filler
  survives 'full disk' disk
  goes_on 'full disk' disk
  umount disk
else
  skip 'full disk' 'a file system cannot be mounted here'
fi

mkdir limited
prepare 'limited files' limited
# blocks of 512 bytes: a picture of 64x64 pixels of noise has more than eight of them
(
  trap '' XFSZ
  ulimit -f 8
  "$ddpm" train pictures -o limited/m --resume --steps 8 >"$work/train.out" 2>"$work/train.err"
  echo $? >"$work/train.status"
  "$ddpm" sample model -o limited/out.png --size 64 --steps 1 --seed 1 2>"$work/sample.err"
  echo $? >"$work/sample.status"
) >/dev/null
for job in train sample
do
  same "limited files: $job fails" "$(cat $job.status)" 1
  check "limited files: $job says one sentence" test "$(grep -c '^ddpm: .*large' $job.err)" = 1
done
survives 'limited files' limited
goes_on 'limited files' limited

done_testing
