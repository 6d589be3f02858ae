# Sourced first by the tests that look at a GIMP on a display of its own: the display, GIMP, its menu, its images.
# Wants tests/gimp/profile.sh, and watch (ddpm-gui-watch.py) and screenshots (a folder).

# a session bus of its own, and with it an accessibility bus that no other test shares; what its services say is no TAP
if [ -z "${DDPM_GUI_SESSION-}" ]
then
  DDPM_GUI_SESSION=$(mktemp -d "${TMPDIR:-/tmp}/ddpm-session.XXXXXX")
  XDG_RUNTIME_DIR=$DDPM_GUI_SESSION
  export DDPM_GUI_SESSION XDG_RUNTIME_DIR
  exec 4>&1
  exec dbus-run-session -- sh -c 'exec sh "$@" >&4 4>&-' - "$0" "$@" >/dev/null
fi

# a step that has not come by then never will, on however slow a machine
patience_s=120

end ()
{
  for pid in $pids; do kill "$pid" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$work" "$DDPM_GUI_SESSION"
}
pids=
trap end EXIT
trap 'exit 1' INT TERM HUP

bail_out ()
{
  echo "Bail out! $1"
  tail -n 20 "$work/gimp.log" 2>/dev/null | sed 's/^/# /'
  exit 1
}

# until_true COMMAND…: whether it came true
until_true ()
{
  tries=$((patience_s * 5))
  while ! "$@"
  do
    tries=$((tries - 1))
    if [ "$tries" -le 0 ]; then return 1; fi
    sleep 0.2
  done
}

window_manager_is_there ()
{
  xprop -root _NET_SUPPORTING_WM_CHECK | grep -q 'window id'
}

start_display ()
{
  mkfifo "$work/number"
  Xvfb -displayfd 3 -screen 0 1280x900x24 -nolisten tcp 3>"$work/number" >"$work/xvfb.log" 2>&1 &
  pids="$pids $!"
  read -r number <"$work/number"
  DISPLAY=:$number
  export DISPLAY
  openbox >"$work/openbox.log" 2>&1 &
  pids="$pids $!"
  until_true window_manager_is_there || bail_out "no window manager: $(cat "$work/openbox.log")"
}

start_gimp ()
{
  DDPM_GUI_FOLDER=$work/watch
  export DDPM_GUI_FOLDER
  mkdir -p "$DDPM_GUI_FOLDER"
  # no questions about a trace when it is killed in the end
  gimp-3 --no-splash --new-instance --stack-trace-mode=never >"$work/gimp.log" 2>&1 &
  gimp=$!
  pids="$pids $gimp"
  until_true find_window 'GNU Image Manipulation Program|GIMP$' || bail_out "GIMP's window did not open"
  gimp_window=$window
  [ "$(ask 'print (1 + 1)')" = 2 ] || bail_out "GIMP does not answer"
  # the pointer out of the way of what will be looked at
  xdotool mousemove 1275 895
}

# GIMP gives its window a size of its own some time after it has appeared
is_large ()
{
  xdotool windowsize "$gimp_window" 1270 860 windowmove "$gimp_window" 0 0
  xdotool getwindowgeometry "$gimp_window" | grep -q 'Geometry: 12[67]'
}

# find_window TITLE: a regular expression; sets window
find_window ()
{
  window=$(xdotool search --onlyvisible --name "$1" 2>/dev/null | head -n 1)
  [ -n "$window" ]
}

no_window ()
{
  ! find_window "$1"
}

# tell PYTHON: has it run inside GIMP
tell ()
{
  rm -f "$DDPM_GUI_FOLDER/answer"
  printf '%s\n' "$1" >"$DDPM_GUI_FOLDER/ask.new"
  mv "$DDPM_GUI_FOLDER/ask.new" "$DDPM_GUI_FOLDER/ask"
}

# ask PYTHON: what it printed there
ask ()
{
  tell "$1"
  until_true test -e "$DDPM_GUI_FOLDER/answer" || bail_out "GIMP does not answer: $1"
  cat "$DDPM_GUI_FOLDER/answer"
}

state ()
{
  ask 'for image in Gimp.get_images (): describe (image)'
}

shoot ()
{
  sleep 0.5 # what is drawn lies behind what is there
  import -window root "$screenshots/$1.png"
}

# key WINDOW KEY…
key ()
{
  to=$1
  shift
  xdotool windowactivate --sync "$to" key --delay 100 "$@"
}

# open_dialog LETTER TITLE: through the menu; sets dialog
open_dialog ()
{
  until_true is_large || bail_out "GIMP's window does not grow"
  for try in 1 2 3
  do
    # Filters; our submenu is its last; the item's letter
    key "$gimp_window" alt+r Up Right
    if [ "$try" -eq 1 ]; then shoot "menu-$1"; fi
    xdotool key "$1"
    if patience_s=$((patience_s / 6)) until_true find_window "^$2\$"
    then
      dialog=$window
      return 0
    fi
    xdotool key Escape Escape Escape
  done
  return 1
}

state_is ()
{
  [ "$(state)" = "$1" ]
}

new_layer='^ *materials [0-9]* (\(step \)\?[0-9]*)'

# new_layers_are N: N layers whose names end as those of new ones do
new_layers_are ()
{
  [ "$(state | grep -c "$new_layer")" -eq "$1" ]
}

# no_process: of the plug-in
no_process ()
{
  ! grep -q -s -a "$work/plug-ins/gimp-ddpm/gimp-ddpm" /proc/[0-9]*/cmdline
}

# undo NAME WANTED
undo ()
{
  # layers are seen before the last of them is there
  until_true no_process
  key "$gimp_window" ctrl+z
  if until_true state_is "$2"
  then ok "$1: one Ctrl+Z takes all of it back"
  else not_ok "$1: one Ctrl+Z takes all of it back" "$(state)"
  fi
  shoot "$1-undone"
}

# set_up: all of it, with a small model under the default one's name
set_up ()
{
  mkdir -p "$screenshots"
  make_profile
  mkdir "$work/plug-ins/ddpm-gui-watch"
  ln -s "$watch" "$work/plug-ins/ddpm-gui-watch/"
  make_model materials 4 32 32
  start_display
  start_gimp
}

# open_layers: an image with two layers of different sizes
open_layers ()
{
  ask '
image = Gimp.Image.new (96, 64, Gimp.ImageBaseType.RGB)
lower = make_layer (image, "lower", 48, 40, 60)
upper = make_layer (image, "upper", 56, 50, 200)
lower.set_offsets (8, 4)
upper.set_offsets (30, 10)
image.set_selected_layers ([upper])
image.clean_all ()
Gimp.Display.new (image)
Gimp.displays_flush ()'
  until_true find_window 'GIMP$' || bail_out "the image does not open"
}
