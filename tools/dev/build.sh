# Building and running what was built. All of it runs where GIMP 3's headers are.

# where_we_are: what a build folder must not be shared between
where_we_are ()
{
  cat /etc/os-release /etc/gimp-ddpm.version 2>/dev/null || true
  meson --version
  "${CC:-cc}" --version | head -n 1
}

# lock_build KIND / unlock_build: two calls never build in one folder at a time
lock_build ()
{
  mkdir -p "$top/.cache"
  exec 8>"$top/.cache/$1.lock"
  if ! flock -n 8
  then
    say "waiting for another ./dev that builds in $1/"
    flock 8
  fi
}

unlock_build ()
{
  exec 8>&-
}

# set_up_build KIND OPTION…: a configured build folder; one that was made elsewhere or otherwise is made anew
set_up_build ()
{
  kind=$1
  folder=$top/$kind
  shift
  stamp=$(printf '%s\n' "$*" "$top" && where_we_are)

  if [ -f "$folder/build.ninja" ] && [ "$(cat "$folder/dev-stamp" 2>/dev/null)" = "$stamp" ]; then return; fi
  rm -rf --one-file-system "$folder"
  mkdir -p "$folder"
  step "configuring $kind/" "$top/.cache/$kind-setup.log" meson setup "$folder" "$top" "$@" || return 1
  printf '%s\n' "$stamp" >"$folder/dev-stamp"
}

# compile KIND: silent where there is nothing to do
compile ()
{
  if [ "$(ninja -C "$top/$1" -n 2>/dev/null | tail -n 1)" = "ninja: no work to do." ]; then return; fi
  if [ -t 2 ]
  then
    ninja -C "$top/$1" >&2
    return
  fi
  say "building in $1/"
  ninja -C "$top/$1" --quiet >&2 </dev/null &
  pid=$!
  wait_for "building in $1/" "$pid"
}

# build KIND OPTION…
build ()
{
  lock_build "$1"
  set_up_build "$@" || die "the build could not be configured."
  compile "$1" || die "the build failed."
  unlock_build
}

# CI looks at warnings; a newer compiler's new warning does not stop a user
werror ()
{
  if [ "${CI-}" = true ]; then echo true; else echo false; fi
}

build_default ()
{
  build build -Dplugin=enabled -Dwerror="$(werror)"
}

build_clang ()
{
  (
    CC=clang
    export CC
    build build-clang -Dplugin=enabled -Dwerror=true
  )
}

build_newest ()
{
  # a compiler that nobody has seen yet may warn of what is well
  build build-newest -Dplugin=enabled
}

build_arm64 ()
{
  if ! command -v aarch64-linux-gnu-gcc >/dev/null
  then
    die "arm64 needs more packages than are in here: call it outside of ./dev shell."
  fi
  build build-arm64 --cross-file "$dev_tools/arm64.ini" -Dplugin=disabled -Dwerror="$(werror)"
}

build_sanitized ()
{
  # lundef: the sanitizers' symbols come from the runtime; the plug-in runs inside GIMP, which is not sanitized
  build build-asan -Dplugin=disabled -Db_sanitize=address,undefined -Db_lundef=false -Dwerror="$(werror)"
}

# run_tests KIND SUITE…: the suites' tests; the last line on stdout counts the cases
run_tests ()
{
  kind=$1
  shift
  log=testlog-$$
  suites=
  for suite in "$@"
  do
    suites="$suites --suite $suite"
  done

  status=0
  # shellcheck disable=SC2086  # a list of words
  meson test -C "$top/$kind" --no-rebuild --print-errorlogs --timeout-multiplier "$patience" --logbase "$log" $suites ||
    status=$?
  counted=0
  python3 "$dev_tools/count-tests.py" "$top/$kind/meson-logs/$log.json" || counted=$?
  # two calls at a time have a log each; the latest one also under its usual name
  for end in json txt junit.xml
  do
    ln -sf "$log.$end" "$top/$kind/meson-logs/testlog.$end"
  done
  find "$top/$kind/meson-logs" -name 'testlog-*' -mmin +1440 -delete
  if [ "$counted" -ne 0 ]; then return "$counted"; fi
  return "$status"
}

check_suites ()
{
  for suite in "$@"
  do
    case $suite in
      house | unit | kernels | gradients | golden | cli | gimp | gui) ;;
      *) usage_error "there is no test suite \"$suite\"; there are house unit kernels gradients golden cli gimp gui." ;;
    esac
  done
}

# built_program NAME: its path in the build
built_program ()
{
  find -H "$top/build" -name '*.p' -prune -o -name 'meson-*' -prune -o \
    -type f -perm -u+x ! -name '*.so*' ! -name '*.py' ! -name '*.sh' -print |
    if [ $# -eq 1 ]; then grep "/$1\$" | head -n 1; else sed 's,.*/,,' | sort; fi
}

run_program ()
{
  if [ $# -eq 0 ]
  then
    usage_error "run needs a program's name, for example: ./dev run ddpm --help"
  fi
  program=$(built_program "$1")
  if [ -z "$program" ]
  then
    usage_error "there is no built program \"$1\"; there are: $(built_program | tr '\n' ' ')"
  fi
  # for the commands that it tells the user to type
  DDPM_COMMAND="$top/dev run $1"
  export DDPM_COMMAND
  shift
  exec "$program" "$@"
}

# our own sources, one a line
c_sources ()
{
  find "$top/core" "$top/ui" "$top/plugin" "$top/tests" -name '*.[ch]' | LC_ALL=C sort
}

# check_format: what clang-format would change, if anything
check_format ()
{
  c_sources | {
    wrong=0
    while IFS= read -r file
    do
      if ! clang-format "$file" | diff -u --label "$file" --label "$file, laid out" "$file" -; then wrong=$((wrong + 1)); fi
    done
    if [ "$wrong" -ne 0 ]
    then
      die "$wrong files are not laid out by .clang-format; ./dev format does it."
    fi
  }
}
