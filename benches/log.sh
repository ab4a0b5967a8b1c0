#!/bin/sh
# How fast `dbperf capture log` reads, in MB/s of one core and as a multiple of pgBadger's speed.
#
# The log is that of a real server (fixtures/pglog/17/minduration), repeated day after day until it has
# the size that is asked for. dbperf writes the captured workload, pgBadger its report; the runs of both
# are interleaved. pgBadger is given a part of the log, because it would take minutes; its speed does not
# depend on the length.
#
#   benches/log.sh [MEGABYTES [MEGABYTES_FOR_PGBADGER [RUNS]]]
set -eu

megabytes=${1:-300}
for_pgbadger=${2:-20}
runs=${3:-3}
root=$(cd "$(dirname "$0")/.." && pwd)
dbperf=$root/target/release/dbperf
test -x "$dbperf" || (cd "$root" && cargo build --release)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# One core for either program, where it can be had.
one_core=
command -v taskset >/dev/null && one_core='taskset -c 0'

# A log of about $2 MB of format $1 at $3.
grow() {
    gzip -dc "$root/fixtures/pglog/17/minduration.$1.gz" >"$work/seed"
    copies=$(($2 * 1000000 / $(wc -c <"$work/seed") + 1))
    day=0
    while [ "$day" -lt "$copies" ]; do
        date=$(date -u -d "2026-11-23 + $day days" +%Y-%m-%d)
        sed "s/2026-11-23 10:/$date 10:/g" "$work/seed"
        day=$((day + 1))
    done >"$3"
}

# MB/s of a command that reads the file $1.
speed() {
    file=$1
    shift
    begin=$(date +%s.%N)
    "$@" >/dev/null 2>&1
    end=$(date +%s.%N)
    echo "$(wc -c <"$file") $begin $end" | awk '{ printf "%.1f\n", $1 / 1e6 / ($3 - $2) }'
}

median() {
    sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

for format in log csv; do
    grow "$format" "$megabytes" "$work/large.$format"
    grow "$format" "$for_pgbadger" "$work/small.$format"
    # Both files come from memory.
    cat "$work/large.$format" "$work/small.$format" >/dev/null
    : >"$work/ours"
    : >"$work/theirs"
    run=0
    while [ "$run" -lt "$runs" ]; do
        speed "$work/large.$format" $one_core "$dbperf" capture log "$work/large.$format" \
            -o "$work/captured" >>"$work/ours"
        if command -v pgbadger >/dev/null; then
            if [ "$format" = log ]; then kind='stderr --prefix %m_[%p]_'; else kind=csv; fi
            set --
            for word in $kind; do set -- "$@" "$(echo "$word" | tr _ ' ')"; done
            speed "$work/small.$format" $one_core pgbadger -q -j 1 -f "$@" \
                -o "$work/report.html" "$work/small.$format" >>"$work/theirs"
        fi
        run=$((run + 1))
    done
    ours=$(median <"$work/ours")
    echo "$format: dbperf $ours MB/s ($(tr '\n' ' ' <"$work/ours"))"
    if [ -s "$work/theirs" ]; then
        theirs=$(median <"$work/theirs")
        echo "$format: pgBadger $theirs MB/s ($(tr '\n' ' ' <"$work/theirs"))"
        awk "BEGIN { printf \"$format: %.0f times as fast\\n\", $ours / $theirs }"
    fi
done
