# Into the user's own folders and out again. Every file and folder stands in one list before it is made, so uninstall
# takes exactly those, after an install that was interrupted, too.

config_folder=${XDG_CONFIG_HOME:-$HOME/.config}/GIMP
data_folder=${XDG_DATA_HOME:-$HOME/.local/share}/gimp-ddpm
command_file=$HOME/.local/bin/ddpm
module_folder=$HOME/.local/lib/gimp-ddpm
manifest=$data_folder/installed
# lies beside the plug-in, and so in the copies that a new version of GIMP makes of it
mark=put-there-by-dev-install

# gimp_profiles: the folders of the profiles to install into, one a line: those of 3.0, 3.2 and so on. GIMP's own version
# counts, even before its first start, where we build on this system; in the Debian root that GIMP is not the user's.
gimp_profiles ()
{
  case ${GIMP3_DIRECTORY-} in
    /*) printf '%s\n' "$GIMP3_DIRECTORY" && return ;;
    ?*) printf '%s\n' "$HOME/$GIMP3_DIRECTORY" && return ;;
  esac
  {
    if [ -z "${DDPM_DEV_CHROOT-}" ]
    then
      pkg-config --modversion gimp-3.0 | sed 's/^\([0-9]*\.[0-9]*\).*/\1/'
    fi
    for folder in "$config_folder"/3.*
    do
      if [ -d "$folder" ]; then basename "$folder"; fi
    done
  } | grep -x '3\.[0-9]*' | sort -u | while read -r version; do printf '%s\n' "$config_folder/$version"; done
}

# note PLACE: into the list, and into the one of this install alone; a folder's name ends with a slash
note ()
{
  printf '%s\n' "$1" | tee -a "$manifest" >>"$manifest.new"
}

# missing_folders FOLDER: it and those above it that are not there, the topmost first
missing_folders ()
{
  if [ -d "$1" ]; then return; fi
  missing_folders "$(dirname "$1")"
  printf '%s/\n' "$1"
}

make_folder ()
{
  if [ -d "$1" ]; then return; fi
  missing_folders "$1" | while IFS= read -r folder; do note "$folder"; done
  mkdir -p "$1"
}

# is_foreign PLACE: it is there, and not by us
is_foreign ()
{
  { [ -e "$1" ] || [ -L "$1" ]; } && ! grep -qxF -e "$1" -e "$1/" "$manifest"
}

# note_copies: when a new version of GIMP starts first, it copies all plug-ins from the profile of the one before
note_copies ()
{
  for copy in "$config_folder"/3.*/plug-ins/gimp-ddpm
  do
    if [ -f "$copy/$mark" ] && ! [ -L "$copy" ]
    then
      find "$copy" -type d -exec printf '%s/\n' {} + >>"$manifest"
      find "$copy" ! -type d >>"$manifest"
    fi
  done
}

# put FILE TARGET: under a temporary name first, because GIMP may be running the old one
put ()
{
  make_folder "$(dirname "$2")" && note "$2" && cp "$1" "$2.new" && mv -f "$2.new" "$2" ||
    die "$2 could not be written: mend that and call ./dev install again, or ./dev uninstall."
}

# put_all FOLDER TARGET: its files, but no training state, which is not needed to sample
put_all ()
{
  (cd "$1" && find . -type f ! -path './training/*') | while IFS= read -r file
  do
    put "$1/$file" "$2/${file#./}"
  done
}

put_plug_in ()
{
  if is_foreign "$1"
  then
    say "$1 is not ours and stays as it is."
    return
  fi
  put /dev/null "$1/$mark"
  put "$top/build/plugin/gimp-ddpm/gimp-ddpm" "$1/gimp-ddpm"
  (cd "$top/build/po" && find . -name '*.mo') | while IFS= read -r file
  do
    put "$top/build/po/$file" "$1/locale/${file#./}"
  done
  say "the plug-in is in $1"
}

