# Messages, and long steps that show that they move. Everything here speaks on stderr.

say ()
{
  printf 'dev: %s\n' "$*" >&2
}

die ()
{
  printf 'dev: %s\n' "$*" >&2
  exit 1
}

# bad usage: one sentence, exit status 2
usage_error ()
{
  printf 'dev: %s\n' "$*" >&2
  exit 2
}

# show_progress TEXT PID: until the process ends, a spinner on a terminal, a line every 20 seconds elsewhere
show_progress ()
{
  started=$(date +%s)
  told=0

  while kill -0 "$2" 2>/dev/null
  do
    passed=$(($(date +%s) - started))
    if [ -t 2 ]
    then
      for mark in '|' / - '\'
      do
        printf '\rdev: %s  %s %s s ' "$1" "$mark" "$passed" >&2
        sleep 0.25
      done
    else
      if [ "$passed" -ge $((told + 20)) ]
      then
        told=$passed
        printf 'dev: %s … %s s\n' "$1" "$passed" >&2
      fi
      sleep 0.5
    fi
  done
  if [ -t 2 ]; then printf '\r\033[K' >&2; fi
}

# kill_tree PID: the process and all it started
kill_tree ()
{
  for child in $(cat /proc/"$1"/task/*/children 2>/dev/null)
  do
    kill_tree "$child"
  done
  kill "$1" 2>/dev/null || true
}

# wait_for TEXT PID: its exit status; an interrupted ./dev takes the process with it, which a background process, deaf
# to SIGINT, would not do by itself
wait_for ()
{
  trap 'kill_tree "$pid"; exit 130' INT
  trap 'kill_tree "$pid"; exit 143' TERM
  show_progress "$1" "$2"
  status=0
  wait "$2" || status=$?
  trap - INT TERM
  return "$status"
}

# step TEXT LOG COMMAND…: run the command with its output in LOG and nothing to read; its last lines are shown when it
# fails
step ()
{
  text=$1
  log=$2
  shift 2
  if [ ! -t 2 ]; then say "$text"; fi
  began=$(date +%s)

  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  wait_for "$text" "$pid" || true

  if [ "$status" -ne 0 ]
  then
    tail -n 30 "$log" >&2
    say "$text: failed after $(($(date +%s) - began)) s; the whole log is $log"
    return "$status"
  fi
  say "$text: done in $(($(date +%s) - began)) s"
}

# package_list: the names in the root's lists of packages on one line
package_list ()
{
  for list in $dev_packages
  do
    sed 's/#.*//' "$dev_tools/$list"
  done | tr -s ' \n' '  ' | sed 's/^ //; s/ $//'
}
