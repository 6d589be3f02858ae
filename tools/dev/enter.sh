#!/bin/sh
# enter.sh ROOT UID:GID DIRECTORY [FOLDER…] -- COMMAND…: run the command inside ROOT, in DIRECTORY.
#
# Called in a private mount namespace (unshare --mount --propagation private): the mounts below are seen by
# this process and its children alone and end with them.
#
# Every top folder of this system that is not part of the system itself, the caller's home, /tmp and the
# folders named are bound at the same paths, so a path means the same inside and outside.
set -eu

root=$1
owner=$2
directory=$3
shift 3

# is_system FOLDER: bound into the root it would hide what the root is made of
is_system ()
{
  case $1 in
    / | /bin | /boot | /dev | /dev/* | /etc | /etc/* | /lib | /lib?? | /libx32 | /lost+found | /proc | /proc/*) true ;;
    /run | /sbin | /sys | /sys/* | /usr | /usr/bin | /usr/lib | /usr/sbin | /usr/share | /var | /var/lib) true ;;
    *) false ;;
  esac
}

# covers LIST FOLDER: whether the folder lies in one of the list (one a line)
covers ()
{
  while IFS= read -r known
  do
    case $2/ in "$known"/*) return 0 ;; esac
  done <<END
$1
END
  return 1
}

folders=/tmp
add ()
{
  if [ -d "$1" ] && ! [ -L "$1" ] && ! is_system "$1" && ! covers "$folders" "$1"
  then
    folders="$folders
$1"
  fi
}

for folder in /*
do
  # an automounted or empty place costs nothing; /root is the home of a caller who is root, or nobody's business
  if [ "$folder" != /root ]; then add "$folder"; fi
done
add /var/tmp
add "/run/user/${owner%:*}"
add "${HOME-/}"
while [ "$1" != -- ]
do
  add "$1"
  shift
done
shift
add "$directory"

bind ()
{
  mkdir -p "$root$1"
  mount --rbind "$1" "$root$1"
}

# A folder that holds the root itself comes first, while nothing is mounted in the root: bound later, it would
# show those mounts a second time inside, and deleting the root there would reach the folders they lead to.
for pass in holds other
do
  while IFS= read -r folder
  do
    case $root in
      "$folder"/*) if [ "$pass" = holds ]; then bind "$folder"; fi ;;
      *) if [ "$pass" = other ]; then bind "$folder"; fi ;;
    esac
  done <<END
$folders
END
done
for folder in /proc /sys /dev
do
  bind "$folder"
done

# the caller's name, for programs that look up who runs them
user=${owner%:*}
if [ "$user" != 0 ] && ! grep -q "^[^:]*:[^:]*:$user:" "$root/etc/passwd"
then
  getent passwd "$user" >>"$root/etc/passwd" || true
fi

# The root is Debian's: the caller's PATH may name folders of another system.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LANG=C.UTF-8
export PATH LANG
unset LC_ALL LD_LIBRARY_PATH LD_PRELOAD PYTHONPATH PYTHONHOME PKG_CONFIG_PATH GI_TYPELIB_PATH XDG_DATA_DIRS

exec chroot --userspec="$owner" "$root" /bin/sh -c '
  cd "$1" 2>/dev/null || { echo "dev: $1 cannot be reached in the Debian root: call it from another folder" >&2; exit 1; }
  shift
  exec "$@"' sh "$directory" "$@"
