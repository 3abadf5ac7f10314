# Shared by the findings: a temporary folder with a virtual environment of pinned packages, gone at the end.
# Sourced, not run. Sets $work (the folder) and $python.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python="$work/venv/bin/python"

packages() {  # pinned packages, such as zeep==4.3.3
    python3 -m venv "$work/venv"
    "$python" -m pip install --quiet --disable-pip-version-check "$@"
}

expect() {  # $1: the output that was seen when this was written; standard input: what is seen now
    seen=$(cat)
    if [ "$seen" = "$1" ]; then
        printf '%s\n' "$seen"
        echo "as described"
    else
        printf 'it has changed; seen now:\n%s\nexpected:\n%s\n' "$seen" "$1"
        exit 1
    fi
}
