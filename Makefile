# The commands of this project. Each sets up what it needs in the checkout, and is quick the second
# time. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: demo test lint bench wiring-score soak wheel clean help

target:
	@mkdir -p target

demo: target ## Run the example shop on purchases: make demo [DATA=path/to/cdnow_master.txt] [ASYNC=1]
	@folder=$$(scripts/lowest release) && cd examples && ../$$folder/bin/python -m shop $(if $(DATA),--data "$(abspath $(DATA))") $(if $(ASYNC),--async)

test: target ## Run every test, Rust and Python, on each Python found
	@scripts/test

lint: target ## Run every lint and type checker
	@scripts/lint

bench: target ## Measure against the hand-written bus and the other libraries
	@bench/run

wiring-score: target ## Score the map against code labelled by hand: make wiring-score [CORPORA=folder]
	@bench/wiring/score $(if $(CORPORA),"$(abspath $(CORPORA))")

soak: target ## Run the long tests: memory over millions of events, ledgers of unruly handlers, thousands of random programs, damaged code
	@scripts/soak

wheel: target ## Build a wheel for each Python found, into dist/
	@scripts/wheel

clean: ## Remove what the other commands made
	rm -rf target dist .venv-*

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile
