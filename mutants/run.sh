#!/usr/bin/env bash
# Breaks the product on purpose, one patch of this directory at a time, and fails unless the tests see each of them
# within five minutes, builds apart. Writes what saw it, and after how long, to docs/mutants.md: a line for each, with
# the commit that it was tried on.
# Usage: mutants/run.sh [PART_OF_A_NAME]; with a part, the lines of the others stay. Called by `make mutants`.
#
# Works in a clone of the last commit with a target directory of its own, which begins with the dependencies that are
# built already; both stay in the cache, so that the next run builds only what changed.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
part="${1:-}"
SECONDS_MAX=300
cache="${XDG_CACHE_HOME:-$HOME/.cache}/tsuikyaku/mutants"
tree="$cache/tree"
warm="${CARGO_TARGET_DIR:-$root/target}"
export CARGO_TARGET_DIR="$cache/target"
mkdir -p "$cache"
exec 9>"$cache/lock"
flock -n 9 || { echo "mutants: another run is under way" >&2; exit 1; }

commit=$(git rev-parse HEAD)
[ -z "$(git status --porcelain -- src tests Cargo.toml)" ] || echo "mutants: what is not committed is not looked at" >&2
[ -d "$tree/.git" ] || git clone -q --no-checkout "$root" "$tree"
git -C "$tree" fetch -q "$root" HEAD
clean() { git -C "$tree" checkout -q --force "$commit" && git -C "$tree" clean -qfd; }
clean

if [ ! -d "$CARGO_TARGET_DIR" ] && [ -d "$warm/debug/deps" ]; then
    # Libraries of others, with what cargo knows of them; nothing of ours.
    mkdir -p "$CARGO_TARGET_DIR/debug/deps"
    cp -a "$warm/debug/build" "$warm/debug/.fingerprint" "$CARGO_TARGET_DIR/debug/"
    find "$warm/debug/deps" -maxdepth 1 -name 'lib*' ! -name 'libtsuikyaku*' ! -name 'libkit*' \
        -exec cp -a -t "$CARGO_TARGET_DIR/debug/deps" {} +
    find "$warm/debug/deps" -maxdepth 1 -name '*.d' ! -name '*tsuikyaku*' -exec cp -a -t "$CARGO_TARGET_DIR/debug/deps" {} +
fi

# Arguments of `cargo test` for a kind of tests.
arguments() {
    case "$1" in
        simulation) echo --test simulation ;; # with the histories that went wrong once
        laws) echo --test laws ;;
        scripts) echo --test scripts ;;
        embedded) echo --test embedded ;;
        chaos) echo --test chaos ;;
        broker::*) echo --test broker "${1#broker::}" ;;
        lib::*) echo --lib "${1#lib::}" ;;
        *) echo "mutants: there are no tests named $1" >&2; return 1 ;;
    esac
}

# Builds the tests of a kind; a mutant that does not build shows nothing.
build() {
    local words
    read -ra words <<<"$(arguments "$1")"
    (cd "$tree" && cargo test --no-run "${words[@]:0:2}") >"$cache/log" 2>&1
}

# Runs them: 0 where they fail in time, which is what is wanted.
sees() {
    local words status=0
    read -ra words <<<"$(arguments "$1")"
    (cd "$tree" && CHAOS_FAULT=pause CHAOS_TIMES=1 timeout "$SECONDS_MAX" cargo test "${words[@]}") >"$cache/log" 2>&1 || status=$?
    [ "$status" -ne 0 ] && [ "$status" -ne 124 ]
}

header() { sed -n "s/^$2: //p" "$1" | head -1; }

echo "mutants: what is not broken must pass"
for kind in $(for patch in mutants/*"$part"*.patch; do header "$patch" "Seen by"; done | sort -u); do
    build "$kind" || { cat "$cache/log"; exit 1; }
    if sees "$kind"; then tail -40 "$cache/log"; echo "mutants: $kind fails by itself" >&2; exit 1; fi
done

today=$(date -u +%Y-%m-%d)
survivors=()
result="$root/docs/mutants.md"
# Puts a mutant's line in the place of its last one, and drops those of patches that are gone.
note() {
    local lines
    lines=$({ grep -E '^\| [0-9]' "$result" 2>/dev/null | grep -v "^| $1 |" || true; printf '%s\n' "$2"; } | sort)
    {
        echo "# Mutants"
        echo
        echo "Written by \`make mutants\`: one sabotage of the product at a time, which tests notice it, and after how many seconds of"
        echo "testing, builds apart. A line has the day and the commit that it was tried on; \`mutants/\` has the patches."
        echo
        echo "| mutant | what it breaks | invariant | noticed by | after, s | tried |"
        echo "|---|---|---|---|---|---|"
        while IFS= read -r line; do
            local name=${line#| }
            [ ! -f "$root/mutants/${name%% |*}.patch" ] || printf '%s\n' "$line"
        done <<<"$lines"
    } >"$result.new"
    mv "$result.new" "$result"
}

for patch in "$root"/mutants/*"$part"*.patch; do
    name=$(basename "$patch" .patch)
    clean
    git -C "$tree" apply "$patch" || { echo "mutants: $name does not apply any more: mend the patch" >&2; exit 1; }
    # The kind that is said to see it comes first, then the others, from fast to slow.
    said=$(header "$patch" "Seen by")
    seen="" after=0
    tried=" "
    for kind in $said simulation embedded laws chaos; do
        case "$tried" in *" $kind "*) continue ;; esac
        tried="$tried$kind "
        build "$kind" || { tail -30 "$cache/log"; echo "mutants: $name does not build: mend the patch" >&2; exit 1; }
        since=$(date +%s)
        if sees "$kind"; then seen=$kind; fi
        after=$((after + $(date +%s) - since))
        [ -z "$seen" ] || break
    done
    if [ -n "$seen" ]; then
        why=$(grep -A1 -m1 "panicked at" "$cache/log" | tail -1 | cut -c1-160 || true)
        echo "mutants: $name: seen by $seen after $after s: $why"
    else
        echo "mutants: $name: SURVIVED $after s"
        survivors+=("$name")
    fi
    note "$name" "| $name | $(header "$patch" Breaks) | $(header "$patch" Invariant) | ${seen:-**nobody**} | $after | $today, \`${commit:0:12}\` |"
done
clean
[ ${#survivors[@]} -eq 0 ] || { echo "mutants: survived: ${survivors[*]}" >&2; exit 1; }
echo "mutants: all seen"
