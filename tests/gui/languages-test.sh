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

# try_dialog NAME: of its procedure
try_dialog ()
{
  tell "
procedure = Gimp.get_pdb ().lookup_procedure ('plug-in-ddpm-$1')
config = procedure.create_config ()
config.set_property ('run-mode', Gimp.RunMode.INTERACTIVE)
config.set_property ('image', image)
config.set_core_object_array ('drawables', [lower, upper] if '$1' == 'interpolate' else [upper])
procedure.run (config)"
  until_true dialog_is_there || bail_out "$1: the dialog does not open"
  until_true look unfold || bail_out "$1: nothing is folded up"
  until_true look letters >"$work/letters"
  shoot "$1"
  look letters >"$work/letters"
  sed 's/^/# /' "$work/letters"
  if [ "$1" = generate ]; then same "$1: its title" "$(xdotool getwindowname "$dialog")" "$title"; fi
  same "$1: no letter goes to two places" "$(sed 's/ .*//; /^-$/d' "$work/letters" | sort | uniq -d)" ''
  same "$1: each row has a letter" "$(rows_without)" ''
  key "$dialog" Escape
  until_true no_dialog || bail_out "$1: the dialog does not close"
  until_true test -e "$DDPM_GUI_FOLDER/answer" || bail_out "$1: the procedure does not end"
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
echo "1..$tap_n"
