#!/bin/sh
# script-fu-test.sh PLUGIN_FOLDER MAKE_PICTURES SYSTEM_PLUG_INS: a procedure called from GIMP's own scripts.
plugin_folder=$1 make_pictures=$2 system_plug_ins=$3
. "$(dirname "$0")/profile.sh"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

make_profile "$system_plug_ins/script-fu"
make_model heroes 4 16 16

# evaluate SCRIPT: sets status; 70 is GIMP's own for a script that failed
evaluate ()
{
  gimp-console-3 -idfs --quit --batch-interpreter=plug-in-script-fu-eval -b "$1" >"$work/log" 2>&1
  status=$?
}

evaluate '(plug-in-ddpm-generate #:run-mode RUN-NONINTERACTIVE #:model "heroes" #:count 2 #:seed 7 #:steps 3 #:sampler "ddim")'
same 'named arguments from a script' "$status" 0
evaluate '(plug-in-ddpm-generate #:run-mode RUN-NONINTERACTIVE #:model "heroes" #:steps 3 #:sampler "none")'
same 'a sampler that does not exist' "$status" 70
evaluate '(plug-in-ddpm-generate #:run-mode RUN-NONINTERACTIVE #:model "heroes" #:steps 3 #:count 0)'
same 'a count of 0' "$status" 70
echo "1..$tap_n"
