#!/bin/sh
# Training in several processes that mpirun starts: as in one, up to rounding; stopped, killed and resumed.
. "${0%/*}/tap.sh"

if ! command -v mpirun >/dev/null || ! [ -e "${ddpm%/*}/ddpm-ranks-mpi.so" ]
then
  skip 'training in several processes' 'there is no mpirun, or ddpm was built without MPI'
  done_testing
  exit
fi

# As root in a container of two processors; nothing but this machine. Names of Open MPI 4 and 5. What libmpi does not
# free is not ours.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
export OMPI_MCA_hwloc_base_binding_policy=none PRTE_MCA_hwloc_default_binding_policy=none
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"

mkdir pictures
"$make_pictures" pictures pictures 7 8 8 3
options='--channels 8,16 --layers 1 --attention none --batch 5 --seed 5 --flip --dropout 0.1 --sample-every 0 --float32 --warmup 0 --threads 1'
state=training/state.safetensors

# ranks N ARG…: ddpm in N processes; leaves the exit status in $status
ranks ()
{
  n=$1
  shift
  status=0
  timeout 120 mpirun -n "$n" "$ddpm" "$@" >"$out" 2>"$err" || status=$?
}

# alike WHAT A B: two trainings have ended with the same bytes
alike ()
{
  check "$1: the same weights" cmp "$2/unet/diffusion_pytorch_model.safetensors" "$3/unet/diffusion_pytorch_model.safetensors"
  check "$1: the same state" cmp "$2/$state" "$3/$state"
}

# is_near WHAT A B: two trainings have the same loss, to five digits
is_near ()
{
  same "$1: the same loss" "$("$look" metadata "$2/$state" smoothed_loss | cut -c1-7)" \
    "$("$look" metadata "$3/$state" smoothed_loss | cut -c1-7)"
}

works 'in one process' train pictures -o alone $options --steps 20
ranks 1 train pictures -o one $options --steps 20
same 'mpirun -n 1: the exit status' "$status" 0
alike 'mpirun -n 1 is no other training' alone one

for n in 2 3 # shares are uneven
do
  ranks $n train pictures -o "by $n" $options --steps 20
  same "mpirun -n $n: the exit status" "$status" 0
  says "mpirun -n $n: it says so" "shared by $n processes"
  same "mpirun -n $n: one process speaks" "$(grep -c '^done' "$out")" 1
  same "mpirun -n $n: no temporary files stay behind" "$(find "by $n" -name '*tmp*')" ''
  is_near "mpirun -n $n" alone "by $n"
  ranks $n train pictures -o "again by $n" $options --steps 20
  alike "mpirun -n $n, again" "by $n" "again by $n"
  rm -rf "again by $n"
done

# resumed by as many to the bit, by others to rounding
ranks 2 train pictures -o stopped $options --steps 9
cp -R stopped other
cp -R stopped alone-again
ranks 2 train -o stopped --resume --steps 20 --threads 1
same 'resumed: the exit status' "$status" 0
alike 'resumed by as many' 'by 2' stopped
ranks 3 train -o other --resume --steps 20 --threads 1
same 'resumed by more: the exit status' "$status" 0
is_near 'resumed by more' alone other
works 'resumed by one' train -o alone-again --resume --steps 20 --threads 1
is_near 'resumed by one' alone alone-again

# wrong usage: one sentence, from the first process
# refused WHAT STATUS WORDS N ARG…
refused ()
{
  what=$1 wanted=$2 words=$3
  shift 3
  ranks "$@"
  same "$what: the exit status" "$status" "$wanted"
  same "$what: one sentence" "$(grep -c '^ddpm: ' "$err")" 1
  check "$what: it says \"$words\"" grep -q "^ddpm: .*$words" "$err"
}
refused 'more processes than pictures in a batch' 2 'cannot share' 3 train pictures -o few $options --batch 2 --steps 3
refused 'a wrong option' 2 'steps' 2 train pictures -o few $options --steps 0
refused 'no such folder' 1 'nowhere' 2 train nowhere -o few $options --steps 3
refused 'a folder that holds a training' 2 'stopped' 2 train pictures -o stopped $options --steps 3

# start SIGNAL RANK FOLDER: a training far too long in two processes; when it has a checkpoint and a model, the rank
# ("mpirun": that) gets the signal
start ()
{
  status=0
  timeout --foreground 120 mpirun -n 2 "$ddpm" train pictures -o "$3" $options --steps 1000000 --save-every 7 \
    >"$out" 2>"$err" &
  target=$! # which hands its signals on
  while ! [ -e "$3/model_index.json" ] && kill -0 $! 2>/dev/null; do sleep 0.05; done
  if [ "$2" != mpirun ]
  then
    for environ in $(grep -lzx "OMPI_COMM_WORLD_RANK=$2" /proc/[0-9]*/environ 2>/dev/null)
    do
      if grep -qzx "PWD=$work" "$environ" 2>/dev/null
      then
        target=${environ%/environ}
        target=${target#/proc/}
      fi
    done
  fi
  kill "-$1" "$target"
  wait $! || status=$?
}

# goes_on WHAT FOLDER: its last checkpoint is whole, and the training goes on from it to where an uninterrupted one comes
goes_on ()
{
  steps=$(($("$look" metadata "$2/$state" step) + 5))
  rm -rf whole
  ranks 2 train pictures -o whole $options --steps $steps
  ranks 2 train -o "$2" --resume --steps $steps --threads 1
  same "$1: it goes on" "$status" 0
  alike "$1" whole "$2"
}

start TERM mpirun 'stopped by SIGTERM'
check 'SIGTERM to mpirun: a failure' test "$status" -ne 0
check 'SIGTERM to mpirun: not because of the time' test "$status" -ne 124
goes_on 'SIGTERM to mpirun' 'stopped by SIGTERM'
start INT 1 'one stopped'
same 'SIGINT to one process: the exit status' "$status" 143
check 'SIGINT to one process: how to go on' grep -q '^  mpirun -n 2 ' "$err"
goes_on 'SIGINT to one process' 'one stopped'
for rank in 0 1
do
  start KILL $rank "lost $rank"
  check "SIGKILL to process $rank: a failure" test "$status" -ne 0
  check "SIGKILL to process $rank: not because of the time" test "$status" -ne 124
  check "SIGKILL to process $rank: a sentence says so" grep -q "rank $rank with PID .* on" "$err"
  goes_on "SIGKILL to process $rank" "lost $rank"
done

# no other subcommand loads MPI
check 'the command itself does not need MPI' sh -c '! ldd "$1" | grep -q libmpi' sh "$ddpm"
OMPI_COMM_WORLD_SIZE=2 LD_DEBUG=files "$ddpm" info alone >libraries 2>&1
check 'another subcommand does not load it' sh -c 'grep -q libpng libraries && ! grep -q libmpi libraries'

done_testing
