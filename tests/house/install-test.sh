#!/bin/sh
# install-test.sh ROOT: ./dev install and uninstall in homes of their own, with a build and models made up here.
set -eu
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/run-dev.sh"
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# a checkout that is built, in a path that has to be quoted
top="$work/my house's"
mkdir -p "$top/build/plugin/gimp-ddpm" "$top/build/po/de/LC_MESSAGES" "$top/build/po/fr/LC_MESSAGES" \
  "$top/build/ui/cli" "$top/models/faces/unet" "$top/models/faces/training" "$top/models/materials" "$top/models/notes"
echo 'plug-in' >"$top/build/plugin/gimp-ddpm/gimp-ddpm"
printf '#!/bin/sh\necho built\n' >"$top/build/ui/cli/ddpm"
echo 'module' >"$top/build/ui/cli/ddpm-ranks-mpi.so"
chmod +x "$top/build/plugin/gimp-ddpm/gimp-ddpm" "$top/build/ui/cli/ddpm"
for language in de fr; do echo "$language" >"$top/build/po/$language/LC_MESSAGES/gimp-ddpm.mo"; done
echo 'a note' >"$top/build/po/note"
echo 'weights' >"$top/models/faces/unet/weights"
echo 'state' >"$top/models/faces/training/state"
for model in faces materials; do echo '{}' >"$top/models/$model/model_index.json"; done
echo 'no model' >"$top/models/notes/README"

# dev COMMAND…: install_all or uninstall_all for the home $home; leaves its status
dev ()
{
  # not in a condition, where the inner set -e would not count
  set +e
  (
    HOME=$home
    export HOME
    run_dev "$@"
  )
  status=$?
  set -e
}

# tree FOLDER: all that is in it, and the lines of its files
tree ()
{
  (cd "$1" && find . && find . -type f -exec grep -H '' {} + || true) | LC_ALL=C sort
}

# new_home NAME PROFILE…: with what a user may have there
new_home ()
{
  home="$work/home of $1"
  shift
  mkdir -p "$home/.config/GIMP" "$home/.local/share"
  echo 'a letter' >"$home/letter"
  for profile; do mkdir -p "$home/.config/GIMP/$profile/plug-ins"; done
  before=$(tree "$home")
}

unset XDG_CONFIG_HOME XDG_DATA_HOME GIMP3_DIRECTORY
DDPM_DEV_CHROOT=1
export DDPM_DEV_CHROOT

new_home both 2.10 3.0 3.2 '3.2 copy'
dev install_all
check 'install ends well' 0 "$status"
files="./faces/model_index.json
./faces/unet/weights
./materials/model_index.json"
check 'the models are there, without what sampling does not need' "$files" \
  "$(cd "$home/.local/share/gimp-ddpm/models" && find . -type f | LC_ALL=C sort)"
plug_in='gimp-ddpm:plug-in
locale/de/LC_MESSAGES/gimp-ddpm.mo:de
locale/fr/LC_MESSAGES/gimp-ddpm.mo:fr'
for profile in 3.0 3.2
do
  check "the plug-in and its translations are in the profile of $profile" "$plug_in" \
    "$(tree "$home/.config/GIMP/$profile/plug-ins/gimp-ddpm" | sed -n 's,^\./\(.*:\),\1,p')"
done
check 'GIMP may run it' yes "$([ -x "$home/.config/GIMP/3.0/plug-ins/gimp-ddpm/gimp-ddpm" ] && echo yes)"
check 'other folders of GIMP stay as they are' '' \
  "$(find "$home/.config/GIMP/2.10/plug-ins" "$home/.config/GIMP/3.2 copy/plug-ins" -mindepth 1)"
check 'out of the Debian root the command calls ./dev' "exec '$work/my house'\\''s/dev' run ddpm \"\$@\"" \
  "$(tail -n 1 "$home/.local/bin/ddpm")"

installed=$(tree "$home")
dev install_all
check 'a second install ends well' 0 "$status"
check 'and changes nothing' "$installed" "$(tree "$home")"

