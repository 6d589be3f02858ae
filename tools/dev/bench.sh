# The comparison with ONNX Runtime and PyTorch: tests/bench/peers, run in a root of its own.

# check_bench ARG…: refuses what tests/bench/peers/compare.py does not know, before anything is installed
check_bench ()
{
  if [ "${1-}" = --quick ]; then shift; fi
  for part in "$@"
  do
    case $part in
      forward | bf16 | avx2 | train | threads | start | sample) ;;
      *) usage_error "bench has no part \"$part\"; there are forward bf16 avx2 train threads start sample, --quick before them, and --ours for ddpm bench." ;;
    esac
  done
  if [ -n "${DDPM_DEV_CHROOT-}" ]
  then
    die "bench makes a Debian root of its own and cannot do that inside another one: call it outside of ./dev shell."
  fi
}

# run_bench ARG…: in the peers' root; a whole comparison writes RESULTS.md
run_bench ()
{
  if [ $# -eq 0 ]; then set -- --results "$top/tests/bench/RESULTS.md"; fi
  mkdir -p "$top/.cache"
  in_root "$dev_root" "$(id -u):$(id -g)" "$(pwd -P)" env PYTHONDONTWRITEBYTECODE=1 \
    python3 "$top/tests/bench/peers/compare.py" --ddpm "$(built_program ddpm)" --heroes "$top/models/heroes" \
    --work "$top/.cache" "$@"
}
