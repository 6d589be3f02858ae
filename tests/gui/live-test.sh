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

# some_new_layers: what is there of the 1000 that were asked for
some_new_layers ()
{
  n=$(state | grep -c '^ *materials [0-9]* ([0-9]*)')
  [ "$n" -gt 0 ] && [ "$n" -lt 1000 ]
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

# verdict WHAT COMMAND…: ok when it comes true
verdict ()
{
  what=$1
  shift
  if until_true "$@"; then ok "$what"; else not_ok "$what" "$(cat "$work/look.log")" "$(state)"; fi
}

# begin LETTER TITLE COUNTED N STEPS: the dialog opens and runs, long
begin ()
{
  open_dialog "$1" "$2" || bail_out "$2: the dialog does not open"
  until_true look set 'Steps (0: as recommended)' "$5" || bail_out "$2: no steps can be set"
  until_true look set "$3" "$4" || bail_out "$2: no number can be set"
  key "$dialog" Return
  until_true steps_done || bail_out "$2: nothing is done"
}

# try_live NAME LETTER TITLE OK COUNTED
try_live ()
{
  before=$(state)
  begin "$2" "$3" "$5" 1000 1000
  place=$(look place)
  first=$(preview)
  verdict "$1: the preview changes" preview_differs "$first"
  verdict "$1: the preview goes on changing" preview_differs "$(preview)"
  verdict "$1: every entry has a name for screen readers" all_have_names
  shoot "$1-running"

  key "$dialog" alt+c
  verdict "$1: Cancel goes back to the settings" can_be_pressed_again "$4"
  verdict "$1: the settings are as they were" value_is "$5" 1000
  same "$1: Cancel leaves the image alone" "$(state)" "$before"
  key "$dialog" Escape
  verdict "$1: Escape closes the dialog then" no_window "^$3\$"
  verdict "$1: and nothing goes on running" no_process
  same "$1: and the image is as before" "$(state)" "$before"

  begin "$2" "$3" "$5" 1000 1000
  key "$dialog" alt+o
  verdict "$1: Stop Here takes the pictures under way" some_new_layers
  verdict "$1: and closes the dialog" no_window "^$3\$"
  undo "$1" "$before"
}

set_up
open_layers

try_live generate n 'Generate New Layers' Generate 'Number of pictures'
try_live vary v 'Variations of a Layer' Vary 'Number of pictures'
ask 'Gimp.Image.select_rectangle (image, Gimp.ChannelOps.REPLACE, 40, 16, 20, 20)'
try_live fill f 'Fill the Selection' Fill 'Number of fills'
ask 'Gimp.Selection.none (image); image.set_selected_layers ([lower, upper])'
try_live interpolate i 'Interpolate Layers' Interpolate 'Number of in-betweens'
ask 'image.set_selected_layers ([upper])'
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

echo "# the pictures of all this are in $screenshots"
echo "1..$tap_n"
