#!/bin/sh
# install-test.sh ROOT BUILD PLUGIN_FOLDER MAKE_PICTURES SYSTEM_PLUG_INS: ./dev install into a clean home, and GIMP there:
# it finds the plug-in, its translations and the models, and after ./dev uninstall nothing is left.
root=$1 build=$2 plugin_folder=$3 make_pictures=$4 system_plug_ins=$5
. "$(dirname "$0")/profile.sh"
. "$(dirname "$0")/../house/run-dev.sh"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

unset GIMP3_DIRECTORY XDG_CONFIG_HOME XDG_DATA_HOME DDPM_DEV_CHROOT
HOME=$work/home XDG_CACHE_HOME=$work/cache
export HOME XDG_CACHE_HOME

# a checkout with this build and one small model, by the default model's name
top=$work/top
mkdir -p "$top/models" "$work/plug-ins"
ln -s "$build" "$top/build"
"$make_pictures" model "$top/models/materials" 3 16 16 8 16

# of GIMP's own plug-ins only the one that reads the questions
version=$(pkg-config --modversion gimp-3.0 | sed 's/^\([0-9]*\.[0-9]*\).*/\1/')
profile=$HOME/.config/GIMP/$version
mkdir -p "$profile"
ln -s "$system_plug_ins/python-eval" "$work/plug-ins/"
cat >"$profile/gimprc" <<END_OF_RC
(config-version "99.0.0")
(check-updates no)
(save-session-info no)
(plug-in-path "\${gimp_dir}/plug-ins:$work/plug-ins")
END_OF_RC

heed_language

# ask LANGUAGE PYTHON: what it wrote to the file `answer`, in a GIMP that speaks the language
ask ()
{
  rm -f "$work/answer" "$profile/pluginrc"
  {
    echo "answer = open('$work/answer', 'w', encoding='utf-8')"
    printf '%s\n' "$2"
    echo 'answer.close()'
  } | LANGUAGE=$1 gimp-console-3 -idfs --quit --batch-interpreter=python-fu-eval -b - >"$work/log" 2>&1
  cat "$work/answer" 2>/dev/null || tail -n 20 "$work/log"
}

ask_labels='
names = [name for name in Gimp.get_pdb().query_procedures("plug-in-ddpm-.*", *[".*"] * 7)]
for name in sorted(names):
    print(name, Gimp.get_pdb().lookup_procedure(name).get_menu_label(), file=answer)'

run_dev install_all
same 'install ends well' "$?" 0
english=$(ask en "$ask_labels")
same 'GIMP finds the plug-in' "$(printf '%s\n' "$english" | grep -c '^plug-in-ddpm-[a-z]* _')" \
  "$(printf '%s\n' "$english" | wc -l)"
same 'its menu speaks English' "$(printf '%s\n' "$english" | grep generate)" 'plug-in-ddpm-generate _New Layers...'
for language in de fr
do
  case $language in
    de) wanted='plug-in-ddpm-generate _Neue Ebenen …' ;;
    fr) wanted='plug-in-ddpm-generate _Nouveaux calques...' ;;
  esac
  labels=$(ask $language "$ask_labels")
  same "in $language it is translated" "$(printf '%s\n' "$labels" | grep generate)" "$wanted"
done

same 'it makes a picture with the installed model' "$(ask en '
procedure = Gimp.get_pdb().lookup_procedure("plug-in-ddpm-generate")
config = procedure.create_config()
config.set_property("count", 1)
config.set_property("steps", 2)
config.set_property("seed", 5)
result = procedure.run(config)
print(result.index(0).value_nick, result.get_core_object_array(2)[0].get_name(), file=answer)')" 'success materials 5 (1)'
same 'GIMP has nothing to complain of' "$(grep -i -e locale -e catalog "$work/log")" ''

run_dev uninstall_all
same 'uninstall ends well' "$?" 0
same 'GIMP finds it no more' "$(ask en "$ask_labels")" ''
same 'and nothing of it is left' "$(find "$HOME" -name '*gimp-ddpm*' -o -name 'models' -o -path '*/.local/bin')" ''
echo "1..$tap_n"
