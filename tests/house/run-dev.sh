# Sourced by the tests of ./dev's commands. Wants root (the checkout that is tested) and work (a folder).

# run_dev COMMAND…: a function of ./dev, for the home $HOME and the checkout $top; leaves what it said in $work/said
run_dev ()
{
  (
    set -eu
    dev_tools=$root/tools/dev
    . "$dev_tools/say.sh"
    . "$dev_tools/build.sh"
    . "$dev_tools/install.sh"
    "$@"
  ) >"$work/said" 2>&1
}
