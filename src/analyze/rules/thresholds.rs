//! Every threshold of the findings and of the plan insights, with its unit in the name and its
//! source beside it. "Ours" is our judgement.

// Statements ------------------------------------------------------------------------------------

/// Share of the window's execution time at which one statement dominates it (pg-extras-rs).
pub const STATEMENT_DOMINATES_RATIO: f64 = 0.33;
/// Execution time per second from which a dominating statement is worth a warning (ours): a tenth
/// of one core.
pub const STATEMENT_DOMINATES_MS_PER_SEC: f64 = 100.0;
/// Calls below which a mean says little (pghero).
pub const SLOW_STATEMENT_MIN_CALLS: i64 = 100;
/// Mean execution time of a slow statement (pghero).
pub const SLOW_STATEMENT_MEAN_MS: f64 = 20.0;
/// Standard deviation over mean of an unstable statement (ours).
pub const UNSTABLE_VARIATION_RATIO: f64 = 2.0;
/// Mean below which variation is noise (ours).
pub const UNSTABLE_MIN_MEAN_MS: f64 = 1.0;
/// Share of the execution time spent reading blocks (ours).
pub const READ_BOUND_RATIO: f64 = 0.5;
/// Share of the window's execution time below which a statement is not looked at, where a rule of
/// the statement alone would otherwise report trifles (postgres-mcp).
pub const STATEMENT_MATTERS_RATIO: f64 = 0.05;
/// Blocks read over blocks accessed (ours).
pub const LOW_HIT_READ_RATIO: f64 = 0.10;
/// Blocks read below which a hit ratio says little (ours).
pub const LOW_HIT_MIN_BLOCKS: i64 = 1_000;
/// Temporary bytes written per call (ours).
pub const TEMP_SPILL_BYTES_PER_CALL: f64 = 1_048_576.0;
/// Temporary bytes written in the window (ours).
pub const TEMP_SPILL_BYTES: f64 = 104_857_600.0;
/// Executions per request of a chatty statement (ours).
pub const CHATTY_CALLS_PER_REQUEST: f64 = 10.0;
/// Rows per execution of a chatty statement (ours).
pub const CHATTY_ROWS_PER_CALL: f64 = 1.0;
/// Executions of a statement below which a likeness to another one's rows is chance (ours).
pub const LOOKUP_MIN_CALLS: i64 = 1_000;
/// Share of all calls from which round trips of one statement matter (ours).
pub const LOOKUP_CALLS_RATIO: f64 = 0.10;
/// Rows per execution of the list whose rows are looked up one by one (ours).
pub const LOOKUP_MIN_LIST_ROWS: f64 = 5.0;
/// How far the list's rows may be from the lookup's executions: what is under way at the ends of a window (ours).
pub const LOOKUP_TOLERANCE_RATIO: f64 = 0.01;
/// Columns from which a table is wide (ours).
pub const SELECT_STAR_MIN_COLUMNS: usize = 10;
/// Blocks per execution below which skipping rows costs little (ours).
pub const OFFSET_MIN_BLOCKS_PER_CALL: f64 = 100.0;
/// Blocks per returned row from which rows are skipped rather than returned (ours).
pub const OFFSET_BLOCKS_PER_ROW: f64 = 10.0;
/// Rows per execution that are many for a caller (ours).
pub const MISSING_LIMIT_ROWS_PER_CALL: f64 = 1_000.0;
/// Ids of one statement (ours).
pub const STATEMENT_VARIANTS: usize = 20;
/// Parallel workers launched over wanted (ours).
pub const WORKERS_SHORT_RATIO: f64 = 0.8;
/// Parallel workers wanted below which a share says little (ours).
pub const WORKERS_MIN_WANTED: i64 = 10;
/// Share of all WAL written by one statement (ours).
pub const WAL_HEAVY_RATIO: f64 = 0.20;
/// WAL in the window below which its distribution does not matter: one segment (ours).
pub const WAL_HEAVY_MIN_BYTES: i64 = 16_777_216;
/// Share of planning in planning and execution (ours).
pub const PLANNING_HEAVY_RATIO: f64 = 0.5;
/// Share of JIT in the execution time (ours).
pub const JIT_HEAVY_RATIO: f64 = 0.20;
/// Share of rollbacks in all transactions (ours).
pub const ROLLBACK_RATIO: f64 = 0.05;
/// Transactions below which a share of rollbacks says little (ours).
pub const ROLLBACK_MIN_TRANSACTIONS: i64 = 100;

