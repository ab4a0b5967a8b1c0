#!/bin/bash
# How fast `dbperf capture log` reads, in MB per second of processor time, and as a multiple of pgBadger's
# speed on one core.
#
# The log is that of a real server (fixtures/pglog/17/minduration), repeated day after day until it has
# the size that is asked for. dbperf writes the captured workload, pgBadger its report; the runs of both
# are interleaved, and the medians are compared. pgBadger is given a part of the log, because it would take
# minutes; with more its speed rises by less than a tenth, the share of its start. Processor time is what a
# core spends; the elapsed time beside it also counts what others did on the machine.
#
#   benches/log.sh [MEGABYTES [MEGABYTES_FOR_PGBADGER [RUNS]]]
set -euo pipefail

megabytes=${1:-300}
for_pgbadger=${2:-30}
runs=${3:-3}
root=$(cd "$(dirname "$0")/.." && pwd)
dbperf=$root/target/release/dbperf
test -x "$dbperf" || (cd "$root" && cargo build --release)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A log of about $2 MB of format $1 at $3.
grow() {
    gzip -dc "$root/fixtures/pglog/17/minduration.$1.gz" >"$work/seed"
    local copies=$(($2 * 1000000 / $(wc -c <"$work/seed") + 1)) day date
    for ((day = 0; day < copies; day++)); do
        date=$(date -u -d "2026-11-23 + $day days" +%Y-%m-%d)
        sed "s/2026-11-23 10:/$date 10:/g" "$work/seed"
    done >"$3"
}

# MB per second of processor time, and of elapsed time, of a command that reads the file $1.
speed() {
    local file=$1 bytes TIMEFORMAT='%U %S %R'
    shift
    bytes=$(wc -c <"$file")
    { time "$@" >"$work/log" 2>&1; } 2>"$work/time" || { cat "$work/log" >&2; return 1; }
    awk -v bytes="$bytes" '{ printf "%.1f %.1f\n", bytes / 1e6 / ($1 + $2), bytes / 1e6 / $3 }' "$work/time"
}

# The median of column $2 of the file $1.
median() {
    awk -v column="$2" '{ print $column }' "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

for format in log csv; do
    grow "$format" "$megabytes" "$work/large.$format"
    grow "$format" "$for_pgbadger" "$work/small.$format"
    # Both files come from memory.
    cat "$work/large.$format" "$work/small.$format" >/dev/null
    kind=(-f csv)
    if [ "$format" = log ]; then kind=(-f stderr --prefix '%m [%p] '); fi
    for ((run = 0; run < runs; run++)); do
        speed "$work/large.$format" "$dbperf" capture log "$work/large.$format" -o "$work/captured" \
            >>"$work/ours.$format"
        if command -v pgbadger >/dev/null; then
            speed "$work/small.$format" pgbadger -q -j 1 "${kind[@]}" -o "$work/report.html" \
                "$work/small.$format" >>"$work/theirs.$format"
        fi
    done
    ours=$(median "$work/ours.$format" 1)
    echo "$format: dbperf reads $ours MB per CPU second ($(median "$work/ours.$format" 2) MB/s elapsed)"
    if [ -s "$work/theirs.$format" ]; then
        theirs=$(median "$work/theirs.$format" 1)
        echo "$format: pgBadger reads $theirs MB per CPU second ($(median "$work/theirs.$format" 2) MB/s elapsed)"
        awk -v a="$ours" -v b="$theirs" -v f="$format" 'BEGIN { printf "%s: %.0f times as fast\n", f, a / b }'
    fi
done
