# The comparison with ONNX Runtime and PyTorch: tests/bench/peers, run in a root of its own.

# check_bench ARG…: refuses what tests/bench/peers/compare.py does not know, before anything is installed
check_bench ()
{
  if [ "${1-}" = training ]
  then
    if ! [ -d "${2-}" ]; then usage_error "bench training takes a folder of pictures, such as photos of your own as PNG."; fi
    return
  fi
  if [ "${1-}" = --quick ]; then shift; fi
  for part in "$@"
  do
    case $part in
      forward | bf16 | avx2 | train | threads | start | sample) ;;
      *) usage_error "bench has no part \"$part\"; there are forward bf16 avx2 train threads start sample, --quick before them, training FOLDER, and --ours for ddpm bench." ;;
    esac
  done
  if [ -n "${DDPM_DEV_CHROOT-}" ]
  then
    die "bench makes a Debian root of its own and cannot do that inside another one: call it outside of ./dev shell."
  fi
}

# run_bench ARG…: in the peers' root; a whole comparison, and one of training with its usual options, write RESULTS.md
run_bench ()
{
  results=$top/tests/bench/RESULTS.md
  mkdir -p "$top/.cache"
  case $#,${1-} in
    0,) set -- compare.py --heroes "$top/models/heroes" --results "$results" ;;
    2,training) set -- training.py "$2" --results "$results" ;;
    *,training) shift && set -- training.py "$@" ;;
    *) set -- compare.py --heroes "$top/models/heroes" "$@" ;;
  esac
  program=$1
  shift
  in_root "$dev_root" "$(id -u):$(id -g)" "$(pwd -P)" env PYTHONDONTWRITEBYTECODE=1 \
    python3 "$top/tests/bench/peers/$program" --ddpm "$(built_program ddpm)" --work "$top/.cache" "$@"
}
