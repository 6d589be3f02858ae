#!/bin/sh
# killed-test.sh PLUGIN_FOLDER MAKE_PICTURES SYSTEM_PLUG_INS: GIMP is killed while the plug-in is at work. Nothing of it
# goes on without GIMP.
plugin_folder=$1 make_pictures=$2 system_plug_ins=$3
. "$(dirname "$0")/profile.sh"
trap 'kill -9 "$gimp" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
gimp=

make_profile "$system_plug_ins/script-fu"
make_model heroes 4 16 16

# of our plug-in in this GIMP: sets plug_in
find_plug_in ()
{
  for exe in /proc/[0-9]*/exe
  do
    plug_in=${exe#/proc/} plug_in=${plug_in%/exe}
    [ "$(readlink "$exe" 2>/dev/null)" = "$(readlink -f "$plugin_folder/gimp-ddpm")" ] || continue
    if tr '\0' '\n' <"/proc/$plug_in/environ" 2>/dev/null | grep -qxF "GIMP3_DIRECTORY=$GIMP3_DIRECTORY"; then return 0; fi
  done
  return 1
}

# it has used its processor for longer than a plug-in takes to start
is_at_work ()
{
  find_plug_in || return 1
  ticks=$(sed 's/.*) //' "/proc/$plug_in/stat" 2>/dev/null | cut -d ' ' -f 12)
  [ "${ticks:-0}" -gt "$(getconf CLK_TCK)" ]
}

is_gone () { ! find_plug_in; }

# until_true COMMAND: whether it came true; what has not come by then never will, on however slow a machine
until_true ()
{
  tries=600
  while ! "$@"
  do
    tries=$((tries - 1))
    if [ "$tries" -le 0 ]; then return 1; fi
    sleep 0.2
  done
}

gimp-console-3 -idfs --quit --batch-interpreter=plug-in-script-fu-eval \
  -b '(plug-in-ddpm-generate #:run-mode RUN-NONINTERACTIVE #:model "heroes" #:count 1000 #:steps 1000)' \
  >"$work/log" 2>&1 &
gimp=$!
if until_true is_at_work; then ok 'the plug-in is at work'; else not_ok 'the plug-in is at work' "$(cat "$work/log")"; fi
kill -9 "$gimp"
wait "$gimp" 2>/dev/null
if until_true is_gone; then ok 'it ends with GIMP'; else not_ok 'it ends with GIMP' "process $plug_in goes on"; fi
if find_plug_in; then kill -9 "$plug_in"; fi
echo "1..$tap_n"
