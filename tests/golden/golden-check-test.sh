#!/bin/sh
# golden-check itself: it must see what is wrong, and say so by its status.
# Usage: golden-check-test.sh GOLDEN-CHECK DATA-FOLDER
set -u

check=$1
data=$2
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
number=0

# expect STATUS PATTERN DESCRIPTION ARG…: golden-check's status, and a line of what it says
expect ()
{
  status=$1
  pattern=$2
  description=$3
  shift 3
  number=$((number + 1))
  "$check" "$@" > "$scratch/out" 2>&1
  got=$?
  if [ "$got" -eq "$status" ] && grep -q -e "$pattern" "$scratch/out"
  then
    echo "ok $number - $description"
  else
    echo "not ok $number - $description"
    echo "# status $got, expected $status and a line with '$pattern':"
    sed 's/^/# /' "$scratch/out"
  fi
}

# fresh CASE NAME: a copy of a case that may be spoilt
fresh ()
{
  rm -rf "$scratch/set"
  mkdir "$scratch/set"
  cp -r "$data/$1" "$scratch/set/$2"
}

expect 2 'name the folders' 'no folder is wrong usage'
expect 2 'nonsense' 'an unknown option is wrong usage' --nonsense
expect 1 'FAIL' 'a folder that is not there fails' "$scratch/nowhere"
mkdir "$scratch/empty"
expect 1 'no cases' 'a folder without cases fails' "$scratch/empty"

fresh unet_04_gray unet_04_gray
expect 0 '^unet_04_gray .* ok$' 'a case by itself' "$scratch/set/unet_04_gray"
expect 0 '^1 ok, 0 failed, 0 skipped$' 'a set of one' "$scratch/set"
fresh unet_09b_act_mish another-name
expect 0 '^another-name .* ok$' 'a case of any name' "$scratch/set"
sed -i 's/"mish"/"silu"/' "$scratch/set/another-name/config.json"
expect 1 'FAIL: output' 'another activation shows' "$scratch/set"
sed -i 's/"silu"/3/' "$scratch/set/another-name/config.json"
expect 1 '^another-name .*FAIL' 'a config that makes no sense fails' "$scratch/set"

fresh unet_06a_class_embed unet_x
sed -i '0,/"DownBlock2D"/s//"SkipDownBlock2D"/' "$scratch/set/unet_x/config.json"
expect 0 '^unet_x .*skipped: ' 'what the library does not do is skipped' "$scratch/set"

fresh unet_15_gradients unet_x
rm "$scratch/set/unet_x/io.safetensors"
expect 1 '^unet_x .*FAIL' 'a missing file fails' "$scratch/set"

fresh pipeline_ddpm_nested pipeline_x
expect 0 '^pipeline_x .* ok$' 'a pipeline' "$scratch/set"
sed -i 's/"fixed_small"/"fixed_large"/' "$scratch/set/pipeline_x/scheduler/scheduler_config.json"
expect 1 'FAIL: trajectory' 'another variance shows' "$scratch/set"
sed -i 's/"num_inference_steps": 10/"num_inference_steps": 9/' "$scratch/set/pipeline_x/case.json"
expect 1 'FAIL: ' 'another number of steps shows' "$scratch/set"

rm -rf "$scratch/set"
mkdir "$scratch/set"
cp "$data"/schedulers.* "$scratch/set"
sed -i 's/"eta": 0.5/"eta": 0.51/' "$scratch/set/schedulers.json"
expect 1 '^traj.ddim_50_eta05 .*FAIL: ' 'another eta shows' "$scratch/set"
expect 1 '^not ok .* traj.ddim_50_eta05$' 'as TAP too' --tap "$scratch/set"
truncate -s 100000 "$scratch/set/schedulers.safetensors"
expect 1 'schedulers.safetensors' 'a truncated file fails' "$scratch/set"

echo "1..$number"
