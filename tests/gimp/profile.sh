# Sourced by the tests that start a GIMP: TAP lines, a folder of their own, a GIMP profile in it that nobody
# else uses, and a tiny model.
# Wants in front: plugin_folder (the built plug-in's), make_pictures (a program of the cli suite).

tap_n=0
LC_ALL=C.UTF-8
export LC_ALL

work=$(mktemp -d "${TMPDIR:-/tmp}/ddpm-gimp.XXXXXX")

ok ()
{
  tap_n=$((tap_n + 1))
  echo "ok $tap_n - $1"
}

# not_ok WHAT LINE…
not_ok ()
{
  tap_n=$((tap_n + 1))
  echo "not ok $tap_n - $1"
  shift
  for line; do printf '%s\n' "$line" | sed 's/^/# /'; done
}

# same WHAT GOT WANTED
same ()
{
  if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got:" "$2" "wanted:" "$3"; fi
}

# make_profile PLUG_IN…: GIMP asks each plug-in what it does before it starts, so it gets the few it needs
make_profile ()
{
  mkdir -p "$work/gimp" "$work/plug-ins" "$work/home" "$work/cache" "$work/config" "$work/data"
  for plug_in in "$plugin_folder" "$@"
  do
    ln -s "$plug_in" "$work/plug-ins/"
  done
  cat >"$work/gimp/gimprc" <<END
(config-version "99.0.0")
(show-welcome-dialog no)
(check-updates no)
(save-session-info no)
(plug-in-path "$work/plug-ins")
END
  HOME=$work/home GIMP3_DIRECTORY=$work/gimp
  XDG_CACHE_HOME=$work/cache XDG_CONFIG_HOME=$work/config XDG_DATA_HOME=$work/data
  export HOME GIMP3_DIRECTORY XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME
}

# heed_language: from here on LANGUAGE counts, which it does in no locale of the name C, and there may be no other on
# this system: one of another name
heed_language ()
{
  mkdir "$work/locales"
  cp -r /usr/lib/locale/C.utf8 "$work/locales/en_GB.UTF-8"
  LOCPATH=$work/locales LC_ALL=en_GB.UTF-8
  export LOCPATH LC_ALL
}

# make_model NAME CHANNELS WIDTH HEIGHT [KIND]: random weights, installed in the profile's data folder; KIND is model or
# labelled-model
make_model ()
{
  mkdir -p "$XDG_DATA_HOME/gimp-ddpm/models"
  "$make_pictures" "${5-model}" "$XDG_DATA_HOME/gimp-ddpm/models/$1" "$2" "$3" "$4" 8 16
}
