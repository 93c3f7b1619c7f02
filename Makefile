# Set-up, building and testing. `make` alone lists the targets.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.7.0
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.2.0

.PHONY: help run build opener test race bench soak check vuln vectors clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1 \t/p' $(MAKEFILE_LIST) | expand -t 18

run: ## install what is missing, build, and serve from ./keep
	@script/install
	@$(MAKE) --no-print-directory build
	./hearkeep serve --keep ./keep

build: opener ## build ./hearkeep, without cgo
	CGO_ENABLED=0 go build -trimpath -o hearkeep ./cmd/hearkeep

opener: ## build the page that opens sealed archives offline
	@GOOS=js GOARCH=wasm go build -trimpath -buildvcs=false -ldflags='-s -w -buildid=' -o bin/opener.wasm ./cmd/opener
	@go run ./cmd/opener/assemble "$$(go env GOROOT)/lib/wasm/wasm_exec.js" bin/opener.wasm internal/archive/opener/open.html

test: ## install what tests need, and run every test
	@script/install --test
	@$(MAKE) --no-print-directory opener
	CGO_ENABLED=0 go test ./...

race: ## run every test under the race detector
	@script/install --ci
	@$(MAKE) --no-print-directory opener
	CGO_ENABLED=1 go test -race ./...

bench: ## run every benchmark
	@script/install --test
	@$(MAKE) --no-print-directory opener
	CGO_ENABLED=0 go test -run '^$$' -bench . -benchmem ./...

soak: ## the whole matrix of routes, times of answers, 100,000 histories, fuzzing for SOAK each (default 10m)
	@script/install --test
	script/soak $(SOAK)

check: ## formatting, vet, staticcheck, shellcheck
	@script/check $(STATICCHECK)

vuln: ## look for known vulnerabilities; asks the Go vulnerability database
	go run $(GOVULNCHECK) ./...

vectors: ## make the vectors anew, and fail if they differ from those committed
	go generate ./...
	git diff --exit-code -- ':(glob)**/testdata/**'

clean: ## remove what make build made; never the keep
	rm -f hearkeep bin/opener.wasm internal/archive/opener/open.html
	go clean -testcache
