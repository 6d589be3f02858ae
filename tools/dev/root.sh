# The place to build in: this system where it has GIMP 3, else a Debian root made with debootstrap. And two more roots,
# of Debian's newest suite: one with its GIMP, one with the programs that ./dev bench compares ours with.

# use_root NAME: the root that the functions below are about; dev_packages are its lists of packages, dev_holds the same
# in words. The version is bumped when the making of the root itself changes: an older root is made anew.
use_root ()
{
  root_name=$1
  dev_root=$dev_cache/$1
  case $1 in
    debian-13 | arm64)
      dev_root=$dev_cache/debian-13
      root_suite=trixie
      root_version=1
      dev_packages=packages
      # not a root of its own, but more packages, which stay
      if [ "$1" = arm64 ] || grep -q ':arm64' "$dev_root/etc/gimp-ddpm.packages" 2>/dev/null
      then
        dev_packages='packages packages-arm64'
      fi
      dev_holds='GIMP 3, the compilers and the libraries'
      ;;
    newest)
      root_suite=sid
      root_version=1
      dev_packages=packages
      dev_holds='the newest GIMP, the compilers and the libraries'
      ;;
    peers)
      root_suite=sid
      root_version=1
      dev_packages=packages-peers
      dev_holds='ONNX Runtime and PyTorch'
      ;;
  esac
}

# as_root COMMAND…
as_root ()
{
  if [ "$(id -u)" -eq 0 ]
  then
    "$@"
  elif command -v sudo >/dev/null
  then
    sudo "$@"
  else
    die "this needs the root user once (to install packages): install sudo, or call ./dev as root."
  fi
}

is_installed ()
{
  dpkg-query -W -f '${db:Status-Abbrev}\n' "$1" 2>/dev/null | grep -q '^ii'
}

has_candidate ()
{
  apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'
}

# apt_install NAME…: on this very system
apt_install ()
{
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# system_has_gimp3: whether this system's own packages offer GIMP 3's headers
system_has_gimp3 ()
{
  if ! command -v apt-get >/dev/null
  then
    # not a Debian: what is installed has to do
    pkg-config --exists gimpui-3.0 2>/dev/null && command -v meson >/dev/null && return
    die "this system has no apt and no GIMP 3 headers with meson: install libgimp 3.0, GTK 3, json-glib, libpng and meson by its own means, or use Debian 12 or later."
  fi
  if ! has_candidate libc6-dev
  then
    # a fresh machine has no package lists yet
    step "reading this system's package lists" "$dev_cache/apt-update.log" as_root apt-get update
  fi
  has_candidate libgimp-3.0-dev
}

# prepare_system: the packages, on this system
prepare_system ()
{
  if ! command -v dpkg-query >/dev/null; then return; fi
  missing=
  for name in $(package_list)
  do
    if ! is_installed "$name"; then missing="$missing $name"; fi
  done
  if [ -z "$missing" ]; then return; fi

  step "reading this system's package lists" "$dev_cache/apt-update.log" as_root apt-get update
  # shellcheck disable=SC2086  # a list of names
  step "installing$missing" "$dev_cache/apt-install.log" apt_install $missing
}

# in_root ROOT UID:GID DIRECTORY COMMAND…: see enter.sh
in_root ()
{
  root_=$1 owner_=$2 directory_=$3
  shift 3
  as_root env HOME="$HOME" unshare --mount --propagation private \
    sh "$dev_tools/enter.sh" "$root_" "$owner_" "$directory_" "$top" "${top%/*}" -- "$@"
}

# configure_root ROOT: sources, names and manners of a root that debootstrap has just made
configure_root ()
{
  mirror=$(debian_mirror)
  security=$(debian_security_mirror)
  {
    echo "deb $mirror $root_suite main"
    # sid has neither updates nor security of its own
    if [ "$root_suite" != sid ]
    then
      echo "deb $mirror $root_suite-updates main"
      if [ -n "$security" ]; then echo "deb $security $root_suite-security main"; fi
    fi
  } >"$1/etc/apt/sources.list"
  {
    echo 'APT::Install-Recommends "false";'
    echo 'Acquire::Languages "none";'
    apt_network_settings
    # a mirror may lag behind sid, which is valid for a week only
    if [ "$root_suite" = sid ]; then echo 'Acquire::Check-Valid-Until "false";'; fi
  } >"$1/etc/apt/apt.conf.d/90gimp-ddpm"

  # unpacking is faster, and a root that is lost to a power cut is made anew
  printf 'force-unsafe-io\npath-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\n' >"$1/etc/dpkg/dpkg.cfg.d/gimp-ddpm"
  # no package may start a service in here
  printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
  chmod +x "$1/usr/sbin/policy-rc.d"
}

# install_in_root ROOT
install_in_root ()
{
  # the network's names may have changed since the root was made
  cp /etc/resolv.conf "$1/etc/resolv.conf.new" && mv "$1/etc/resolv.conf.new" "$1/etc/resolv.conf"
  cp /etc/hosts "$1/etc/hosts"
  # shellcheck disable=SC2046  # a list of names
  in_root "$1" 0:0 / env DEBIAN_FRONTEND=noninteractive sh -c '
    set -e
    case $* in *:arm64*) dpkg --add-architecture arm64 ;; esac
    dpkg --configure -a
    apt-get update
    apt-get install -y --fix-broken "$@"
    apt-get clean' sh $(package_list)
}

