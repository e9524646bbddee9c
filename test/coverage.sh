#!/usr/bin/env bash
# Fails unless every line, branch and function of contracts/ is covered by the tests. Coverage compiles without via-IR,
# whose source maps lose the branches of `require` with a custom error.
set -euo pipefail
cd "$(dirname "$0")/.."
report=$(mktemp)
trap 'rm -f "$report"' EXIT
"${FORGE:-forge}" coverage --report lcov --report-file "$report" --no-match-path 'test/{gas,invariant}/*' >&2

awk -F: '
    $1 == "SF" { file = $2; counted = file ~ /^contracts\// }
    !counted { next }
    $1 == "DA" { split($2, d, ","); lines++; if (d[2] > 0) linesHit++; else print file ":" d[1] ": line not covered" }
    $1 == "FNF" { functions += $2 } $1 == "FNH" { functionsHit += $2 }
    $1 == "BRDA" { split($2, b, ","); branches++; if (b[4] != "-" && b[4] > 0) branchesHit++; else print file ":" b[1] ": branch not covered" }
    END {
        printf "coverage of contracts/: lines %d/%d, branches %d/%d, functions %d/%d\n",
            linesHit, lines, branchesHit, branches, functionsHit, functions
        exit !(lines > 0 && linesHit == lines && branchesHit == branches && functionsHit == functions)
    }' "$report"
