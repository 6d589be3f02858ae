# TAP cases of the house tests, which source this before they go elsewhere and end with: exit $broken
number=0
broken=0

# report NAME LINES: failed when there are lines
report ()
{
  number=$((number + 1))
  if [ -z "$2" ]
  then
    echo "ok $number $1"
  else
    echo "not ok $number $1"
    printf '%s\n' "$2" | sed 's/^/# /'
    broken=1
  fi
}

# check NAME WANTED GOT
check ()
{
  if [ "$2" = "$3" ]; then report "$1" ''; else report "$1" "$(printf 'wanted:\n%s\ngot:\n%s' "$2" "$3")"; fi
}