// Plans -----------------------------------------------------------------------------------------

/// Total cost below which a plan has no insights (`RegreSQL`).
pub const PLAN_MIN_TOTAL_COST: f64 = 10.0;
/// Buffers below which an executed plan has no insights (`RegreSQL`).
pub const PLAN_MIN_BUFFERS: f64 = 10.0;
/// Own time or cost of a node: info (PEV2).
pub const NODE_INFO_RATIO: f64 = 0.10;
/// Own time or cost of a node: warning (PEV2).
pub const NODE_WARNING_RATIO: f64 = 0.40;
/// A plan faster than this is info at most (PEV2).
pub const NODE_MIN_PLAN_MS: f64 = 10.0;
/// Estimate against rows: info (PEV2, depesz).
pub const MISESTIMATE_INFO_FACTOR: f64 = 10.0;
/// Estimate against rows: warning (PEV2, depesz).
pub const MISESTIMATE_WARNING_FACTOR: f64 = 100.0;
/// Rows removed over rows read: info (PEV2).
pub const FILTER_INFO_RATIO: f64 = 0.50;
/// Rows removed over rows read: warning (PEV2).
pub const FILTER_WARNING_RATIO: f64 = 0.90;
/// Rows removed below which a filter does not matter (ours).
pub const FILTER_MIN_ROWS_REMOVED: f64 = 1_000.0;
/// Rows of a table from which a sequential scan is worth a look (pghero).
pub const SEQ_SCAN_MIN_TABLE_ROWS: f64 = 10_000.0;
/// Heap fetches over rows: info (PEV2).
pub const HEAP_FETCHES_INFO_RATIO: f64 = 0.0;
/// Heap fetches over rows: warning (PEV2 at 40 and 90 %).
pub const HEAP_FETCHES_WARNING_RATIO: f64 = 0.40;
/// Heap fetches below which it is no more than a remark (ours).
pub const HEAP_FETCHES_MIN: f64 = 1_000.0;
/// The statistics target that is proposed for a column that is estimated badly; the default is 100
/// and the most 10 000 (PostgreSQL's manual).
pub const STATISTICS_TARGET: i32 = 1_000;
/// Pairs of rows that a join threw away by an OR (ours).
pub const OR_JOIN_MIN_ROWS_REMOVED: f64 = 10_000.0;
/// Partitions below which reading all of them is no matter (ours).
pub const PARTITIONS_MIN: usize = 4;
/// Share of the partitions without a row of the result (ours).
pub const PARTITIONS_IDLE_RATIO: f64 = 0.75;
/// Outer rows against their estimate in a nested loop (ours, after pganalyze).
pub const BLOWUP_OUTER_FACTOR: f64 = 10.0;
/// Loops that are many (ours).
pub const MANY_LOOPS: f64 = 1_000.0;
/// Share of the time from which many loops matter (ours).
pub const LOOPS_MIN_TIME_RATIO: f64 = 0.10;
/// Rows produced and skipped (ours).
pub const LARGE_OFFSET_ROWS: f64 = 10_000.0;
/// Rows removed under a limit (ours).
pub const LIMIT_SCAN_MIN_ROWS_REMOVED: f64 = 10_000.0;
/// Share of rows removed under a limit (ours).
pub const LIMIT_SCAN_RATIO: f64 = 0.90;
/// JIT time over execution time (ours).
pub const JIT_RATIO: f64 = 0.10;
/// JIT time that matters (ours).
pub const JIT_MIN_MS: f64 = 5.0;
/// Planning time that matters (ours).
pub const PLANNING_MIN_MS: f64 = 5.0;
/// Trigger time over execution time (ours).
pub const TRIGGER_RATIO: f64 = 0.10;
/// Time to convert rows for the client over execution time (ours).
pub const SERIALIZE_RATIO: f64 = 0.10;
/// Share of the window's database time from which an insight is a finding (postgres-mcp).
pub const INSIGHT_MATTERS_RATIO: f64 = 0.05;
/// The same for a mere remark (ours).
pub const REMARK_MATTERS_RATIO: f64 = 0.20;
/// Time per second below which an insight is not worth a warning, whatever its share: a hundredth of
/// one core (ours).
pub const INSIGHT_WARNING_MS_PER_SEC: f64 = 10.0;
/// How far the one execution that was measured may be from the mean of the window's executions for
/// its shares to count as measured (ours).
pub const EXECUTION_LIKENESS_FACTOR: f64 = 5.0;
/// Descents of an index per execution (ours).
pub const INDEX_SEARCHES_PER_LOOP: f64 = 10.0;