# a plug-in that runs keeps its file, and what a new build lacks goes
exec 3<"$home/.config/GIMP/3.0/plug-ins/gimp-ddpm/gimp-ddpm"
echo 'plug-in 2' >"$top/build/plugin/gimp-ddpm/gimp-ddpm"
mv "$top/build/po/fr" "$work/fr"
dev install_all
check 'a plug-in that runs is not written over' plug-in "$(cat <&3)"
exec 3<&-
check 'and the new one is there' 'plug-in 2' "$(cat "$home/.config/GIMP/3.0/plug-ins/gimp-ddpm/gimp-ddpm")"
check 'what the new build does not have is gone' de "$(ls "$home/.config/GIMP/3.0/plug-ins/gimp-ddpm/locale")"
mv "$work/fr" "$top/build/po/fr"
echo 'plug-in' >"$top/build/plugin/gimp-ddpm/gimp-ddpm"

dev uninstall_all
check 'uninstall leaves nothing behind' "$before" "$(tree "$home")"
check 'and says what it took away' 5 "$(grep -c 'taking away' "$work/said")"
dev uninstall_all
check 'a second one says that nothing is installed' '0 1' "$status $(grep -c 'nothing is installed' "$work/said")"

new_home upgraded 3.0
before=$(tree "$home")
dev install_all
# as GIMP 3.2 does at its first start
cp -r "$home/.config/GIMP/3.0" "$home/.config/GIMP/3.2"
echo 'plug-in 3' >"$top/build/plugin/gimp-ddpm/gimp-ddpm"
dev install_all
check 'a copy that GIMP made for its next version is renewed' 'plug-in 3' \
  "$(cat "$home/.config/GIMP/3.2/plug-ins/gimp-ddpm/gimp-ddpm")"
echo 'plug-in' >"$top/build/plugin/gimp-ddpm/gimp-ddpm"
cp -r "$home/.config/GIMP/3.0" "$home/.config/GIMP/3.4"
dev uninstall_all
rmdir "$home"/.config/GIMP/3.[24]/plug-ins "$home"/.config/GIMP/3.[24]
check 'and all copies are taken away' "$before" "$(tree "$home")"

new_home owner 3.0
mkdir -p "$home/.local/share/gimp-ddpm/models/faces" "$home/.local/bin" "$home/.config/GIMP/3.0/plug-ins/other"
echo mine >"$home/.local/share/gimp-ddpm/models/faces/model_index.json"
echo mine >"$home/.local/bin/ddpm"
before=$(tree "$home")
dev install_all
check 'models and a command of the same name are the user'"'"'s' 'mine mine' \
  "$(cat "$home/.local/share/gimp-ddpm/models/faces/model_index.json") $(cat "$home/.local/bin/ddpm")"
check 'and are told' 2 "$(grep -c 'stays as it is' "$work/said")"
check 'the other model is there' '{}' "$(cat "$home/.local/share/gimp-ddpm/models/materials/model_index.json")"
mkdir "$home/.local/share/gimp-ddpm/models/materials/training"
echo mine >"$home/.local/share/gimp-ddpm/models/materials/training/state"
dev uninstall_all
check 'a file that the user added to a model stays' mine \
  "$(cat "$home/.local/share/gimp-ddpm/models/materials/training/state")"
rm -r "$home/.local/share/gimp-ddpm/models/materials"
check 'with all that was the user'"'"'s' "$before" "$(tree "$home")"

# a link to a build, as a developer may have: to write through it would change the build
new_home developer 3.0
ln -s "$top/build/plugin/gimp-ddpm" "$home/.config/GIMP/3.0/plug-ins/gimp-ddpm"
linked=$(tree "$top/build")
before=$(tree "$home")
dev install_all
dev uninstall_all
check 'a link into a build stays' "$before" "$(tree "$home")"
check 'and so does the build' "$linked" "$(tree "$top/build")"

# install_until N: ends in the middle of the Nth file
install_until ()
{
  limit=$1
  : >"$work/copies"
  cp ()
  {
    echo >>"$work/copies"
    if [ "$(wc -l <"$work/copies")" -lt "$limit" ]
    then command cp "$@"
    else
      echo half >"$2"
      exit 9
    fi
  }
  install_all
}

new_home unlucky 3.0 3.2
n=1
left=
while dev install_until $n && [ "$status" -eq 9 ]
do
  if [ "$n" -eq 4 ]; then fourth=$(tree "$home"); fi
  dev uninstall_all
  if [ "$(tree "$home")" != "$before" ]; then left="$left $n"; fi
  n=$((n + 1))
