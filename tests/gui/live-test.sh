#!/bin/sh
# live-test.sh PLUGIN_FOLDER MAKE_PICTURES WATCH SCREENSHOTS: the dialogs while they work: previews that change, and all
# the ways to end a run. Runs that are looked at would take minutes, so that they never end by themselves before.
plugin_folder=$1 make_pictures=$2 watch=$3 screenshots=$4
here=$(dirname "$0")
. "$here/display.sh"
. "$here/../gimp/profile.sh"

look ()
{
  python3 "$here/look.py" "$@" 2>"$work/look.log"
}

steps_done ()
{
  look progress | grep -q -v '^0\.0*$'
}

is_sensitive ()
{
  look sensitive "$1"
}

can_be_pressed_again ()
{
  is_sensitive "$1" && ! is_sensitive 'Stop Here'
}

# preview: a number for what is seen in the dialog's right half
preview ()
{
  import -window root -crop "$place" rgb:- | cksum
}

preview_differs ()
{
  [ "$(preview)" != "$1" ]
}

is_told ()
{
  look error >"$work/told"
}

# some_new_layers: what is there of the wanted ones
some_new_layers ()
{
  n=$(state | grep -c "$new_layer")
  [ "$n" -gt 0 ] && [ "$n" -lt "$wanted" ]
}

# value_is NAME VALUE: of a spin button
value_is ()
{
  [ "$(look value "$1")" = "$2" ]
}

# all_have_names: every entry, for screen readers
all_have_names ()
{
  look names >"$work/nameless" && ! [ -s "$work/nameless" ]
}

