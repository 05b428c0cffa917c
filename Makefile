# Everything that a developer or CI runs. `make help` lists it.
SHELL := bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.bin:$(PATH)

VERSION ?= v0.0.0-development
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
FUZZTIME ?= 3s

.PHONY: help
help: ## Show this
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: check
check: ## Run all that CI runs, each part timed
	@scripts/check

.PHONY: build
build: ## Build the binary for this machine into bin/shipkit
	go build -o bin/shipkit ./cmd/shipkit

.PHONY: test
test: ## Run all tests with the race detector (P=./pkg/action/... for some)
	@scripts/with-docker go test -race -timeout 15m $(or $(P),./...)

.PHONY: e2e
e2e: tools ## Run the real workflows through act
	@scripts/with-docker go test -timeout 15m ./internal/acttest/... ./internal/e2e/...

.PHONY: demo
demo: tools ## Show the whole chain on this machine, without an AWS account (KEEP=1 leaves it running)
	@scripts/with-docker --optional go run ./cmd/shipkit-demo $(if $(KEEP),-keep)

.PHONY: bench
bench: tools ## Run the benchmarks (P=./pkg/image for some)
	@scripts/with-docker go test -run '^$$' -bench . -benchmem -timeout 60m $(or $(P),./...)

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME, those of pkg/action for 30s
	@scripts/fuzz $(FUZZTIME)

.PHONY: lint
lint: tools ## Run golangci-lint (vet and staticcheck among it) and actionlint
	@scripts/lint

.PHONY: vulnerabilities
vulnerabilities: ## Look the dependencies up in Go's vulnerability database
	@scripts/vulnerabilities

.PHONY: generate
generate: ## Write what is generated: the tables of the READMEs
	go generate ./...

.PHONY: release-tree
release-tree: ## Write the release tree to dist/tree, further binaries to dist/assets
	go run ./cmd/gen release-tree -version $(VERSION) -commit $(COMMIT)

.PHONY: prepare-release
prepare-release: ## Write what the commit of a release needs (VERSION=v1.2.3)
	@scripts/prepare-release $(VERSION)

.PHONY: machine
machine: ## Install the Debian packages that tests need
	@scripts/machine

.PHONY: tools
tools: ## Install the pinned tools into .bin
	@scripts/tools

.PHONY: emulators
emulators: ## Install moto and ministack into .venv
	@scripts/emulators

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist .cache .bin .venv