done
check 'an install that ends in the middle of the fourth file leaves something' no "$([ "$fourth" = "$before" ] || echo no)"
check 'uninstall takes away what is left of an interrupted one, wherever that was' '' "$left"
check 'the one that is not interrupted ends well' 0 "$status"
dev uninstall_all
dev install_until 4
dev install_all
again=$(tree "$home")
dev uninstall_all
dev install_all
check 'install goes on from an interrupted one' "$(tree "$home")" "$again"
dev uninstall_all

# a full disk, or a place that may not be written
new_home full 3.0
mkdir -p "$home/.config/GIMP/3.0/plug-ins"
cannot_copy ()
{
  cp () { return 1; }
  install_all
}
dev cannot_copy
check 'a file that cannot be written is told in one sentence' '1 1' "$status $(grep -c 'could not be written' "$work/said")"
dev uninstall_all
check 'and nothing stays' "$before" "$(tree "$home")"

# the folders that the variables name
new_home elsewhere
XDG_CONFIG_HOME="$home/my config" XDG_DATA_HOME="$home/my data"
export XDG_CONFIG_HOME XDG_DATA_HOME
mkdir -p "$XDG_CONFIG_HOME/GIMP/3.2"
before=$(tree "$home")
dev install_all
check 'XDG_CONFIG_HOME and XDG_DATA_HOME count' 'plug-in {}' \
  "$(cat "$XDG_CONFIG_HOME/GIMP/3.2/plug-ins/gimp-ddpm/gimp-ddpm") $(cat "$XDG_DATA_HOME/gimp-ddpm/models/faces/model_index.json")"
check 'and nothing is elsewhere' '' "$(find "$home/.config/GIMP" "$home/.local/share" -mindepth 1)"
unset XDG_CONFIG_HOME
dev uninstall_all
check 'it is taken from where it was put' "$before" "$(tree "$home")"
unset XDG_DATA_HOME

new_home profile 3.0
GIMP3_DIRECTORY="$home/my GIMP"
export GIMP3_DIRECTORY
dev install_all
check 'GIMP3_DIRECTORY is the profile, even a new one' plug-in "$(cat "$home/my GIMP/plug-ins/gimp-ddpm/gimp-ddpm")"
check 'and the only one' '' "$(ls "$home/.config/GIMP/3.0/plug-ins")"
dev uninstall_all
unset GIMP3_DIRECTORY
check 'nor does that stay' "$before" "$(tree "$home")"

new_home without
dev install_all
check 'where there is no GIMP, the models and the command are installed' '0 {} 1' \
  "$status $(cat "$home/.local/share/gimp-ddpm/models/faces/model_index.json") $(grep -c 'has no GIMP 3' "$work/said")"
dev uninstall_all

# where we build on the user's own system
new_home native
unset DDPM_DEV_CHROOT
mkdir "$work/bin"
printf '#!/bin/sh\necho 3.2.6\n' >"$work/bin/pkg-config"
chmod +x "$work/bin/pkg-config"
PATH=$work/bin:$PATH
dev install_all
check 'the profile of a GIMP that has never been started' plug-in \
  "$(cat "$home/.config/GIMP/3.2/plug-ins/gimp-ddpm/gimp-ddpm")"
check 'the command itself' built "$("$home/.local/bin/ddpm")"
check 'and its module' module "$(cat "$home/.local/lib/gimp-ddpm/ddpm-ranks-mpi.so")"
dev uninstall_all
check 'all of it is taken away' "$before" "$(tree "$home")"

# what the first ./dev install left: a list of whole folders
new_home old 3.0
old="$home/.config/GIMP/3.0/plug-ins/gimp-ddpm" data="$home/.local/share/gimp-ddpm"
mkdir -p "$old" "$data/models/heroes" "$home/.local/bin"
echo old >"$old/gimp-ddpm"
echo old >"$data/models/heroes/model_index.json"
echo old >"$home/.local/bin/ddpm"
printf '%s\n' "$old" "$data/models/heroes" "$home/.local/bin/ddpm" >"$data/installed"
dev install_all
check 'an install of the first kind is replaced' 'plug-in faces materials' \
  "$(cat "$old/gimp-ddpm") $(ls "$data/models" | xargs)"

# a list that somebody wrote into
echo "$home/letter" >>"$data/installed"
dev uninstall_all
check 'only what can be ours is taken' 'a letter' "$(cat "$home/letter")"

echo "1..$number"
exit $broken