// Indexes ---------------------------------------------------------------------------------------

/// Size from which an unused index is worth dropping (pghero 4.0).
pub const UNUSED_INDEX_MIN_BYTES: u64 = 10 * 1024 * 1024;
/// The same in a lab, whose data is a small copy of the real one (ours).
pub const LAB_UNUSED_INDEX_MIN_BYTES: u64 = 1024 * 1024;
/// Age of the counters from which "never scanned" is an argument, in days (ours; pganalyze 35).
pub const UNUSED_INDEX_MIN_AGE_DAYS: f64 = 7.0;
/// Share of the scans of a table's indexes below which a written index is rarely used (postgres-checkup, H002).
pub const RARELY_USED_SCAN_RATIO: f64 = 0.10;
/// Writes of the table below which they do not matter (postgres-checkup, H002).
pub const RARELY_USED_MIN_WRITES: f64 = 100.0;
/// The same share of an index that is scanned more often than written (postgres-checkup, H002).
pub const RARELY_USED_LARGE_SCAN_RATIO: f64 = 0.05;
/// Size from which such an index matters (postgres-checkup, H002).
pub const RARELY_USED_LARGE_BYTES: u64 = 100 * 1024 * 1024;
/// How much more a plan may cost on the index that takes over, by the planner with the other one hidden (ours).
pub const HIDDEN_MAX_COST_FACTOR: f64 = 1.1;
/// Days after which a saved run of a standby no longer stands for asking it (ours).
pub const SAVED_STANDBY_MAX_AGE_DAYS: f64 = 7.0;
/// Days after which the counters of a saved run tell nothing of today's workload: a quarter (ours).
pub const SAVED_RUN_MAX_AGE_DAYS: f64 = 92.0;
/// Writes of a table below which they do not tell the age of an index (ours).
pub const INDEX_AGE_MIN_WRITES: i64 = 1_000;
/// Blocks of an index touched over writes of its table below which the index is the younger one: each
/// entry that is added touches one block at least (ours; the rest is room for counters that arrive late).
pub const INDEX_AGE_BLOCKS_RATIO: f64 = 0.9;
/// Age of the counters that covers a monthly job, in days (pganalyze).
pub const MONTHLY_JOB_AGE_DAYS: f64 = 35.0;
/// Updates and deletes over live rows below which a table was only loaded (ours).
pub const LOADED_TABLE_CHANGE_RATIO: f64 = 0.01;
/// How much larger the covering index may be before the prefix is worth keeping (ours).
pub const REDUNDANT_MAX_SIZE_FACTOR: f64 = 3.0;
/// Size of the child table from which a foreign key wants an index (postgres-checkup H003).
pub const FK_MIN_CHILD_BYTES: u64 = 10 * 1024 * 1024;
/// Writes of child and parent from which a foreign key wants an index (postgres-checkup H003).
pub const FK_MIN_WRITES: i64 = 1_000;
/// Rows of a child table that is scanned in no time (ours).
pub const FK_TINY_CHILD_ROWS: f64 = 1_000.0;
/// Share of a table's rows that a scan keeps, up to which an index is proposed (ours).
pub const CANDIDATE_MAX_KEPT_RATIO: f64 = 0.10;
/// Share of the plan's cost in the scan from which an index is proposed (PEV2's warning).
pub const CANDIDATE_MIN_COST_RATIO: f64 = 0.40;
/// Columns of a proposed index (ours).
pub const CANDIDATE_MAX_COLUMNS: usize = 3;
/// Rows of a table below which no index is thought of (ours).
pub const CANDIDATE_MIN_TABLE_ROWS: f64 = 1_000.0;
/// Keys of an index that is tried (ours).
pub const CANDIDATE_MAX_KEYS: usize = 4;
/// Indexes that are tried for one workload (ours).
pub const CANDIDATES_MAX: usize = 200;
/// Share of the workload's time that is left without it that an index has to give back (ours).
pub const CANDIDATE_MIN_GAIN_RATIO: f64 = 0.005;
/// Share of the cost of at least one statement that an index has to save (ours; postgres-mcp asks this
/// of the whole workload).
pub const CANDIDATE_MIN_COST_SAVED_RATIO: f64 = 0.10;
/// Time that an index has to give back in any case: a ten-thousandth of one core (ours).
pub const CANDIDATE_MIN_GAIN_MS_PER_SEC: f64 = 0.1;
/// Share of a statement's cost that all indexes together have to save for it to be asked about any
/// of them (ours).
pub const CANDIDATE_MIN_STATEMENT_RATIO: f64 = 0.01;
/// Share of the workload's time that indexes as large as all of its tables have to give back (ours).
pub const BYTES_WORTH_RATIO: f64 = 0.05;
/// Rows that meet the condition of a partial index, at most (ours).
pub const PARTIAL_MAX_RATIO: f64 = 0.5;
/// Pages of which all rows are visible, for an index alone to answer (ours).
pub const COVERING_MIN_VISIBLE_RATIO: f64 = 0.5;
/// Columns that an index carries along (ours).
pub const COVERING_MAX_COLUMNS: usize = 5;
/// Bytes of these columns (ours).
pub const COVERING_MAX_BYTES: f64 = 80.0;
/// Time of one entry in a btree that is in memory (ours, measured: see the methodology).
pub const INDEX_ENTRY_MS: f64 = 0.005;
/// Entries of an inverted index for one row (ours).
pub const INVERTED_ENTRY_FACTOR: f64 = 10.0;
/// Passes of the search for indexes (ours).
pub const ADVISOR_ROUNDS: usize = 3;
/// Changes of one pass (ours).
pub const ADVISOR_STEPS: usize = 50;
/// Eighths of a limit of bytes that the search is tried with (ours).
pub const ADVISOR_LIMITS: [u64; 4] = [8, 7, 6, 4];
/// Part of a limit of bytes that is kept free where sizes are computed: no advice that was built for comparison
/// missed by more as a whole (ours, measured: see `indexes::size`).
pub const INDEX_SIZE_ERROR_RATIO: f64 = 0.05;
/// Candidates that are asked about at once (ours).
pub const ADVISOR_BATCH: usize = 16;
/// Updates of a table in the window below which their kind does not matter (ours).
pub const HOT_MIN_UPDATES: i64 = 10_000;
/// HOT updates over all updates (ours).
pub const HOT_RATIO: f64 = 0.50;
/// Updates of one cause over those that are not HOT, from which it is named (ours).
pub const HOT_CAUSE_RATIO: f64 = 0.50;
/// The fill factor that is proposed first, and by how much it is lowered after that (ours).
pub const HOT_FILLFACTOR_PERCENT: f64 = 85.0;
/// The fill factor below which more room is no answer (ours).
pub const HOT_MIN_FILLFACTOR_PERCENT: f64 = 60.0;
/// Bytes that the indexes of a table write for each byte of a row (ours).
pub const INDEX_OVERHEAD_RATIO: f64 = 2.0;
/// Rows that made index entries, below which the overhead does not matter (ours).
pub const INDEX_OVERHEAD_MIN_WRITES: i64 = 1_000;
/// Bytes of an index entry beside its columns (pganalyze).
pub const INDEX_OVERHEAD_ENTRY_BYTES: f64 = 8.0;
/// Bytes of a row beside its columns (pganalyze).
pub const INDEX_OVERHEAD_ROW_BYTES: f64 = 27.0;
/// How much of its rows a partial index is taken to hold (pganalyze).
pub const INDEX_OVERHEAD_PARTIAL_FACTOR: f64 = 0.10;
/// Size from which a bloated index is worth a rebuild (pghero).
pub const BLOATED_INDEX_MIN_BYTES: u64 = 104_857_600;
/// `avg_leaf_density` of a bloated index, in percent (`CREATE INDEX` fills 90).
pub const BLOATED_INDEX_DENSITY_PERCENT: f64 = 50.0;
/// Bytes that a rebuild gives back (pghero).
pub const BLOATED_INDEX_WASTE_BYTES: f64 = 104_857_600.0;
/// The same over the size of the index (ours).
pub const BLOATED_INDEX_WASTE_RATIO: f64 = 0.50;
/// Scans by index of all scans below which sequential scans prevail (pghero).
pub const SEQ_SCAN_INDEX_USE_RATIO: f64 = 0.95;
/// Rows per sequential scan over the table's rows below which a LIMIT cut it short (ours).
pub const SEQ_SCAN_FULL_RATIO: f64 = 0.50;

