#!/bin/sh
# includes-test.sh ROOT: includes run one way. What each folder may include of the others is the table below.
set -eu
. "$(dirname "$0")/tap.sh"
cd "$1"

# folder: what it may include besides its own headers
allowed='
core/base:
core/kernels:core/base
core/nn:core/base core/kernels
core/diffusion:core/base core/kernels core/nn
core/data:core/base core/kernels
core/model:core/base core/kernels core/nn core/diffusion core/data
core/job:core/base core/kernels core/nn core/diffusion core/data core/model
ui/gtk:core/ddpm.h
ui/cli:core/ddpm.h
plugin:core/ddpm.h ui/gtk
'

# includes FOLDER: "FILE HEADER" for each include with quotation marks
includes ()
{
  find "$1" -name '*.[ch]' -exec grep -H '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' {} + 2>/dev/null |
    sed 's/^\([^:]*\):[^"]*"\([^"]*\)".*/\1 \2/'
}

# users PATTERN FOLDER…: lines of our sources that match, outside the folders
users ()
{
  pattern=$1
  shift
  outside=$(printf '^%s/|' "$@")
  find core ui plugin -name '*.[ch]' -exec grep -nE "$pattern" {} + 2>/dev/null | grep -vE "${outside%|}" || true
}

echo 1..13
for rule in $(printf '%s' "$allowed" | tr ' ' ,)
do
  folder=${rule%%:*}
  may=$(printf '%s' "${rule#*:}" | tr , ' ')
  wrong=$(includes "$folder" | while read -r file header
  do
    case $header in "$folder"/*) continue ;; esac
    fine=
    for place in $may
    do
      case $header in "$place" | "$place"/*) fine=yes ;; esac
    done
    # a name without a folder lies beside the file
    if [ -z "$fine" ] && ! [ -e "$(dirname "$file")/$header" ]; then echo "$file includes $header"; fi
  done)
  report "$folder includes only ${may:-its own headers}" "$wrong"
done

report 'GTK appears only in ui/gtk and plugin' "$(users '#.*include.*<(gtk|gdk)/' ui/gtk plugin)"
report 'libgimp appears only in plugin' "$(users '#.*include.*<(libgimp|gegl|babl)' plugin)"
report 'no -ffast-math, which would remove the guards against NaN' \
  "$(grep -rnE 'ffast-math|funsafe-math|ffinite-math' core ui plugin meson.build --include='*.[ch]' --include=meson.build || true)"

exit $broken
