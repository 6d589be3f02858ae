# Pictures made by the bundled model in the layers of a real GIMP image.

# make_profile FOLDER PLUG_IN_PATH: a GIMP profile of its own, so that neither touches the other's settings
make_profile ()
{
  mkdir -p "$1/gimp" "$1/cache" "$1/config" "$1/data"
  cat >"$1/gimp/gimprc" <<END
(config-version "99.0.0")
(show-welcome-dialog no)
(check-updates no)
(save-session-info no)
(plug-in-path "$2")
END
}

# in_profile FOLDER COMMAND…
in_profile ()
{
  profile=$1
  shift
  env HOME="$profile" GIMP3_DIRECTORY="$profile/gimp" XDG_CACHE_HOME="$profile/cache" \
    XDG_CONFIG_HOME="$profile/config" XDG_DATA_HOME="$profile/data" XAUTHORITY="${XAUTHORITY:-$HOME/.Xauthority}" "$@"
}

run_demo ()
{
  xcf=$top/demo/pictures.xcf
  sheet=$top/demo/pictures.png
  log=$top/.cache/demo.log
  profile=$(mktemp -d)
  trap 'rm -rf "$profile"' EXIT
  system_plug_ins=$(pkg-config --variable=gimplibdir gimp-3.0)/plug-ins

  # GIMP asks every plug-in what it does before it starts: three instead of a hundred save it five seconds
  mkdir "$profile/few"
  ln -s "$top/build/plugin/gimp-ddpm" "$system_plug_ins/python-eval" "$system_plug_ins/file-png" "$profile/few"
  make_profile "$profile" "$profile/few"

  rm -f "$xcf" "$sheet"
  step "generating 8 pictures in GIMP with the default model" "$log" generate_demo || exit 1
  if ! [ -s "$xcf" ] || ! [ -s "$sheet" ]
  then
    tail -n 30 "$log" >&2
    die "GIMP ended without the pictures; its whole log is $log"
  fi
  printf '%s\n%s\n' "$xcf" "$sheet"

  if [ -n "${DISPLAY-}${WAYLAND_DISPLAY-}" ]
  then
    say "opening it in GIMP, with the plug-in under Filters > Generate with DDPM; close GIMP to end"
    make_profile "$profile" "$top/build/plugin:$system_plug_ins"
    opened=0
    in_profile "$profile" gimp-3 --no-splash --new-instance "$xcf" >"$log" 2>&1 || opened=$?
    if [ "$opened" -ne 0 ]
    then
      say "GIMP ended with an error (its log is $log); the pictures are in the two files above."
    fi
  fi
}

generate_demo ()
{
  # step gives its command no stdin; GIMP reads the script from there
  in_profile "$profile" env DDPM_DEMO_XCF="$xcf" DDPM_DEMO_SHEET="$sheet" \
    gimp-console-3 -idfs --quit --batch-interpreter=python-fu-eval -b - <"$top/demo/make-demo.py"
}
