# tilld: build, run, test, measure. "make help" lists the targets.

SHELL := /bin/sh
GO    ?= go

PROGRAMS := tilld tillsim tillbench

# The version a binary tells of itself: a tag, or the commit, or "dev" outside a checkout.
ifeq ($(origin VERSION),undefined)
VERSION := $(shell git describe --tags --always --abbrev=12 --dirty 2>/dev/null || echo dev)
endif

# A target that is named goes into a folder of its own: make build GOARCH=arm64.
ifneq ($(GOARCH),)
ARCH := $(GOARCH)
BIN  := bin/linux-$(GOARCH)
else
ARCH := $(shell $(GO) env GOHOSTARCH)
BIN  := bin
endif

# 32-bit targets need one repaired line in a module of Badger's: see internal/build/go32.
ifneq ($(filter $(ARCH),arm 386),)
GO32    := go32
MODFILE := -modfile=build/go32.mod
endif

STAMP      := -s -w -buildid= -X main.version=$(VERSION)
BUILD_ENV  := CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH) GOARM=7 GOFLAGS=
BUILDFLAGS := -trimpath -buildvcs=false -ldflags '$(STAMP)'

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

.PHONY: build
build: $(GO32) ## build tilld, tillsim and tillbench into bin/ (GOARCH=arm64 or arm: bin/linux-...)
	@mkdir -p $(BIN)
	$(BUILD_ENV) $(GO) build $(MODFILE) $(BUILDFLAGS) -o $(BIN)/ $(PROGRAMS:%=./cmd/%)

.PHONY: run
run: build ## a whole till on the desk: simulated scanner and wallets, a page to play the cashier
	@$(BIN)/tillsim run $(ARGS)

.PHONY: demo
demo: build ## every kind of payment, unattended; BREAK=double-charge, lost-sale or over-refund
	@$(BIN)/tillsim demo $(if $(BREAK),--break $(BREAK)) $(ARGS)

SALES ?= 300
TILLS ?= 20

.PHONY: chaos
chaos: build ## random sales, tilld killed at every named point, the network cut; SALES=300 TILLS=20 SEED=
	@$(BIN)/tillsim chaos --sales $(SALES) --tills $(TILLS) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: bench
bench: build ## measure the figures of the README: a table, and build/bench.json
	@mkdir -p build
	@$(BIN)/tillbench --json build/bench.json $(ARGS)

.PHONY: check
check: ## formatting, vet, staticcheck, import law
	@sh internal/build/fmt.sh
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) test ./internal/archtest

.PHONY: test
test: ## all tests; as root on Debian it installs the packages it needs
	@bash internal/build/test.sh

.PHONY: test32
test32: go32 ## the queue on 32 bits: 386 and arm, repaired and not
	@bash internal/build/test32.sh

# Tests whose work is done by child processes and file systems: the detector sees nothing
# there, and makes them many times slower. "make test" runs them without it.
# TestRepeat needs the order of goroutines, which the detector shuffles, TestPalmCanaries the
# time of a camera.
UNRACED := ^(TestDamage|TestKill|TestPowerCut|TestOlderCopy|TestFullDisk|TestReopenOnFullDisk|TestRepeat|TestPalmCanaries)$$

.PHONY: race
race: ## the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -short $(FRESH) -skip '$(UNRACED)' ./...

.PHONY: sim
sim: ## simulated shops where everything goes wrong, for a minute of one core (SECONDS=, or SEEDS= and SEED=)
	$(GO) test ./agent/sim -count=1 -v -timeout 0 -run TestStorm -args $(if $(SEEDS),-seeds $(SEEDS),-seconds $(or $(SECONDS),60)) -seed $(or $(SEED),1)

.PHONY: model
model: ## check the model of a payment with Spin, and every seeded bug: a table of figures
	@$(GO) test -count=1 -timeout 30m ./agent/sale/model -run TestModel -figures

.PHONY: points
points: ## cut the power of simulated tills at every point with every fault, and count the pairs
	$(GO) test ./agent/sim -count=1 -v -timeout 0 -run TestPoints -args -tries $(or $(TRIES),400)

# ARCH alone is what is built for; here it names boards, and only when it was given.
.PHONY: board
board: ## boot virtual ARM boards with devices and check tilld on them; ARCH=arm64,v7,armmp ONLY= CHECKS=
	@bash internal/build/install.sh board
	@$(GO) run ./internal/board/run -arch '$(if $(filter command,$(origin ARCH)),$(ARCH))' -only '$(ONLY)' -checks '$(CHECKS)' $(ARGS)

.PHONY: mutants
mutants: ## take every guard out in turn: the simulation must notice every one
	$(GO) run ./internal/mutate

.PHONY: fuzz
fuzz: ## fuzz every codec and parser of devices; COUNT=10000000x or 30s, ONLY=name
	@COUNT=$(or $(COUNT),30s) ONLY=$(ONLY) bash internal/build/fuzz.sh

CUTS ?= 1000

.PHONY: powercuts
powercuts: build ## cut the power of a virtual board while it sells, CUTS=1000 times; needs root
	@bash internal/build/install.sh board
	@mkdir -p build/board
	@CGO_ENABLED=0 GOOS=linux GOARCH=arm64 GOFLAGS= $(GO) build $(BUILDFLAGS) -o build/board/cutguest ./cmd/tillbench/powercut/guest
	@$(BIN)/tillbench powercuts --guest build/board/cutguest --cuts $(CUTS) $(ARGS)

.PHONY: repro
repro: ## build in two folders with two caches and compare the bytes
	@bash internal/build/repro.sh

.PHONY: go32
go32: ## prepare the repaired module of 32-bit builds in build/
	@env -u GOARCH -u GOOS -u GOARM GOFLAGS= $(GO) run ./internal/build/go32

.PHONY: deps
deps: ## write the list of packages linked into tilld to internal/archtest/tilld.deps
	$(GO) test ./internal/archtest -run TestLinkedPackages -update

.PHONY: clean
clean: ## remove what was built
	rm -rf bin build
