SELECT /* dbperf */
    pg_catalog.set_config('statement_timeout', $2, $1) AS statement_timeout,
    pg_catalog.set_config('lock_timeout', $3, $1) AS lock_timeout,
    pg_catalog.set_config('idle_in_transaction_session_timeout', $4, $1) AS idle_in_transaction_session_timeout,
    pg_catalog.set_config('default_transaction_read_only', $5, $1) AS default_transaction_read_only,
    pg_catalog.set_config('search_path', $6, $1) AS search_path,
    pg_catalog.set_config('client_connection_check_interval', $7, $1)
        AS client_connection_check_interval,
    NULL::text || $8 AS transaction_timeout,
    pg_catalog.set_config('jit', $9, $1) AS jit
