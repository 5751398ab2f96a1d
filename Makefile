# make run     install what is missing, build all, serve the sample apps
# make test    build all, run every check and test
# make help    the other targets

.DEFAULT_GOAL := help

LISTEN ?= 127.0.0.1:8080
RECIPE  = go run ./pyruntime/build

.PHONY: help run build runtime apps check test conformance test-cpython bench bench-quotas bench-snapshots bench-front stress clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

run: build apps ## serve the sample apps on LISTEN, 127.0.0.1:8080 if not given
	bin/wasgi serve --index --listen $(LISTEN) --state bin/state bin/apps

build: runtime ## build bin/wasgi, with Python inside
	CGO_ENABLED=0 go build -trimpath -o bin/wasgi ./cmd/wasgi

runtime: ## build Python for WASI, or take it from the cache
	$(RECIPE) runtime

apps: ## put the sample apps, with their packages, into bin/apps
	mkdir -p bin/apps
	cp -R test/apps/hello test/apps/flask test/apps/django bin/apps/
	$(RECIPE) site flask --out bin/apps/flask/site-packages
	$(RECIPE) site django --out bin/apps/django/site-packages

check: ## gofmt, vet, also for other systems, staticcheck, and the shape of the source tree
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	go vet ./...
	for os in linux darwin; do GOOS=$$os GOARCH=arm64 CGO_ENABLED=0 sh -c 'go build ./... && go vet ./...' || exit 1; done
	go tool staticcheck ./...
	go test -count=1 -run 'TestShape' ./test

test: build ## every check and test, with the race detector
	$(RECIPE) tools gcc libc6-dev wabt
	$(MAKE) check
	go test -race -timeout 20m ./...

conformance: build ## test each statement of PEP 3333, and print a table of them
	@WASGI_BIN=$(CURDIR)/bin/wasgi WASGI_CONFORMANCE_TABLE=$(CURDIR)/bin/conformance.txt \
		go test -count=1 -timeout 10m ./test/conformance/wsgi; verdict=$$?; cat bin/conformance.txt; exit $$verdict

test-cpython: build ## run CPython's own tests in the sandbox
	$(RECIPE) tests --out bin/cpython-tests
	WASGI_BIN=$(CURDIR)/bin/wasgi WASGI_CPYTHON_TESTS=$(CURDIR)/bin/cpython-tests \
		go test -count=1 -v -timeout 30m -run '^TestCPython$$' ./test/cpython

bench: build ## measure against uWSGI and gunicorn, in turn in one run
	$(RECIPE) tools uwsgi uwsgi-plugin-python3 gunicorn python3
	go test -run '^$$' -bench . -benchtime 1x -timeout 20m ./test/bench

bench-quotas: build ## measure what limits cost, how well they hold and what neighbours feel of it
	WASGI_BIN=$(CURDIR)/bin/wasgi go test -count=1 -run '^$$' -bench Quotas -benchtime 1x -timeout 30m ./test/hogs

bench-snapshots: build ## measure cold starts, restarts, slots, and many tenants on one server
	$(RECIPE) tools uwsgi uwsgi-plugin-python3 python3
	WASGI_BIN=$(CURDIR)/bin/wasgi go test -count=1 -run '^$$' -bench Snapshots -benchtime 1x -timeout 30m ./test/snapshots

bench-front: ## measure the front end alone against fasthttp, with and without an access log, and beside 10,000 slow clients
	$(RECIPE) tools wabt
	go test -count=1 -run '^$$' -bench Front -benchtime 1x -timeout 20m ./cmd/wasgi/front

stress: build ## the long runs: hostile calls and requests, a model file system, system calls traced, instances by the ten thousand
	$(RECIPE) tools strace
	WASI_HOSTILE_CALLS=1000000 WASI_MODEL_STEPS=100000 go test -count=1 -run 'HostileCalls|Model' -v ./wasi
	WASGI_FRONT_MUTANTS=1000000 go test -count=1 -timeout 20m -run 'GateAlone|MutatedRequests' -v ./cmd/wasgi/front
	WASGI_STRESS=1 go test -count=1 -v ./test/conformance/trace
	WASGI_AUDITS=10000 go test -count=1 -run Audited -v -timeout 20m ./runtime
	WASGI_CLONES=100000 WASGI_CYCLES=100000 WASGI_CYCLE_TENANTS=200 go test -count=1 -v -timeout 30m ./test/snapshots

clean: ## remove what was built here; the cache of Python stays
	rm -rf bin
	rm -f pyruntime/dist/python.wasm.zst pyruntime/dist/stdlib.zip pyruntime/dist/manifest.json
