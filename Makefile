# Two commands on a fresh machine: `make demo` shows a report, `make test` runs every check.

CARGO ?= cargo
# A build server must not resolve dependencies anew.
LOCKED := $(if $(CI),--locked)

.PHONY: help setup setup-versions setup-hypopg setup-tools demo test fmt lint docs unit matrix bench

help:
	@echo 'make demo            install what is missing, build, and analyse a sample database'
	@echo 'make test            install what is missing, and run every check'
	@echo 'make setup           install a C compiler, libclang and PostgreSQL where they are missing'
	@echo 'make setup-versions  fetch the other PostgreSQL versions that the tests run on'
	@echo 'make setup-hypopg    install HypoPG for the servers that the tests run on'
	@echo 'make setup-tools     install PgBouncer and the load tools that the tests drive'
	@echo 'make fmt lint docs   formatting, clippy and documentation, warnings denied'
	@echo 'make unit            the tests that need no server'
	@echo 'make matrix          the tests on every PostgreSQL version, none missing'
	@echo 'make bench           the driver and filling beside pgbench, a large database, and the reader of logs beside pgBadger'

setup:
	@.ci/setup

setup-versions:
	@.ci/setup-versions

setup-hypopg: setup-versions
	@.ci/setup-hypopg

setup-tools:
	@.ci/setup-tools

demo: setup
	$(CARGO) build --release $(LOCKED)
	./target/release/dbperf analyze --lab --lab-standby

# Where a version, HypoPG or a tool cannot be fetched its tests are skipped with a line on stderr; on a build
# server (CI is set) they must all run. One recipe, so that the steps keep their order under `make -j`.
test:
	$(MAKE) setup
	$(MAKE) setup-versions || test -z '$(CI)'
	$(MAKE) setup-hypopg || test -z '$(CI)'
	$(MAKE) setup-tools || test -z '$(CI)'
	$(MAKE) fmt
	$(MAKE) lint
	$(MAKE) docs
	$(MAKE) unit
	DBPERF_TEST_REQUIRE='$(if $(CI),all,$(DBPERF_TEST_REQUIRE))' $(CARGO) test $(LOCKED) --test '*'

fmt:
	$(CARGO) fmt --check

lint:
	$(CARGO) clippy $(LOCKED) --all-targets -- -D warnings

docs:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc $(LOCKED) --no-deps

unit:
	$(CARGO) test $(LOCKED) --lib --bins
	$(CARGO) test $(LOCKED) --doc

matrix: setup-versions setup-hypopg setup-tools
	DBPERF_TEST_REQUIRE=all $(CARGO) test $(LOCKED) --test '*'

bench: setup
	$(CARGO) bench $(LOCKED) --bench pgbench
	$(CARGO) bench $(LOCKED) --bench scale
	$(CARGO) bench $(LOCKED) --bench seed
	benches/log.sh