# make_root ROOT: a Debian root under a temporary name; the caller renames it
make_root ()
{
  proxy=$(apt-config dump 2>/dev/null | sed -n 's/^Acquire::http::Proxy "\(.*\)";/\1/p')
  if [ -n "$proxy" ]; then export http_proxy="${http_proxy-$proxy}"; fi
  # debootstrap mounts /proc in what it makes: in a namespace of its own nothing stays mounted
  unshare --mount --propagation private \
    debootstrap --variant=minbase "$root_suite" "$1" "$(debian_mirror)" &&
    configure_root "$1"
}

# prepare_root: make the root, or add what is new in the list of packages; under the lock of ready_root
prepare_root ()
{
  if ! [ -d "$dev_root" ] || [ "$(cat "$dev_root/etc/gimp-ddpm.version" 2>/dev/null)" != "$root_version" ]
  then
    if ! command -v debootstrap >/dev/null || ! [ -e /usr/share/keyrings/debian-archive-keyring.gpg ]
    then
      step "reading this system's package lists" "$dev_cache/apt-update.log" apt-get update || return 1
      step "installing debootstrap" "$dev_cache/apt-install.log" \
        apt_install debootstrap debian-archive-keyring || return 1
    fi
    if [ -z "$(debian_mirror)" ]
    then
      say "no Debian mirror in this system's apt sources: set DDPM_DEBIAN_MIRROR to the address of one."
      return 1
    fi
    # a half-made one was interrupted
    rm -rf --one-file-system "$dev_root.new" "$dev_root.old"
    step "making a Debian root ($root_suite) in $dev_root" "$dev_cache/debootstrap.log" make_root "$dev_root.new" || return 1
    step "installing $dev_holds in it (about 2 minutes)" "$dev_cache/packages.log" \
      install_in_root "$dev_root.new" || return 1
    echo "$root_version" >"$dev_root.new/etc/gimp-ddpm.version"
    package_list >"$dev_root.new/etc/gimp-ddpm.packages"
    if [ -d "$dev_root" ]; then mv "$dev_root" "$dev_root.old"; fi
    mv "$dev_root.new" "$dev_root"
    rm -rf --one-file-system "$dev_root.old"
  else
    step "installing new packages in $dev_root" "$dev_cache/packages.log" \
      install_in_root "$dev_root" || return 1
    package_list >"$dev_root/etc/gimp-ddpm.packages"
  fi
}

root_is_ready ()
{
  [ "$(cat "$dev_root/etc/gimp-ddpm.version" 2>/dev/null)" = "$root_version" ] &&
    [ "$(cat "$dev_root/etc/gimp-ddpm.packages" 2>/dev/null)" = "$(package_list)" ]
}

# ready_root: make or complete the root unless it is ready; one caller at a time
ready_root ()
{
  if root_is_ready; then return; fi
  if [ "$(id -u)" -ne 0 ]
  then
    say "the root user is needed to make the Debian root (sudo may ask for a password)"
    as_root true || die "without the root user there is no Debian root: use sudo, or a system that has GIMP 3's packages."
    as_root env HOME="$HOME" XDG_CACHE_HOME="${XDG_CACHE_HOME-}" CI="${CI-}" DDPM_DEBIAN_MIRROR="${DDPM_DEBIAN_MIRROR-}" \
      "$top/dev" --prepare-root "$dev_cache" "$root_name"
    return
  fi

  exec 9>"$dev_cache/lock"
  if ! flock -n 9
  then
    say "waiting for another ./dev that is setting up"
    flock 9
  fi
  # the other one may have made it
  if ! root_is_ready
  then
    prepare_root || die "the Debian root could not be made."
  fi
  exec 9>&-
}