// Waits -----------------------------------------------------------------------------------------

/// Activity samples without which no wait is judged (ours).
pub const WAIT_MIN_SAMPLES: u64 = 100;
/// Share of lock waits (ours).
pub const LOCK_WAIT_RATIO: f64 = 0.05;
/// Share of waits for WAL to be written (ours).
pub const WAL_WAIT_RATIO: f64 = 0.10;
/// Share of waits for a synchronous standby (ours).
pub const SYNC_REPLICA_WAIT_RATIO: f64 = 0.05;
/// Share of waits for reads (ours).
pub const READ_WAIT_RATIO: f64 = 0.20;
/// Share of waits for the lock manager (ours).
pub const LOCK_MANAGER_RATIO: f64 = 0.05;
/// Share of waits for a buffer's lock (ours).
pub const BUFFER_WAIT_RATIO: f64 = 0.05;
/// Share of waits for the client while active (ours).
pub const CLIENT_WAIT_RATIO: f64 = 0.10;

// Connections and pool --------------------------------------------------------------------------

/// Length of one open, idle transaction in seconds (ours).
pub const IDLE_IN_TRANSACTION_SEC: f64 = 60.0;
/// Idle in transaction over active and idle in transaction (ours).
pub const IDLE_IN_TRANSACTION_RATIO: f64 = 0.20;
/// Idle time in transactions below which its share does not matter (ours).
pub const IDLE_IN_TRANSACTION_MIN_MS: f64 = 1_000.0;
/// Held idle over lease (ours).
pub const HELD_IDLE_RATIO: f64 = 0.50;
/// New sessions over transactions (ours).
pub const CHURN_SESSIONS_PER_TRANSACTION: f64 = 0.05;
/// New sessions per second (ours).
pub const CHURN_SESSIONS_PER_SEC: f64 = 1.0;
/// Sessions that ended badly over all sessions (ours).
pub const SESSIONS_LOST_RATIO: f64 = 0.01;
/// Client connections over usable ones: warning (ours).
pub const CONNECTIONS_WARNING_RATIO: f64 = 0.80;
/// Client connections over usable ones: critical (ours).
pub const CONNECTIONS_CRITICAL_RATIO: f64 = 0.95;

