#!/bin/sh
# gimp-test.sh TEST PLUGIN_FOLDER DDPM MAKE_PICTURES SYSTEM_PLUG_INS: TEST.py in a headless GIMP.
test=$1 plugin_folder=$2 ddpm=$3 make_pictures=$4 system_plug_ins=$5
here=$(dirname "$0")
. "$here/profile.sh"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

make_profile "$system_plug_ins/python-eval"
make_model heroes 4 16 24
make_model materials 3 16 16 # the name of the default model
make_model colour 3 16 16
make_model grey 1 20 16
make_model labels 3 16 16 labelled-model

DDPM=$ddpm DDPM_MAKE_PICTURES=$make_pictures DDPM_PLUG_IN=$plugin_folder/gimp-ddpm DDPM_WORK=$work DDPM_TAP=$work/tap \
  PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1 \
  gimp-console-3 -idfs --quit --batch-interpreter=python-fu-eval -b - <"$here/$test.py" >"$work/log" 2>&1
status=$?
cat "$work/tap"
if [ "$status" -ne 0 ] || ! grep -q '^1\.\.' "$work/tap"
then
  tail -n 40 "$work/log" | sed 's/^/# /'
  echo "Bail out! GIMP ended with status $status"
  exit 1
fi
