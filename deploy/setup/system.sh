#!/bin/sh
# Installs what only the system's package manager can give. Called by `make`:
#
#   sh deploy/setup/system.sh run     PostgreSQL >= 15 with PostGIS, and Python's venv
#   sh deploy/setup/system.sh test    these, a Chromium for the browser tests with the library libatomic
#                                     that Playwright's Node needs, and GDAL's ogr2ogr
#     sh deploy/setup/system.sh clients QGIS for the system's own Python, and nginx
#
# Does nothing, quickly, when nothing is missing. Exit codes: 0 all is there, 1 something must be
# installed by hand (it says what), 2 misuse. Installs by itself only on Debian and Ubuntu.
set -eu

oldest=15
python=${PYTHON:-python3}
purpose=${1:-}
case $purpose in
run | test | clients) ;;
*)
    echo "usage: system.sh run|test|clients" >&2
    exit 2
    ;;
esac

has() { command -v "$1" >/dev/null 2>&1; }

# Places where a PostgreSQL server may be: the same as in geoplatform/embedded/programs.py.
bindirs() {
    if has pg_config; then pg_config --bindir 2>/dev/null || true; fi
    ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin \
        /usr/local/opt/postgresql@*/bin 2>/dev/null || true
    if has postgres; then dirname "$(command -v postgres)"; fi
}

major_of() { # BINDIR: the major version of the server there
    "$1/postgres" --version 2>/dev/null | sed -n 's/.*(PostgreSQL) \([0-9]*\).*/\1/p'
}

postgis_in() { # BINDIR MAJOR
    share=$("$1/pg_config" --sharedir 2>/dev/null) || share=$1/../share
    for directory in "$share" "$1/../share/postgresql" "$1/../share/pgsql" "/usr/share/postgresql/$2"; do
        if [ -f "$directory/extension/postgis.control" ]; then return 0; fi
    done
    return 1
}

# Sets `server` to the major version of a usable server, or nothing; `postgis` to yes if it has PostGIS.
look_for_postgresql() {
    server='' postgis=''
    found=$(bindirs)
    while read -r bindir; do
        if [ ! -x "$bindir/initdb" ]; then continue; fi
        major=$(major_of "$bindir")
        if [ -z "$major" ] || [ "$major" -lt $oldest ]; then continue; fi
        if postgis_in "$bindir" "$major"; then
            server=$major postgis=yes
            return
        fi
        if [ -z "$server" ] || [ "$major" -gt "$server" ]; then server=$major; fi
    done <<END
$found
END
}

has_venv() { "$python" -c 'import venv, ensurepip' 2>/dev/null; }

has_chromium() {
    for name in chromium google-chrome google-chrome-stable chromium-browser; do
        # Ubuntu's chromium-browser is a stub that asks for a snap: it must answer to count.
        if has "$name"; then
            case $(readlink -f "$(command -v "$name")") in
            */chromium-browser) "$name" --version >/dev/null 2>&1 || continue ;;
            esac
            return 0
        fi
    done
    for application in "Google Chrome" Chromium; do
        if [ -x "/Applications/$application.app/Contents/MacOS/$application" ]; then return 0; fi
    done
    return 1
}

has_libatomic() { [ "$(uname -s)" != Linux ] || "$python" -c 'import ctypes; ctypes.CDLL("libatomic.so.1")' 2>/dev/null; }

has_nginx() { has nginx || [ -x /usr/sbin/nginx ]; }
has_qgis() { /usr/bin/python3 -c 'import qgis.core' 2>/dev/null; }

missing=''
look_for_postgresql
if [ -z "$server" ]; then missing="$missing postgresql"; fi
if [ -z "$postgis" ]; then missing="$missing postgis"; fi
if ! has_venv; then missing="$missing venv"; fi
if [ "$purpose" = test ]; then
    has_chromium || missing="$missing chromium"
    has_libatomic || missing="$missing libatomic"
    has ogr2ogr || missing="$missing gdal"
fi
if [ "$purpose" = clients ]; then
    has_qgis || missing="$missing qgis"
    has_nginx || missing="$missing nginx"
fi
if [ -z "$missing" ]; then exit 0; fi
echo "missing on this machine:$missing"