put_plug_ins ()
{
  if [ -z "$(gimp_profiles)" ]
  then
    say "this system has no GIMP 3 and no profile of one in $config_folder, so the plug-in was not installed: get GIMP 3 (Debian 13 has it), start it once and call ./dev install again; ./dev demo runs the plug-in in the GIMP of the Debian root."
    return
  fi
  gimp_profiles | while IFS= read -r profile; do put_plug_in "$profile/plug-ins/gimp-ddpm"; done
  if [ -n "${DDPM_DEV_CHROOT-}" ]
  then
    say "the plug-in was built for Debian 13: a GIMP 3 of another origin may lack the libraries it needs."
  fi
}

# one copy for GIMP and for the command
put_models ()
{
  for model in "$top"/models/*/
  do
    model=${model%/}
    target=$data_folder/models/${model##*/}
    if ! [ -f "$model/model_index.json" ]; then continue; fi
    if is_foreign "$target"
    then
      say "$target is a model of your own and stays as it is."
      continue
    fi
    put_all "$model" "$target"
    say "the model ${model##*/} is in $target"
  done
}

# command_wrapper: ddpm, for a system that cannot run a Debian 13 program itself
command_wrapper ()
{
  quoted=$(printf '%s' "$top/dev" | sed "s/'/'\\\\''/g")
  printf '#!/bin/sh\n# made by ./dev install: ddpm runs in the Debian root it was built in\nexec '"'%s'"' run ddpm "$@"\n' "$quoted"
}

put_command ()
{
  if is_foreign "$command_file"
  then
    say "$command_file is not ours and stays as it is."
    return
  fi
  if [ -n "${DDPM_DEV_CHROOT-}" ]
  then
    wrapper=$(mktemp)
    command_wrapper >"$wrapper"
    chmod 755 "$wrapper"
    put "$wrapper" "$command_file"
    rm -f "$wrapper"
  else
    put "$(built_program ddpm)" "$command_file"
    # what mpirun needs, where the command looks for it
    for module in "$(dirname "$(built_program ddpm)")"/ddpm-ranks-mpi.*
    do
      if [ -f "$module" ]; then put "$module" "$module_folder/${module##*/}"; fi
    done
  fi
  say "the command is $command_file"
}

# what an earlier install put there is replaced file by file, and what it had besides goes last: a GIMP that runs
# meanwhile finds all it needs
install_all ()
{
  # a list of whole folders, as it once was
  if [ -f "$manifest" ] && ! grep -q '/$' "$manifest"; then uninstall_all; fi
  folders=$(missing_folders "$data_folder")
  mkdir -p "$data_folder"
  printf '%s\n' "$folders" "$data_folder/" | grep . >>"$manifest"
  note_copies
  grep '/$' "$manifest" >"$manifest.new"

  put_plug_ins
  put_models
  put_command

  { grep -vxF -f "$manifest.new" "$manifest" || true; grep '/$' "$manifest"; } | take_away
  LC_ALL=C sort -uo "$manifest.new" "$manifest.new"
  mv -f "$manifest.new" "$manifest"
}

# take_away: the files and the empty folders of a list on standard input
take_away ()
{
  LC_ALL=C sort -ru | while IFS= read -r place
  do
    case $place in
      */) rmdir "$place" 2>/dev/null || true ;;
      */plug-ins/gimp-ddpm | */plug-ins/gimp-ddpm/* | */gimp-ddpm/models/?* | */.local/bin/ddpm | \
        */.local/lib/gimp-ddpm | */.local/lib/gimp-ddpm/*)
        rm -rf --one-file-system "$place" "$place.new"
        ;;
    esac
  done
}

uninstall_all ()
{
  if ! [ -f "$manifest" ]
  then
    say "nothing is installed: there is no $manifest."
    return
  fi
  note_copies
  list=$(cat "$manifest")
  printf '%s\n' "$list" | sed -n 's,/model_index\.json$,,p; /\/bin\/ddpm$/p; s,\(/plug-ins/gimp-ddpm\)/gimp-ddpm$,\1,p' |
    sort -u | while IFS= read -r place; do say "taking away $place"; done
  take_away <"$manifest"
  rm -f "$manifest" "$manifest.new"
  printf '%s\n' "$list" | take_away # the folder that the list was in
  if [ -d "$data_folder/models" ]; then say "what is left in $data_folder/models is your own."; fi
}
