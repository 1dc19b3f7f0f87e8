# Everything one does with this repository. `make help` lists it.

GOTAGS       := kwok
NODES        ?= auto
FLEET        ?= local
LINT         := go tool -modfile=hack/tools/lint/go.mod
LOCALCLUSTER := bin/localcluster
PACKAGES     := ./queue-api/cmd/queue-api ./queue-api/cmd/muster ./plugins/cmd/batch-scheduler ./autoscaler/cmd/batch-autoscaler ./autoscaler/cmd/batch-node-notices

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Running

.PHONY: demo
demo: hack-build ## Run everything on this machine, and a job, an array and a gang; FLEET=ec2 on a fake EC2, NODES=kwok on simulated nodes.
	@go build -tags $(GOTAGS) -o bin/ ./queue-api/cmd/muster
	bin/demo -localcluster=$(LOCALCLUSTER) -- --nodes=$(NODES) --fleet=$(FLEET) $(if $(filter ec2,$(FLEET)),--set batch-autoscaler=--scale-down-delay=10s)

.PHONY: demo-down
demo-down: hack-build ## End what demo left running.
	$(LOCALCLUSTER) down

##@ Building

.PHONY: build
build: ## Build the programs into bin/; muster also as kubectl's plugin.
	go build -tags $(GOTAGS) -o bin/ $(PACKAGES)
	@ln -sf muster bin/kubectl-muster && ln -sf muster bin/kubectl_complete-muster

.PHONY: hack-build
hack-build:
	@go build -tags $(GOTAGS) -o bin/ ./hack/localcluster ./hack/demo

.PHONY: images
images: ## Build the programs' container images into bin/images/; PUSH=REGISTRY/PATH puts them into a registry, too.
	hack/images $(GOTAGS)

.PHONY: images-verify
images-verify: ## Fail unless building the images twice, in two places, gives the same digests; FRESH=1 compiles everything twice.
	hack/images-verify $(GOTAGS)

.PHONY: manifests
manifests: hack-build ## Render every overlay into bin/manifests/.
	hack/manifests

.PHONY: generate
generate: ## Generate code again.
	go generate -tags $(GOTAGS) ./...

##@ Testing

.PHONY: test
test: test-integration test-conformance test-clients test-console e2e test-docs ## Run every test: unit, integration, the console in a browser and, on local clusters, clients, end to end and the commands of the docs.

.PHONY: test-unit
test-unit: ## Run the unit tests.
	go test -tags $(GOTAGS) ./...
	go test -C hack/tools/registry ./...

.PHONY: test-race
test-race: ## Run the unit tests under the race detector.
	go test -race -tags $(GOTAGS) ./...

.PHONY: test-integration
test-integration: test-tools ## Run the unit tests and those against a real Redis and a real API server.
	go test -tags $(GOTAGS),integration -timeout 20m ./...
	go test -C hack/tools/registry ./...

.PHONY: test-conformance
test-conformance: ## Run every case that follows from the API model, and print how many there are.
	go test -tags $(GOTAGS) -count 1 -v -run '^TestConformance$$' ./queue-api/httpapi

.PHONY: e2e
e2e: test-tools ## Run the end-to-end tests, each step of which is one of AWS's own clients.
	go test -tags $(GOTAGS),e2e -timeout 30m -count 1 -v ./hack/e2e/...

.PHONY: test-clients
test-clients: test-tools ## Play the same scenarios through four of AWS's clients, and through muster.
	go test -tags $(GOTAGS),e2e -timeout 20m -count 1 -v ./hack/clients/...

.PHONY: test-docs
test-docs: test-tools ## Play every command that the docs show, on local clusters.
	go test -tags $(GOTAGS),e2e -timeout 20m -count 1 -v -run '^TestPages$$' ./hack/docs

.PHONY: test-console
test-console: test-tools ## Try every page and action of the web console in a browser; SHOTS=1 writes docs/images anew.
	go test -tags $(GOTAGS),e2e -timeout 15m -count 1 -v ./hack/console -args $(if $(SHOTS),-update)