# kill_plug_in: as GIMP's own Cancel does; the search finds itself, too, but has gone by then
kill_plug_in ()
{
  for cmdline in $(grep -l -s -a "$work/plug-ins/gimp-ddpm/gimp-ddpm" /proc/[0-9]*/cmdline)
  do
    pid=${cmdline#/proc/}
    kill -9 "${pid%/cmdline}" 2>/dev/null
  done
}

# verdict WHAT COMMAND…: ok when it comes true
verdict ()
{
  what=$1
  shift
  if until_true "$@"; then ok "$what"; else not_ok "$what" "$(cat "$work/look.log")" "$(state)"; fi
}

# begin LETTER TITLE COUNTED N STEPS [SIDE]: the dialog opens and runs, long
begin ()
{
  wanted=$4
  open_dialog "$1" "$2" || bail_out "$2: the dialog does not open"
  until_true look set 'Steps (0: as recommended)' "$5" || bail_out "$2: no steps can be set"
  until_true look set "$3" "$4" || bail_out "$2: no number can be set"
  if [ -n "${6-}" ]
  then
    until_true look set "Width (0: the model's)" "$6" || bail_out "$2: no width can be set"
    until_true look set "Height (0: the model's)" "$6" || bail_out "$2: no height can be set"
  fi
  key "$dialog" Return
  until_true steps_done || bail_out "$2: nothing is done"
}

# try_live NAME LETTER TITLE OK COUNTED N [SIDE]
try_live ()
{
  before=$(state)
  begin "$2" "$3" "$5" "$6" 1000 "${7-}"
  place=$(look place)
  first=$(preview)
  verdict "$1: the preview changes" preview_differs "$first"
  verdict "$1: the preview goes on changing" preview_differs "$(preview)"
  verdict "$1: every entry has a name for screen readers" all_have_names
  shoot "$1-running"

  key "$dialog" alt+c
  verdict "$1: Cancel goes back to the settings" can_be_pressed_again "$4"
  verdict "$1: the settings are as they were" value_is "$5" "$6"
  same "$1: Cancel leaves the image alone" "$(state)" "$before"
  key "$dialog" Escape
  verdict "$1: Escape closes the dialog then" no_window "^$3\$"
  verdict "$1: and nothing goes on running" no_process
  same "$1: and the image is as before" "$(state)" "$before"

  begin "$2" "$3" "$5" "$6" 1000 "${7-}"
  key "$dialog" alt+o
  verdict "$1: Stop Here takes the pictures under way" some_new_layers
  verdict "$1: and closes the dialog" no_window "^$3\$"
  undo "$1" "$before"
}

set_up
open_layers

try_live generate n 'Generate New Layers' Generate 'Number of pictures' 1000
try_live vary v 'Variations of a Layer' Vary 'Number of pictures' 1000
ask 'Gimp.Image.select_rectangle (image, Gimp.ChannelOps.REPLACE, 40, 16, 20, 20)'
try_live fill f 'Fill the Selection' Fill 'Number of fills' 1000
ask 'Gimp.Selection.none (image); image.set_selected_layers ([lower, upper])'
try_live interpolate i 'Interpolate Layers' Interpolate 'Number of in-betweens' 1000
ask 'image.set_selected_layers ([upper])'
# one picture, which would be done at once at the model's size
try_live progressive p 'Progressive Steps' Generate 'Number of pictures' 20 512
start=$(state) # no longer clean, for the selection

echo '# what is finished'
begin n 'Generate New Layers' 'Number of pictures' 1000 20
verdict 'keep: pictures finish one batch after the other' is_sensitive 'Keep Finished'
shoot keep-running
key "$dialog" alt+k
verdict 'keep: Keep Finished takes them, and no others' some_new_layers
undo keep "$start"

echo '# a window that is closed, a model that is gone'
begin n 'Generate New Layers' 'Number of pictures' 1000 1000
key "$dialog" alt+F4
verdict 'close: the run ends with its window' no_process
same 'close: and the image is as before' "$(state)" "$start"

open_dialog n 'Generate New Layers' || bail_out "the dialog does not open"
# GIMP remembers what was asked for the last time
until_true look set 'Number of pictures' 4 || bail_out "no number can be set"
mv "$XDG_DATA_HOME/gimp-ddpm/models/materials/unet" "$work/unet"
key "$dialog" Return
verdict 'error: it is told in the dialog' is_told
shoot error
sed 's/^/# /' "$work/told"
mv "$work/unet" "$XDG_DATA_HOME/gimp-ddpm/models/materials/unet"
key "$dialog" Return
verdict 'error: and when it is mended, the same dialog works' new_layers_are 4

echo '# the same once more'
made=$(state | grep materials)
ask 'image.set_selected_layers ([layer for layer in image.get_layers () [0].get_children ()] [:1])'
key "$gimp_window" alt+r Up Right r
until_true find_window '^Generate New Layers$' || bail_out "Repeat Exactly opens no dialog"
dialog=$window
shoot repeat
key "$dialog" Return
verdict 'repeat: Return makes 4 more' new_layers_are 8
same 'repeat: they are the same' "$(state | grep -c "$(printf '%s\n' "$made" | sed -n 's/.* \([0-9a-f]\{40\}\)$/\1/p')")" 8

echo '# the model is deleted in mid-run'
ask 'image.set_selected_layers ([upper])'
before=$(state)
begin n 'Generate New Layers' 'Number of pictures' 4 1000
rm -r "$XDG_DATA_HOME/gimp-ddpm/models/materials"
verdict 'deleted: all pictures come, of the weights that had been read' new_layers_are 12
undo deleted "$before"
make_model materials 4 32 32

echo '# processes that are killed in mid-run'
begin n 'Generate New Layers' 'Number of pictures' 1000 1000
kill_plug_in
verdict 'plug-in killed: GIMP says so' find_window 'GIMP Message'
shoot killed
key "$window" Escape
same 'plug-in killed: the image is as before' "$(state)" "$before"
verdict 'plug-in killed: nothing of it is left' no_process
open_dialog n 'Generate New Layers'
verdict 'plug-in killed: and the dialog opens again' find_window '^Generate New Layers$'
kill -9 "$gimp"
verdict 'GIMP killed: an open dialog goes with it' no_process

start_gimp
open_layers
begin n 'Generate New Layers' 'Number of pictures' 1000 1000
kill -9 "$gimp"
verdict 'GIMP killed: a run goes with it' no_process

echo "# the pictures of all this are in $screenshots"
echo "1..$tap_n"
