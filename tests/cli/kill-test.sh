#!/bin/sh
# A training that is killed at random, again and again, ends with the same bytes as one that never was.
# DDPM_KILLS and DDPM_KILL_SEED choose how often and when; DDPM_KILL_OPTIONS are more options of the training.
. "${0%/*}/tap.sh"

kills=${DDPM_KILLS:-8} seed=${DDPM_KILL_SEED:-1}
echo "# $kills kills, seed $seed ${DDPM_KILL_OPTIONS-}"
mkdir pictures
"$make_pictures" pictures pictures 24 8 8 3
options="--channels 8,16 --layers 1 --attention none --batch 4 --seed 5 --flip --dropout 0.1 --float32 --held-out 4
  --sample-every 100 --steps 300 --warmup 50 --lr 2e-3 ${DDPM_KILL_OPTIONS-}"
state=training/state.safetensors

now_ms ()
{
  echo $(($(date +%s%N) / 1000000))
}

# random N: a number below it, the next one of the seed's
random ()
{
  drawn=0
  for part in 1 2
  do
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    drawn=$((drawn * 32768 + seed / 65536))
  done
  drawn=$((drawn % $1))
}

# without the columns that tell times
columns ()
{
  cut -d , -f 1-5,8- "$1/train.csv"
}

began=$(now_ms)
works 'a run that is left alone' train pictures -o whole $options --save-every 50
took=$(($(now_ms) - began))

# Mostly in the midst of steps, every other time among checkpoints, of which there is then one after each step.
hits=0 i=0
while [ $i -lt "$kills" ]
do
  i=$((i + 1))
  random 2 && threads=$((drawn + 1))
  random $((took * 3000 / kills + 300000)) && delay=$drawn
  how=$options
  [ -e killed/training/options.json ] && how=--resume
  every=$((i % 2 * 9 + 1))
  status=0
  # shellcheck disable=SC2086 # words
  "$stop_at" 9 pictures "$delay" "$ddpm" train pictures -o killed $how --save-every $every --threads $threads >"$out" 2>"$err" ||
    status=$?
  case $status in
    137) hits=$((hits + 1)) ;;
    0) ;;
    *) not_ok "kill $i after $delay us" "status $status" ;;
  esac
  at=$([ -e killed/$state ] && "$look" metadata killed/$state step || echo none)
  echo "# kill $i: after $delay us, checkpoints every $every steps, status $status, checkpoint of step $at"
done
check 'it was killed' test "$hits" -gt 0
echo "# $hits of $kills kills met a run"
how=$options
[ -e killed/training/options.json ] && how=--resume
# shellcheck disable=SC2086 # words
works 'and ends' train pictures -o killed $how --save-every 50
check 'with the same weights, average and moments' cmp whole/$state killed/$state
check 'the same model' cmp whole/unet/diffusion_pytorch_model.safetensors \
  killed/unet/diffusion_pytorch_model.safetensors
columns whole >whole.csv
columns killed >killed.csv
check 'the same lines in its log' cmp whole.csv killed.csv
check 'the same pictures' diff -r whole/samples killed/samples
check 'no temporary files stay behind' sh -c '! find killed -name "*.tmp*" -o -name ".*" | grep .'

done_testing
