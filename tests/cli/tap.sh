# Sourced by the tests of the command: TAP lines, a folder of their own, and the programs they run.
# Every test is called as: sh NAME-test.sh DDPM MAKE_PICTURES LOOK STOP_AT

ddpm=$(realpath "$1") make_pictures=$(realpath "$2") look=$(realpath "$3") stop_at=$(realpath "$4")
for program in "$ddpm" "$make_pictures" "$look" "$stop_at"
do
  if ! [ -x "$program" ]
  then
    echo "Bail out! there is no program \"$program\""
    exit 1
  fi
done
tap_n=0
LC_ALL=C.UTF-8
export LC_ALL

work=$(mktemp -d "${TMPDIR:-/tmp}/ddpm-cli.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
cd "$work" || exit 1

# what the last command of `status_of` printed
out=$work/.out err=$work/.err
: >"$out"
: >"$err"

ok ()
{
  tap_n=$((tap_n + 1))
  echo "ok $tap_n - $1"
}

not_ok ()
{
  tap_n=$((tap_n + 1))
  echo "not ok $tap_n - $1"
  shift
  for line; do echo "# $line"; done
  sed 's/^/# stdout: /' "$out" | tail -n 20
  sed 's/^/# stderr: /' "$err" | tail -n 20
}

skip ()
{
  tap_n=$((tap_n + 1))
  echo "ok $tap_n - $1 # SKIP $2"
}

# check WHAT COMMAND ARG…: passes when the command does
check ()
{
  what=$1
  shift
  if "$@"; then ok "$what"; else not_ok "$what" "failed: $*"; fi
}

# same WHAT GOT WANTED
same ()
{
  if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got \"$2\"" "not \"$3\""; fi
}

# run ARG…: the ddpm command; leaves its exit status in $status
run ()
{
  status=0
  "$ddpm" "$@" >"$out" 2>"$err" || status=$?
}

# works WHAT ARG…: ddpm succeeds
works ()
{
  what=$1
  shift
  run "$@"
  same "$what" "$status" 0
}

# fails WHAT STATUS WORDS ARG…: ddpm fails with this status and ends with one sentence that holds the words
fails ()
{
  what=$1 wanted=$2 words=$3
  shift 3
  run "$@"
  if [ "$status" -ne "$wanted" ]
  then not_ok "$what" "status $status, not $wanted"
  elif [ "$(grep -c '^ddpm: ' "$err")" -ne 1 ] || ! tail -n 1 "$err" | grep -q '^ddpm: '
  then not_ok "$what" "not one sentence"
  elif ! tail -n 1 "$err" | grep -qi -e "$words"
  then not_ok "$what" "the sentence does not say \"$words\""
  else ok "$what"
  fi
}

# says WHAT WORDS: the last command's standard output holds the words
says ()
{
  check "$1" grep -q -e "$2" "$out"
}

# says_not NAME PATTERN: the last command's standard output does not have it
says_not ()
{
  check "$1" sh -c '! grep -q -e "$1" "$2"' sh "$2" "$out"
}

done_testing ()
{
  echo "1..$tap_n"
}
