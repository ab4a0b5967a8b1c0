//! The planted situations: one index each, whether it was scanned, and the right verdict.

use dbperf::analyze::conclusions::IndexVerdict::{
    self, DropDuplicate, DropRedundant, DropUnused, InvalidRebuild, Keep,
};

/// One index and what is right for it.
pub(crate) struct Situation {
    /// Its name.
    pub(crate) index: &'static str,
    /// The first version that has it.
    pub(crate) since: u32,
    /// SQL that makes it; empty for one that a table's definition makes.
    pub(crate) make: &'static str,
    /// SQL that scans it, run before the next one is made; it is part of the workload.
    pub(crate) scan: &'static str,
    /// What is right.
    pub(crate) verdict: IndexVerdict,
}

const fn of(
    index: &'static str,
    make: &'static str,
    scan: &'static str,
    verdict: IndexVerdict,
) -> Situation {
    Situation {
        index,
        since: 13,
        make,
        scan,
        verdict,
    }
}

/// Tables, before any index is made.
pub(crate) const TABLES: &str = r#"
CREATE TABLE orders (
    id int PRIMARY KEY, a int, b int, c int, d int, e int, f int, g int, h int, i int, j int, k int,
    l int, m int, n int, o int NOT NULL, p int, q int, s int, t int, u int, v int, w int,
    txt text, doc jsonb, span int4range, at timestamptz,
    CONSTRAINT orders_l UNIQUE (l),
    CONSTRAINT orders_m UNIQUE (m) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT orders_span EXCLUDE USING gist (span WITH &&)
);
CREATE TABLE items (id int PRIMARY KEY, order_id int REFERENCES orders, a int);
CREATE TABLE notes (id int PRIMARY KEY, order_id int REFERENCES orders, a int);
CREATE TABLE restored (id int PRIMARY KEY, a int);
CREATE TABLE extended (id int, a int);
CREATE TABLE "Hostile "" Table; --" ("Col ""umn" int, other int);
CREATE TABLE parts (day int, a int, b int, c int, d int) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (2500);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (2500) TO (9999) PARTITION BY RANGE (day);
CREATE TABLE parts_2a PARTITION OF parts_2 FOR VALUES FROM (2500) TO (9999);
SET allow_in_place_tablespaces = on;
"#;

/// Rows, after all indexes are made: every entry touches every index.
pub(crate) const ROWS: &str = r#"
INSERT INTO orders SELECT g, g, g, g, g, g, g, g, g % 7 - 3, g, g, g, g, g, g, g, g, g, g, g, g, g, g,
    'text ' || g, '{"k": 1}', int4range(g, g + 1), 'epoch'::timestamptz + g * '1 hour'::interval
FROM generate_series(10, 5000) AS g;
UPDATE orders SET txt = txt || '!' WHERE id % 20 = 0;
DELETE FROM orders WHERE id % 50 = 1;
INSERT INTO items SELECT g, g - g % 50, g FROM generate_series(50, 5000) AS g;
UPDATE items SET a = a + 1, order_id = order_id WHERE id % 20 = 0;
DELETE FROM items WHERE id % 50 = 1;
INSERT INTO notes SELECT g, g - g % 50, g FROM generate_series(50, 5000) AS g;
UPDATE notes SET a = a + 1 WHERE id % 20 = 0;
DELETE FROM notes WHERE id % 50 = 1;
INSERT INTO restored SELECT g, g FROM generate_series(1, 5000) AS g;
INSERT INTO extended SELECT g, g FROM generate_series(1, 5000) AS g;
UPDATE extended SET a = a + 1 WHERE id % 20 = 0;
INSERT INTO "Hostile "" Table; --" SELECT g, g FROM generate_series(1, 5000) AS g;
UPDATE "Hostile "" Table; --" SET "Col ""umn" = 0 WHERE other % 20 = 0;
INSERT INTO parts SELECT g, g, g, g, g FROM generate_series(0, 4999) AS g;
UPDATE parts SET a = a + 1, b = b + 1, c = c + 1, d = d + 1 WHERE day % 20 = 0;
"#;

/// After the rows.
pub(crate) const LATE: &[Situation] = &[
    // Its table was written before it was made.
    of("young", "CREATE INDEX young ON orders (t)", "", Keep),
];

