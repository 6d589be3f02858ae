#!/bin/sh
# headers-test.sh ROOT PACKAGES COMPILER…: every header compiles alone, and twice in a row.
set -eu
. "$(dirname "$0")/tap.sh"
root=$1
packages=$2
shift 2
cd "$root"

headers=$(find core ui plugin -name '*.h' | LC_ALL=C sort)
# shellcheck disable=SC2086  # a list of words
flags=$(pkg-config --cflags $packages)

echo "1..$(printf '%s\n' "$headers" | grep -c .)"
for header in $headers
do
  # shellcheck disable=SC2086
  errors=$(printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
    "$@" -x c -std=gnu17 -D_GNU_SOURCE -DGETTEXT_PACKAGE='""' -I. $flags -Wall -fsyntax-only - 2>&1) ||
    errors="$errors
the compiler failed"
  report "$header" "$errors"
done
exit $broken
