#!/bin/sh
# cpus-test.sh ROOT DDPM GOLDEN_CHECK USE_AVX2 KERNELS_TEST…: no instruction that a processor does not have.
#
# qemu-user runs the programs as x86-64 processors of several kinds: each has to find its level of kernels, compute
# what the recorded arrays say and make a picture. An instruction that the processor lacks ends a program with a
# signal. AVX-512 is beyond qemu: processors that have it test it themselves.
set -u
root=$1 ddpm=$(realpath "$2") golden_check=$(realpath "$3") use_avx2=$(realpath "$4")
shift 4
kernels_tests=$(realpath "$@") # one a line
IFS='
'

if ! command -v qemu-x86_64 >/dev/null
then
  echo '1..0 # SKIP qemu-x86_64 is not installed'
  exit 0
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset DDPM_CPU
export DDPM_THREADS=2
number=0

# expect STATUS WHAT COMMAND…: one case; what the command says is in `out` for the next one
expect ()
{
  wanted=$1 what=$2
  shift 2
  number=$((number + 1))
  status=0
  "$@" >said 2>err </dev/null || status=$?
  mv said out
  if [ "$status" -eq "$wanted" ]
  then
    echo "ok $number - $what"
  else
    echo "not ok $number - $what"
    echo "# status $status, not $wanted"
    # qemu's warnings are of features that no kernel uses
    grep -hv '^qemu-x86_64: warning' out err | tail -n 20 | sed 's/^/# /'
  fi
}

# as CPU LEVEL: all that a processor of this kind has to be able to do
as ()
{
  cpu=$1 level=$2
  expect 0 "$cpu: info" qemu-x86_64 -cpu "$cpu" "$ddpm" info "$root/models/heroes"
  expect 0 "$cpu: its level is $level" grep -q "^kernels *$level\$" out
  for test in $kernels_tests
  do
    expect 0 "$cpu: ${test##*/}" qemu-x86_64 -cpu "$cpu" "$test" -p "/kernels/$level"
  done
  expect 0 "$cpu: recorded networks" qemu-x86_64 -cpu "$cpu" "$golden_check" "$root"/tests/golden/data/unet_0[123]_* \
    "$root"/tests/golden/data/unet_15_* "$root"/tests/golden/data/pipeline_ddim_nested
  expect 0 "$cpu: sample" qemu-x86_64 -cpu "$cpu" "$ddpm" sample "$root/models/heroes" -o "$cpu.png" --steps 1
}

as qemu64 generic # hardly more than every x86-64 processor has
as Haswell avx2

expect 2 'Haswell: avx512 is refused' env DDPM_CPU=avx512 qemu-x86_64 -cpu Haswell "$ddpm" info "$root/models/heroes"
expect 0 'Haswell can do less' env DDPM_CPU=generic qemu-x86_64 -cpu Haswell "$ddpm" info "$root/models/heroes"
expect 0 'and does so' grep -q '^kernels *generic$' out

# AVX, but neither AVX2 nor FMA
expect 0 'SandyBridge: info' qemu-x86_64 -cpu SandyBridge "$ddpm" info "$root/models/heroes"
expect 0 'SandyBridge: its level is generic' grep -q '^kernels *generic$' out

# the emulation itself: an AVX2 instruction where there is none is a signal (128 + SIGILL)
expect 132 'SandyBridge stops at an AVX2 instruction' qemu-x86_64 -cpu SandyBridge "$use_avx2"
expect 0 'Haswell does not' qemu-x86_64 -cpu Haswell "$use_avx2"
echo "1..$number"
