# Into the user's own folders and out again. What was put there is listed in one file, so uninstall takes exactly that.

config_folder=${XDG_CONFIG_HOME:-$HOME/.config}/GIMP
data_folder=${XDG_DATA_HOME:-$HOME/.local/share}/gimp-ddpm
command_file=$HOME/.local/bin/ddpm
module_folder=$HOME/.local/lib/gimp-ddpm
manifest=$data_folder/installed

# gimp_profiles: the profile folders (3.0, 3.2, …) to install into. GIMP's own version counts, even before its first
# start, where we build on this system; in the Debian root that GIMP is not the user's.
gimp_profiles ()
{
  {
    if [ -z "${DDPM_DEV_CHROOT-}" ]
    then
      pkg-config --modversion gimp-3.0 | sed 's/^\([0-9]*\.[0-9]*\).*/\1/'
    fi
    for folder in "$config_folder"/3.*
    do
      if [ -d "$folder" ]; then basename "$folder"; fi
    done
  } | sort -u
}

is_ours ()
{
  [ -f "$manifest" ] && grep -qxF "$1" "$manifest"
}

# put FILE TARGET: under a temporary name first, because GIMP may be running the old one
put ()
{
  mkdir -p "$(dirname "$2")"
  cp "$1" "$2.new"
  mv -f "$2.new" "$2"
}

# command_wrapper: ddpm, for a system that cannot run a Debian 13 program itself
command_wrapper ()
{
  quoted=$(printf '%s' "$top/dev" | sed "s/'/'\\\\''/g")
  printf '#!/bin/sh\n# made by ./dev install: ddpm runs in the Debian root it was built in\nexec '"'%s'"' run ddpm "$@"\n' "$quoted"
}

install_all ()
{
  uninstall_all quietly
  mkdir -p "$data_folder"
  : >"$manifest"

  for profile in $(gimp_profiles)
  do
    folder=$config_folder/$profile/plug-ins/gimp-ddpm
    echo "$folder" >>"$manifest"
    put "$top/build/plugin/gimp-ddpm/gimp-ddpm" "$folder/gimp-ddpm"
    if [ -d "$top/build/plugin/gimp-ddpm/locale" ]; then cp -rL "$top/build/plugin/gimp-ddpm/locale" "$folder/"; fi
    say "the plug-in is in $folder"
  done
  if [ -z "$(gimp_profiles)" ]
  then
    say "this system has no GIMP 3 and no profile of one in $config_folder, so the plug-in was not installed: get GIMP 3 (Debian 13 has it), start it once and call ./dev install again; ./dev demo runs the plug-in in the GIMP of the Debian root."
  elif [ -n "${DDPM_DEV_CHROOT-}" ]
  then
    say "the plug-in was built for Debian 13: a GIMP 3 of another origin may lack the libraries it needs."
  fi

  # one copy for GIMP and for the command; training state is not needed to sample
  for model in "$top"/models/*/
  do
    model=${model%/}
    target=$data_folder/models/${model##*/}
    if ! [ -f "$model/model_index.json" ]; then continue; fi
    if [ -e "$target" ]
    then
      say "$target is a model of your own and stays as it is."
      continue
    fi
    echo "$target" >>"$manifest"
    mkdir -p "$target"
    (cd "$model" && tar -cf - --exclude=./training . | tar -xf - -C "$target")
    say "the model ${model##*/} is in $target"
  done

  if [ -e "$command_file" ]
  then
    say "$command_file is not ours and stays as it is."
    return
  fi
  echo "$command_file" >>"$manifest"
  if [ -n "${DDPM_DEV_CHROOT-}" ]
  then
    mkdir -p "$(dirname "$command_file")"
    command_wrapper >"$command_file"
    chmod +x "$command_file"
  else
    put "$(built_program ddpm)" "$command_file"
    # what mpirun needs, where the command looks for it
    for module in "$(dirname "$(built_program ddpm)")"/ddpm-ranks-mpi.*
    do
      if ! [ -f "$module" ]; then continue; fi
      echo "$module_folder" >>"$manifest"
      put "$module" "$module_folder/${module##*/}"
    done
  fi
  say "the command is $command_file"
}

# uninstall_all [quietly]
uninstall_all ()
{
  if ! [ -f "$manifest" ]
  then
    if [ $# -eq 0 ]; then say "nothing is installed."; fi
    return
  fi
  while IFS= read -r place
  do
    case $place in
      "$config_folder"/3.*/plug-ins/gimp-ddpm | "$data_folder"/models/?* | "$command_file" | "$module_folder")
        rm -rf --one-file-system "$place"
        if [ $# -eq 0 ]; then say "removed $place"; fi
        ;;
    esac
  done <"$manifest"
  rm -f "$manifest"
  rmdir "$data_folder/models" "$data_folder" 2>/dev/null || true
}