# --- elsewhere than Debian and Ubuntu: say what to install

named() { # "POSTGRESQL POSTGIS VENV CHROMIUM LIBATOMIC GDAL QGIS NGINX" packages: those that are missing, once each
    postgresql=$1 postgis=$2 venv=$3 chromium=$4 libatomic=$5 gdal=$6 qgis=$7 nginx=$8 names=''
    for thing in $missing; do
        eval "name=\$$thing"
        case " $names " in *" $name "*) ;; *) names="$names $name" ;; esac
    done
    echo "$names" | sed 's/^ *//; s/  */ /g'
}

if ! has apt-get; then
    echo "install it, then run make again:" >&2
    if [ "$(uname -s)" = Darwin ] || has brew; then
        echo "  brew install $(named postgresql@17 postgis python@3.13 google-chrome gcc gdal qgis nginx)" >&2
    elif has dnf; then
        echo "  sudo dnf install $(named postgresql-server postgis python3 chromium libatomic gdal python3-qgis nginx)" >&2
    elif has pacman; then
        echo "  sudo pacman -S $(named postgresql postgis python chromium gcc-libs gdal qgis nginx)" >&2
    else
        echo "  PostgreSQL >= $oldest (server), PostGIS >= 3.3, Python >= 3.11 with venv$(
            [ "$purpose" = run ] || echo ', Chromium, libatomic, GDAL (ogr2ogr)'
        )" >&2
    fi
    exit 1
fi

# --- Debian and Ubuntu

if [ "$(id -u)" = 0 ]; then
    as_root=''
elif has sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    as_root=sudo
else
    as_root=none
fi

# Silent but for errors and warnings.
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@" >/dev/null; }

# The version that the `postgresql` package of this release stands for: 15 on Debian 12, 16 on Ubuntu 24.04.
offered_major() {
    apt-cache show --no-all-versions postgresql 2>/dev/null |
        sed -n 's/^Depends:.*postgresql-\([0-9][0-9]*\).*/\1/p' | head -n 1
}

packages() {
    major=${server:-$(offered_major)}
    for thing in $missing; do
        case $thing in
        postgresql) echo "postgresql-${major:-$oldest}" ;;
        postgis) echo "postgresql-${major:-$oldest}-postgis-3" ;;
        venv) echo python3-venv ;;
        chromium) echo chromium ;;
        libatomic) echo libatomic1 ;;
        gdal) echo gdal-bin ;;
        qgis) echo python3-qgis ;;
        nginx) echo nginx-light ;;
        esac
    done | tr '\n' ' '
}

if [ "$as_root" = none ]; then
    echo "this needs root, and there is no sudo. Ask somebody who has it to run:" >&2
    echo "  apt-get update && apt-get install -y --no-install-recommends $(packages)" >&2
    exit 1
fi

apt update
major=${server:-$(offered_major)}
if [ -z "$major" ] || [ "$major" -lt $oldest ]; then
    echo "this release offers PostgreSQL ${major:-none}; $oldest is needed: https://wiki.postgresql.org/wiki/Apt" >&2
    exit 1
fi
case $missing in
*chromium*)
    # On Ubuntu `chromium` is a stub for a snap, which neither containers nor scripts can use.
    if grep -qs '^ID=ubuntu' /etc/os-release; then
        echo "on Ubuntu install a browser by hand: snap install chromium, or Google's .deb of Chrome" >&2
        exit 1
    fi
    ;;
esac

# The package of a server makes and starts a cluster `main` on port 5432. A machine that had none of it
# shall not get one. The setting is of a directory that postgresql-common reads and dpkg does not own.
case $missing in
*postgresql*)
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        $as_root mkdir -p /etc/postgresql-common/createcluster.d
        echo 'create_main_cluster = false' |
            $as_root tee /etc/postgresql-common/createcluster.d/geoplatform.conf >/dev/null
    fi
    ;;
esac

echo "installing with apt-get, which may take some minutes: $(packages)"
# shellcheck disable=SC2046 # one word per package
apt install -y --no-install-recommends $(packages)
look_for_postgresql
if [ -z "$postgis" ]; then
    echo "PostgreSQL with PostGIS is still not found after the installation" >&2
    exit 1
fi
