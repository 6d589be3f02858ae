#!/bin/sh
# Training that is stopped or killed, also in the middle of a checkpoint, goes on bit for bit.
. "${0%/*}/tap.sh"

mkdir pictures
"$make_pictures" pictures pictures 7 8 8 3
options='--channels 8,16 --layers 1 --attention none --batch 4 --seed 5 --flip --dropout 0.1 --sample-every 0 --float32'
state=training/state.safetensors

# steps_of FOLDER: what its checkpoint has behind it
steps_of ()
{
  "$look" metadata "$1/$state" step
}

# alike WHAT FOLDER STEPS: its model and its checkpoint are those of an uninterrupted run, byte for byte
alike ()
{
  rm -rf whole
  works "$1: an uninterrupted run of $3 steps" train pictures -o whole $options --steps "$3"
  check "$1: the same weights" cmp whole/unet/diffusion_pytorch_model.safetensors \
    "$2/unet/diffusion_pytorch_model.safetensors"
  check "$1: the same state" cmp whole/$state "$2/$state"
}

# start SIGNAL DELAY_US FOLDER ARG…: a training far too long, that gets the signal when it has a checkpoint and a model
start ()
{
  signal=$1 delay=$2 folder=$3
  shift 3
  status=0
  "$stop_at" "$signal" "$folder/model_index.json" "$delay" "$ddpm" train pictures -o "$folder" --steps 1000000 --save-every 1 \
    "$@" >"$out" 2>"$err" || status=$?
}

# SIGINT and SIGTERM finish the step and say how to go on; what they say is what is run
unset DDPM_COMMAND
for signal in 2 15
do
  start $signal 10000 "stopped $signal" $options
  same "signal $signal: the exit status" "$status" $((128 + signal))
  steps=$(steps_of "stopped $signal")
  check "signal $signal: it says after which step it stopped" grep -q "after step $steps of 1000000" "$err"
  check "signal $signal: it names the command as it was typed" grep -q "^  ${DDPM_COMMAND-$ddpm} train " "$err"
  command=$(tail -n 1 "$err")
  steps=$((steps + 5))
  status=0
  eval "$command --steps $steps" >"$out" 2>"$err" || status=$?
  same "signal $signal: the command that it gave works" "$status" 0
  alike "signal $signal" "stopped $signal" $steps
  # the second time round by way of a script
  DDPM_COMMAND="env -- $ddpm"
  export DDPM_COMMAND
done

# kill -9, again and again; with a checkpoint every step most of the time is spent in writing them
start 9 0 killed $options
same 'kill -9: the exit status' "$status" 137
for delay in 5000 20000 25000 30000 35000 40000 45000 50000 60000 70000 80000 100000
do
  start 9 $delay killed --resume
  same "kill -9 after $delay us: it went on, and was killed" "$status" 137
done
works 'sampling from what is there' sample killed -o killed.png --steps 2
steps=$(($(steps_of killed) + 5))
works 'kill -9: resumed' train pictures -o killed --resume --steps $steps --save-every 0
says 'it says from where' 'going on after step'
alike 'kill -9' killed $steps
check 'no temporary files stay behind' sh -c '! find killed -name "*.tmp*" -o -name ".*" | grep .'

# a folder without the pictures named, and a longer run
works 'resumed without the folder, and longer' train -o killed --resume --steps $((steps + 3))
alike 'longer' killed $((steps + 3))
works 'resumed with nothing left to do' train -o killed --resume
alike 'nothing to do' killed $((steps + 3))

fails 'begun again over a training' 2 'resume' train pictures -o killed $options --steps 5
fails 'resumed with another batch' 2 '--batch' train pictures -o killed --resume --batch 5
fails 'resumed with fewer steps' 2 '--steps' train pictures -o killed --resume --steps 1
fails 'resumed where nothing is' 1 'resume' train pictures -o fresh --resume
cp -R killed damaged
head -c 500 killed/$state >damaged/$state
fails 'resumed from a truncated checkpoint' 1 'state.safetensors' train pictures -o damaged --resume --steps 100000
"$make_pictures" pictures pictures 8 8 8 3
fails 'resumed with other pictures' 1 'pictures' train pictures -o killed --resume --steps 100000
rm pictures/picture-07.png
alike 'after all those mistakes' killed $((steps + 3))

done_testing
