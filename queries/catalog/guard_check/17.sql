SELECT /* dbperf */
    pg_catalog.current_setting('statement_timeout') AS statement_timeout,
    pg_catalog.current_setting('lock_timeout') AS lock_timeout,
    pg_catalog.current_setting('idle_in_transaction_session_timeout') AS idle_in_transaction_session_timeout,
    pg_catalog.current_setting('default_transaction_read_only') AS default_transaction_read_only,
    pg_catalog.current_setting('search_path') AS search_path,
    pg_catalog.current_setting('client_connection_check_interval')
        AS client_connection_check_interval,
    pg_catalog.current_setting('transaction_timeout') AS transaction_timeout,
    pg_catalog.current_setting('jit') AS jit