// Replication -----------------------------------------------------------------------------------

/// Bytes behind (ours).
pub const REPLICA_LAG_BYTES: u64 = 64 * 1024 * 1024;
/// Samples in which a standby has to be behind (ours).
pub const REPLICA_LAG_SAMPLES: usize = 3;
/// WAL kept back by a slot (ours).
pub const SLOT_RETAINED_BYTES: u64 = 10 * 1024 * 1024 * 1024;
/// WAL kept back by a slot over `max_slot_wal_keep_size` (ours).
pub const SLOT_RETAINED_RATIO: f64 = 0.50;

// Vacuum and settings ---------------------------------------------------------------------------

/// How far past autovacuum's own threshold a table has to be (ours).
pub const AUTOVACUUM_BEHIND_FACTOR: f64 = 2.0;
/// Rows of a table that was never analysed (ours).
pub const NEVER_ANALYZED_MIN_ROWS: i64 = 1_000;
/// Memory from which the default of `shared_buffers` is too small (PostgreSQL's manual suggests a
/// quarter of the memory).
pub const DEFAULT_MEMORY_MIN_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// The `max_wal_size` that is proposed, in GB, unless twice the present one is more (ours).
pub const MAX_WAL_SIZE_GB: f64 = 8.0;
/// The default of `shared_buffers`, 128 MB (PostgreSQL's manual).
pub const DEFAULT_SHARED_BUFFERS_BYTES: f64 = 134_217_728.0;
/// Allowed connections for each core (`pg_gather`).
pub const CONNECTIONS_PER_CORE: f64 = 10.0;

