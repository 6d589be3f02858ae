#!/bin/sh
# languages-test.sh PLUGIN_FOLDER MAKE_PICTURES WATCH SCREENSHOTS LANGUAGE: each dialog in a language, with all that is
# folded up: no letter goes to two places, and each row has one.
plugin_folder=$1 make_pictures=$2 watch=$3 screenshots=$4/$5
here=$(dirname "$0")
. "$here/display.sh"
. "$here/../gimp/profile.sh"
heed_language
LANGUAGE=$5
export LANGUAGE

look ()
{
  python3 "$here/look.py" "$@" 2>"$work/look.log"
}

dialog_is_there ()
{
  dialog=$(xdotool search --onlyvisible --classname '^gimp-ddpm$' 2>/dev/null | head -n 1)
  [ -n "$dialog" ]
}

no_dialog ()
{
  ! dialog_is_there
}

# A row may have two entries of its name.
rows_without ()
{
  awk '{ letter = $1; role = $2 " " $3; sub (/^[^ ]* [^ ]* [^ ]* /, "")
         if (letter != "-") has[$0] = 1
         if (role ~ /spin|combo|check|toggle/) row[$0] = 1 }
       END { for (name in row) if (! (name in has)) print name }' "$work/letters"
}

is_told ()
{
  look error >"$work/told" && [ -s "$work/told" ]
}

# open_by_script NAME: the dialog of its procedure
open_by_script ()
{
  tell "
procedure = Gimp.get_pdb ().lookup_procedure ('plug-in-ddpm-$1')
config = procedure.create_config ()
config.set_property ('run-mode', Gimp.RunMode.INTERACTIVE)
config.set_property ('image', image)
config.set_core_object_array ('drawables', [lower, upper] if '$1' == 'interpolate' else [upper])
procedure.run (config)"
  until_true dialog_is_there || bail_out "$1: the dialog does not open"
}

close_dialog ()
{
  key "$dialog" Escape
  until_true no_dialog || bail_out "$1: the dialog does not close"
  until_true test -e "$DDPM_GUI_FOLDER/answer" || bail_out "$1: the procedure does not end"
}

# try_dialog NAME
try_dialog ()
{
  open_by_script "$1"
  until_true look unfold || bail_out "$1: nothing is folded up"
  until_true look letters >"$work/letters"
  shoot "$1"
  look letters >"$work/letters"
  sed 's/^/# /' "$work/letters"
  if [ "$1" = generate ]; then same "$1: its title" "$(xdotool getwindowname "$dialog")" "$title"; fi
  same "$1: no letter goes to two places" "$(sed 's/ .*//; /^-$/d' "$work/letters" | sort | uniq -d)" ''
  same "$1: each row has a letter" "$(rows_without)" ''
  close_dialog "$1"
}

set_up
open_layers
title=$(TEXTDOMAIN=gimp-ddpm TEXTDOMAINDIR=$plugin_folder/locale gettext 'Generate New Layers')
if [ "$5" != C ]; then same 'the words are translated' "$([ "$title" != 'Generate New Layers' ] || echo no)" ''; fi
ask 'Gimp.Image.select_rectangle (image, Gimp.ChannelOps.REPLACE, 40, 16, 20, 20)'
for name in generate vary interpolate fill progressive
do
  try_dialog "$name"
done

echo '# a model that is gone when the button is pressed'
open_by_script generate
mv "$XDG_DATA_HOME/gimp-ddpm/models/materials/unet" "$work/unet"
key "$dialog" Return
until_true is_told || bail_out "no error is told"
sed 's/^/# /' "$work/told"
same "what the library says is in the dialog's language" \
  "$(grep -c 'copy or download' "$work/told")" "$(if [ "$5" = C ]; then echo 1; else echo 0; fi)"
shoot error
close_dialog generate
echo "1..$tap_n"
