# Everything here is a plain go command; nothing but Go has to be installed.

GO    ?= go
PKG   ?= ./...
TIME  ?= 30s
JOBS  ?= 2
KILLS ?= 200
COUNT ?= 20
TOOL   = $(GO) tool -modfile=tools/go.mod

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: check
check: ## All that a change has to pass
	.ci/run

.PHONY: test
test: ## Run the tests
	$(GO) test $(PKG)

.PHONY: race
race: ## Run the tests with the race detector, shuffled
	$(GO) test -race -shuffle=on -timeout 20m $(PKG)

.PHONY: lint
lint: ## Run go vet and golangci-lint
	$(GO) vet $(PKG)
	$(TOOL) golangci-lint run $(PKG)

.PHONY: fmt
fmt: ## Format the code
	$(TOOL) golangci-lint fmt

.PHONY: bench
bench: ## Measure cost and throughput (BENCH=flags, 20 minutes, 3 GB in the temporary folder), then run the benchmarks of PKG
	$(GO) run ./bench $(BENCH)
	$(GO) test -run '^$$' -bench . -benchmem $(PKG)

.PHONY: peers
peers: ## Put other crawlers and Clew through the same stops (PEERS=flags, half an hour, needs Python)
	$(GO) run ./bench/peers reliability $(PEERS)

.PHONY: bench-peers
bench-peers: ## Race other crawlers and Clew (SPEED=flags, an hour, needs Python, Node and Rust)
	$(GO) run ./bench/peers speed $(SPEED)

.PHONY: fuzz
fuzz: ## Run every fuzz target of PKG for TIME (30s), JOBS (2) at a time on a core each; one that fails stops no other
	@$(GO) test -list '^Fuzz' $(PKG) | awk ' \
		/^Fuzz/ { names[n++] = $$1 } \
		/^ok/   { for (i = 0; i < n; i++) print $$2, names[i]; n = 0 }' | \
	GOMAXPROCS=1 xargs -r -n 2 -P $(JOBS) sh -c 'echo "== $$0 $$1"; \
		exec $(GO) test -run "^\$$" -fuzz "^$$1\$$" -fuzztime $(TIME) -parallel 1 "$$0"'

.PHONY: crash
crash: ## Kill real crawls KILLS (200) times and compare what they end with
	$(GO) test -count 1 -timeout 60m ./internal/crashtest -run Kill -kills $(KILLS)

.PHONY: torture
torture: ## Torture crawls for TIME (30s), LEDGER=file keeps totals; then random crawls of the store COUNT (20) times
	$(GO) test -count 1 -timeout 0 -v ./internal/crashtest -run 'TestTorture$$' -duration $(TIME) $(if $(LEDGER),-ledger $(abspath $(LEDGER)))
	$(GO) test -count $(COUNT) -timeout 0 ./store/pebblestore -run 'TestStore/RandomCrawl'