// Health ----------------------------------------------------------------------------------------

/// Transactions for which somebody may hold the horizon (ours).
pub const HORIZON_XIDS: i64 = 1_000_000;
/// Time for which somebody may hold the horizon, in minutes (ours).
pub const HORIZON_MIN: f64 = 15.0;
/// How far past `autovacuum_freeze_max_age` a database is a warning (ours).
pub const FREEZE_AGE_FACTOR: f64 = 1.5;
/// Numbers left at which wraparound is critical (pghero).
pub const WRAPAROUND_LEFT: i64 = 10_000_000;
/// Age at which vacuum drops everything else, where the setting does not exist (before 14) or is not
/// visible (the default of `vacuum_failsafe_age`).
pub const FAILSAFE_AGE: f64 = 1_600_000_000.0;
/// Part of a sequence that is used: warning (ours).
pub const SEQUENCE_WARNING_RATIO: f64 = 0.70;
/// Part of a sequence that is used: critical (pghero, postgres-checkup L003).
pub const SEQUENCE_CRITICAL_RATIO: f64 = 0.90;
/// Length of a transaction: info, in minutes (ours).
pub const LONG_TRANSACTION_INFO_MIN: f64 = 5.0;
/// Length of a transaction: warning, in minutes (ours).
pub const LONG_TRANSACTION_WARNING_MIN: f64 = 15.0;
/// Wait for a lock that is worth a word: the default of `deadlock_timeout`, after which the server
/// itself looks and, with `log_lock_waits`, logs (PostgreSQL's manual).
pub const BLOCKED_WARNING_SEC: f64 = 1.0;
/// Wait for a lock that somebody should end (ours).
pub const BLOCKED_CRITICAL_SEC: f64 = 60.0;
/// The default of `random_page_cost` (PostgreSQL's manual).
pub const RANDOM_PAGE_COST_DEFAULT: f64 = 4.0;
/// Blocks read below which their time says nothing of the disk (ours).
pub const DISK_MIN_BLOCKS: i64 = 1_000;
/// A read of a turning disk takes at least so long: half a turn at 15,000 per minute, without the
/// way of the head (ours).
pub const TURNING_DISK_READ_MS: f64 = 2.0;
/// Wait of a client in a pooler (ours).
pub const POOLER_WAIT_SEC: f64 = 1.0;
/// Share of readings in which clients wait in a pooler (ours).
pub const POOLER_QUEUE_RATIO: f64 = 0.05;
/// Readings below which a share of them says little (ours).
pub const POOLER_MIN_SAMPLES: usize = 20;
/// Parts of the window through which a trend is laid (ours).
pub const LAG_TREND_PARTS: usize = 10;
/// Readings of each part (ours).
pub const LAG_TREND_READINGS: usize = 5;
/// Growth over the window, and bytes behind at its end, that matter: one segment of WAL (ours).
pub const LAG_GROWTH_BYTES: f64 = 16_777_216.0;
/// Free space and dead rows over the size of a table (ours).
pub const BLOAT_RATIO: f64 = 0.50;
/// Size of a table from which they matter (ours).
pub const BLOAT_MIN_BYTES: f64 = 104_857_600.0;
