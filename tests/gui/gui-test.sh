#!/bin/sh
# gui-test.sh PLUGIN_FOLDER MAKE_PICTURES WATCH SCREENSHOTS: a real GIMP window on a display of its own. For each menu
# item: the dialog opens, Return runs it, the pictures come, Ctrl+Z takes all of it back. Nothing waits for a time:
# each step waits until what it wants can be seen.
plugin_folder=$1 make_pictures=$2 watch=$3 screenshots=$4
. "$(dirname "$0")/display.sh"
. "$(dirname "$0")/../gimp/profile.sh"

# try_item NAME LETTER TITLE N: the whole way of one menu item that makes N layers
try_item ()
{
  before=$(state)
  if ! open_dialog "$2" "$3"
  then
    shoot "$1-no-dialog"
    not_ok "$1: the menu item opens its dialog"
    return
  fi
  ok "$1: the menu item opens its dialog"
  shoot "$1-dialog"

  key "$dialog" Escape
  until_true no_window "^$3\$" || bail_out "the dialog of $1 does not close"
  same "$1: a dialog that is cancelled changes nothing" "$(state)" "$before"

  open_dialog "$2" "$3" || bail_out "the dialog of $1 does not open again"
  key "$dialog" Return
  if until_true new_layers_are "$4"
  then ok "$1: Return makes $4 layers"
  else not_ok "$1: Return makes $4 layers" "$(state)"
  fi
  shoot "$1-result"
  same "$1: the layers that were there are as before" "$(state | grep -v -e materials -e dirty)" \
    "$(printf '%s\n' "$before" | grep -v clean)"
}

set_up

echo '# with no image open'
try_item empty n 'Generate New Layers' 4
same 'empty: a new image of the size of the pictures' "$(state | head -n 1)" '32 32 dirty'
undo empty '32 32 dirty'
ask 'Gimp.Display.get_by_id (1).delete ()'
until_true state_is '' || bail_out "the image does not close"

echo '# with two layers of different sizes'
open_layers
start=$(state)

try_item generate n 'Generate New Layers' 4
once=$(state)
key "$gimp_window" ctrl+f
if until_true new_layers_are 8
then ok 'generate: Ctrl+F makes 4 more'
else not_ok 'generate: Ctrl+F makes 4 more' "$(state)"
fi
# GIMP would number a second layer of the same name
same 'generate: Ctrl+F draws another seed' "$(state | grep -c '#')" 0
undo 'generate again' "$once"
undo generate "$start"

try_item vary v 'Variations of a Layer' 4
undo vary "$start"

try_item progressive p 'Progressive Steps' 8
undo progressive "$start"

ask 'image.set_selected_layers ([lower, upper])'
try_item interpolate i 'Interpolate Layers' 4
undo interpolate "$start"

echo '# a text layer'
ask '
text = Gimp.TextLayer.new (image, "Abc", Gimp.context_get_font (), 30, Gimp.Unit.pixel ())
image.insert_layer (text, None, 0)
image.set_selected_layers ([text])
image.clean_all ()'
start=$(state)
try_item text v 'Variations of a Layer' 4
same 'text: variations are of its size, and no text' \
  "$(ask 'print ({(new.get_width (), new.get_height (), new.is_text_layer ()) for new in image.get_layers () [:4]}
    == {(text.get_width (), text.get_height (), False)})')" True
same 'text: the layer is text as before' "$(ask 'print (text.is_text_layer (), text.get_text ())')" 'True Abc'
undo text "$start"

echo "# the pictures of all this are in $screenshots"
echo "1..$tap_n"