/// Every situation that a statement can make, in order.
pub(crate) const SITUATIONS: &[Situation] = &[
    // Used or not.
    of("orders_pkey", "", "SELECT * FROM orders WHERE id = 5", Keep),
    of(
        "unused",
        "CREATE INDEX unused ON orders (a)",
        "",
        DropUnused,
    ),
    of(
        "used",
        "CREATE INDEX used ON orders (b)",
        "SELECT * FROM orders WHERE b = 5",
        Keep,
    ),
    of(
        "used_again",
        "CREATE INDEX used_again ON orders (b)",
        "",
        DropDuplicate,
    ),
    of(
        "hashed",
        "CREATE INDEX hashed ON orders USING hash (b)",
        "",
        DropUnused,
    ),
    // Unique, constraints, promises.
    of(
        "plain_c",
        "CREATE INDEX plain_c ON orders (c)",
        "SELECT * FROM orders WHERE c = 5",
        DropDuplicate,
    ),
    of(
        "unique_c",
        "CREATE UNIQUE INDEX unique_c ON orders (c)",
        "",
        Keep,
    ),
    of("orders_l", "", "", Keep),
    of(
        "orders_l_too",
        "ALTER TABLE orders ADD CONSTRAINT orders_l_too UNIQUE (l)",
        "",
        DropDuplicate,
    ),
    of("orders_m", "", "", Keep),
    of(
        "unique_m",
        "CREATE UNIQUE INDEX unique_m ON orders (m)",
        "",
        Keep,
    ),
    of("orders_span", "", "", Keep),
    of(
        "unique_n",
        "CREATE UNIQUE INDEX unique_n ON orders (n)",
        "",
        Keep,
    ),
    Situation {
        since: 15,
        ..of(
            "unique_n_nulls",
            "CREATE UNIQUE INDEX unique_n_nulls ON orders (n) NULLS NOT DISTINCT",
            "",
            Keep,
        )
    },
    of(
        "unique_partial",
        "CREATE UNIQUE INDEX unique_partial ON orders (n) WHERE a > 0",
        "",
        Keep,
    ),
    of(
        "identity",
        "CREATE UNIQUE INDEX identity ON orders (o); ALTER TABLE orders REPLICA IDENTITY USING INDEX identity",
        "",
        Keep,
    ),
    of(
        "like_identity",
        "CREATE INDEX like_identity ON orders (o)",
        "",
        DropDuplicate,
    ),
    of(
        "referenced",
        "CREATE UNIQUE INDEX referenced ON orders (p); CREATE TABLE refers (p int REFERENCES orders (p))",
        "",
        Keep,
    ),
    of(
        "like_referenced",
        "CREATE UNIQUE INDEX like_referenced ON orders (p)",
        "",
        DropDuplicate,
    ),
    // Prefixes, order, nulls.
    of(
        "narrow",
        "CREATE INDEX narrow ON orders (d)",
        "SELECT * FROM orders WHERE d = 5",
        DropRedundant,
    ),
    of("wide", "CREATE INDEX wide ON orders (d, e)", "", Keep),
    of(
        "narrow_desc",
        "CREATE INDEX narrow_desc ON orders (e DESC)",
        "SELECT * FROM orders WHERE e = 5",
        DropRedundant,
    ),
    of(
        "wide_asc",
        "CREATE INDEX wide_asc ON orders (e, f)",
        "",
        Keep,
    ),
    of(
        "nulls_first",
        "CREATE INDEX nulls_first ON orders (f NULLS FIRST)",
        "SELECT * FROM orders WHERE f = 5",
        Keep,
    ),
    of(
        "nulls_last",
        "CREATE INDEX nulls_last ON orders (f, g)",
        "",
        DropUnused,
    ),
    // Operator classes and collations.
    of(
        "pattern",
        "CREATE INDEX pattern ON orders (txt text_pattern_ops)",
        "SELECT * FROM orders WHERE txt ~>=~ 'text 5'",
        Keep,
    ),
    of(
        "collated",
        r#"CREATE INDEX collated ON orders (txt COLLATE "C")"#,
        r#"SELECT * FROM orders WHERE txt COLLATE "C" > 'text 5'"#,
        Keep,
    ),
    of(
        "collated_wide",
        "CREATE INDEX collated_wide ON orders (txt, a)",
        "",
        DropUnused,
    ),
    // Partial indexes and expressions.
    of(
        "partial",
        "CREATE INDEX partial ON orders (g) WHERE h > 0",
        "SELECT * FROM orders WHERE g = 5 AND h > 0",
        Keep,
    ),
    of(
        "partial_too",
        "CREATE INDEX partial_too ON orders (g) WHERE h > 0",
        "",
        DropDuplicate,
    ),
    of(
        "full_g",
        "CREATE INDEX full_g ON orders (g)",
        "SELECT * FROM orders WHERE g = 5",
        Keep,
    ),
    of(
        "partial_unused",
        "CREATE INDEX partial_unused ON orders (t) WHERE h > 1 AND txt <> 'WHERE (a > 0)'",
        "",
        DropUnused,
    ),
    of(
        "lowered",
        "CREATE INDEX lowered ON orders (lower(txt))",
        "SELECT * FROM orders WHERE lower(txt) = 'text 5'",
        Keep,
    ),
    of(
        "lowered_too",
        "CREATE INDEX lowered_too ON orders (lower(txt))",
        "",
        DropDuplicate,
    ),
    of(
        "uppered",
        "CREATE INDEX uppered ON orders (upper(txt), abs(a)); \
         ALTER INDEX uppered ALTER COLUMN 2 SET STATISTICS 500",
        "",
        DropUnused,
    ),
    // INCLUDE.
    of(
        "few",
        "CREATE INDEX few ON orders (h) INCLUDE (i)",
        "SELECT * FROM orders WHERE h = 2",
        DropRedundant,
    ),
    of(
        "more",
        "CREATE INDEX more ON orders (h) INCLUDE (i, j)",
        "",
        Keep,
    ),
    of(
        "jk",
        "CREATE INDEX jk ON orders (i) INCLUDE (j, k)",
        "SELECT * FROM orders WHERE i = 5",
        Keep,
    ),
    of(
        "kj",
        "CREATE INDEX kj ON orders (i) INCLUDE (k, j)",
        "",
        DropDuplicate,
    ),
    of(
        "included",
        "CREATE INDEX included ON orders (j) INCLUDE (k)",
        "SELECT * FROM orders WHERE j = 5",
        DropRedundant,
    ),
    of("keyed", "CREATE INDEX keyed ON orders (j, k)", "", Keep),
    // Other methods.
    of(
        "gin",
        "CREATE INDEX gin ON orders USING gin (doc)",
        "SELECT * FROM orders WHERE doc ? 'x'",
        Keep,
    ),
    of(
        "gin_paths",
        "CREATE INDEX gin_paths ON orders USING gin (doc jsonb_path_ops)",
        "",
        DropUnused,
    ),
    of(
        "brin",
        "CREATE INDEX brin ON orders USING brin (at) WITH (pages_per_range = 8)",
        "SELECT * FROM orders WHERE at = 'epoch'",
        Keep,
    ),
    of(
        "brin_coarse",
        "CREATE INDEX brin_coarse ON orders USING brin (at) WITH (pages_per_range = 512)",
        "",
        DropUnused,
    ),
    // What a definition does not show, or shows oddly.
    of(
        "clustered",
        "CREATE INDEX clustered ON orders (q); ALTER TABLE orders CLUSTER ON clustered",
        "",
        DropUnused,
    ),
    of(
        "filled",
        "CREATE INDEX filled ON orders (s) WITH (fillfactor = 70, deduplicate_items = off)",
        "",
        DropUnused,
    ),
    of(
        "elsewhere",
        "CREATE INDEX elsewhere ON orders (u) TABLESPACE \"Other Disk\" WHERE v > 0",
        "",
        DropUnused,
    ),
    of(
        "in\"dex; --",
        r#"CREATE INDEX "in""dex; --" ON "Hostile "" Table; --" ("Col ""umn" DESC)"#,
        "",
        DropUnused,
    ),
    of(
        "select",
        r#"CREATE INDEX "select" ON orders (w)"#,
        "",
        DropUnused,
    ),
    // Foreign keys.
    of(
        "only_support",
        "CREATE INDEX only_support ON items (order_id)",
        "",
        Keep,
    ),
    of(
        "support_narrow",
        "CREATE INDEX support_narrow ON notes (order_id)",
        "",
        DropRedundant,
    ),
    of(
        "support_wide",
        "CREATE INDEX support_wide ON notes (order_id, a)",
        "",
        Keep,
    ),
    // Tables of which the counters say nothing.
    of(
        "of_restored",
        "CREATE INDEX of_restored ON restored (a)",
        "",
        Keep,
    ),
    of(
        "of_extension",
        "CREATE INDEX of_extension ON extended (a); ALTER EXTENSION pg_stat_statements ADD TABLE extended",
        "",
        Keep,
    ),
    // Partitions.
    of(
        "parts_a",
        "CREATE INDEX parts_a ON parts (a)",
        "SELECT * FROM parts WHERE a = 5",
        Keep,
    ),
    of(
        "parts_a_too",
        "CREATE INDEX parts_a_too ON parts (a)",
        "",
        DropDuplicate,
    ),
    of(
        "parts_b",
        "CREATE INDEX parts_b ON parts (b)",
        "",
        DropUnused,
    ),
    of("parts_1_b_idx", "", "", Keep),
    of("parts_2a_b_idx", "", "", Keep),
    of(
        "parts_narrow",
        "CREATE INDEX parts_narrow ON parts (c)",
        "SELECT * FROM parts WHERE c = 5",
        DropRedundant,
    ),
    of(
        "parts_wide",
        "CREATE INDEX parts_wide ON parts (c, a)",
        "",
        Keep,
    ),
    of(
        "of_one_part",
        "CREATE INDEX of_one_part ON parts_1 (d)",
        "",
        DropUnused,
    ),
    of(
        "like_attached",
        "CREATE INDEX like_attached ON parts_1 (a)",
        "",
        DropDuplicate,
    ),
    of(
        "parts_incomplete",
        "CREATE INDEX parts_incomplete ON ONLY parts (d)",
        "",
        InvalidRebuild,
    ),
];

/// Invalid ones, made by a concurrent build that fails on rows that are there.
pub(crate) const BROKEN: &[Situation] = &[
    of(
        "broken",
        "CREATE UNIQUE INDEX CONCURRENTLY broken ON orders (h)",
        "",
        InvalidRebuild,
    ),
    of(
        "left_over_ccnew1",
        "CREATE UNIQUE INDEX CONCURRENTLY left_over_ccnew1 ON orders (h)",
        "",
        InvalidRebuild,
    ),
];
