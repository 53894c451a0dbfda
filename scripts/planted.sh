#!/usr/bin/env bash
# Plants each fault of tests/planted/ in a copy of the tree and runs the test that should find it. A test that passes all
# the same ends this with an error. With arguments: only the patches of these names.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done | tar --create --null --files-from=- | tar --extract --directory="$copy"
# Links share what is compiled already; where they cannot, everything is compiled once.
if [ -d target ]; then
    cp --recursive --link target "$copy/target" 2>/dev/null || rm -rf "$copy/target"
    # A lock that is shared would let the two trees wait for each other.
    find "$copy/target" -maxdepth 2 -name .cargo-lock -delete 2>/dev/null || true
fi

missed=0
for patch in tests/planted/*.patch; do
    name=$(basename "$patch" .patch)
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
    finder=$(sed -n '1s/^# found by: //p' "$patch")
    if [ -z "$finder" ]; then
        echo "$patch does not say in its first line what finds it" >&2
        exit 1
    fi
    git -C "$copy" apply --check "$root/$patch" || { echo "$patch does not apply any more" >&2; exit 1; }
    git -C "$copy" apply "$root/$patch"
    # What does not compile would be found by any test.
    builder=$(sed -E 's/cargo (test|nextest run)/& --no-run/' <<<"$finder")
    (cd "$copy" && bash -c "$builder") >"$copy/built.log" 2>&1 || {
        tail -40 "$copy/built.log" >&2
        echo "$patch does not compile" >&2
        exit 1
    }
    if (cd "$copy" && bash -c "$finder") >"$copy/found.log" 2>&1; then
        echo "planted fault $name | missed by $finder" >&2
        missed=1
    else
        grep -E "^(I[0-9]+: |.*promises are broken|test .*FAILED)" "$copy/found.log" | cut -c1-160 | head -4 || true
        echo "figure: planted fault $name | found by $finder"
    fi
    git -C "$copy" apply --reverse "$root/$patch"
done
exit $missed