# What the tests run: Debian's Redis, container runtime and AWS clients, and the built Kubernetes.
.PHONY: test-tools
test-tools: hack-build
	$(LOCALCLUSTER) packages
	$(LOCALCLUSTER) build

.PHONY: bench
bench: ## Run the benchmarks.
	go test -tags $(GOTAGS) -run '^$$' -bench . ./...

.PHONY: bench-api
bench-api: hack-build ## Measure the API with 1,000,000 jobs stored against what it must reach; SHORT=1 stores a tenth.
	$(LOCALCLUSTER) packages
	go build -tags $(GOTAGS) -o bin/ ./queue-api/cmd/queue-api ./hack/bench/api
	bin/api --queue-api=bin/queue-api $(if $(SHORT),--jobs=100000)

.PHONY: bench-scheduler
bench-scheduler: hack-build ## Measure the scheduler beside kube-scheduler and coscheduling against what it must reach; SHORT=1 in five minutes.
	$(LOCALCLUSTER) build
	go build -tags $(GOTAGS) -o bin/ ./plugins/cmd/batch-scheduler
	go build -o bin/bench/ ./hack/bench/scheduler
	go build -C hack/bench/scheduler/perf -o $(CURDIR)/bin/bench/ ./peers
	go test -C hack/bench/scheduler/perf -c -o $(CURDIR)/bin/bench/referee ./referee
	bin/bench/scheduler $(if $(SHORT),-short) -podgroups=$$(go list -m -f '{{.Dir}}' sigs.k8s.io/scheduler-plugins)/manifests/coscheduling/crd.yaml

.PHONY: bench-nodes
bench-nodes: hack-build ## Measure how nodes are bought beside stock cluster-autoscaler against what it must reach; SHORT=1 in three minutes.
	$(LOCALCLUSTER) build
	go test -tags $(GOTAGS) -c -o bin/bench/batch-autoscaler.test ./autoscaler/cmd/batch-autoscaler
	go build -o bin/bench/ ./hack/bench/nodes
	bin/bench/nodes $(if $(SHORT),-short)

.PHONY: fuzz
fuzz: ## Run each fuzz test for FUZZTIME (default 30s).
	hack/fuzz $(GOTAGS)

##@ Reliability

.PHONY: faults
faults: faults-build ## Attack everything for half an hour and say which promises held; SEED=N repeats an attack, ALL=1 adds clusters and upgrades.
	hack/faults/ci $(GOTAGS)

.PHONY: soak
soak: faults-build ## Attack everything for DURATION (default 1h), KILLS (2,000) and JOBS (1,000,000, of which RUNS, 12,000, run); SEED=N repeats an attack.
	bin/faults/faults -localcluster=$(LOCALCLUSTER) -programs=bin/race -seed=$(or $(SEED),0) -within=$(or $(DURATION),1h) \
		-kills=$(or $(KILLS),2000) -jobs=$(or $(JOBS),1000000) -runs=$(or $(RUNS),12000) -large=10000 -redis-mib=3072 -settle=15m -keys -keep

.PHONY: faults-build
faults-build: test-tools
	go build -race -tags $(GOTAGS) -o bin/race/ ./queue-api/cmd/queue-api ./plugins/cmd/batch-scheduler ./autoscaler/cmd/batch-autoscaler
	go build -o bin/faults/ ./hack/faults

##@ Checking

.PHONY: fmt
fmt: ## Format the code.
	$(LINT) golangci-lint fmt

.PHONY: lint
lint: ## Run the linters, the import borders among them.
	$(LINT) golangci-lint run
	GOFLAGS=-tags=$(GOTAGS) $(LINT) logcheck -check-contextual ./queue-api/... ./plugins/... ./autoscaler/...

.PHONY: verify
verify: ## Fail if generated or formatted code differs from what is there.
	hack/verify

.PHONY: ci
ci: verify lint test ## Run everything CI runs.

.PHONY: clean
clean: ## Remove what was built here; tools stay in the cache outside.
	rm -rf bin
