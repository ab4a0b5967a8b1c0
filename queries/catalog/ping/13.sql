SELECT /* dbperf */
