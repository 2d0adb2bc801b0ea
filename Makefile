# Every target sets up what it needs by itself; python3, make and git are enough to begin with.
PYTHON ?= python3
VENV := .venv/bin
SOURCES := spoold protocols holdstore policy tests bench

.PHONY: help demo test check bench guesses fuzz power-loss kill-points format lock clean

help:            ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo:            ## Hold and release a page on a virtual printer (KEEP=1 leaves the portal running)
	@$(PYTHON) .ci/bootstrap.py run
	@$(VENV)/python -m spoold demo $(if $(KEEP),--keep)

test:            ## Run all tests, on real parts
	@$(PYTHON) .ci/bootstrap.py dev --system
	@$(VENV)/pytest $(or $(PYTEST),-n 3 --dist loadfile -m "not alone")
	@$(if $(PYTEST),,$(VENV)/pytest -m alone)

check:           ## Lint, types, floors, documentation
	@$(PYTHON) .ci/bootstrap.py dev
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy
	@$(VENV)/lint-imports --no-cache
	@$(VENV)/pytest -q tests/test_architecture.py tests/test_docs.py

bench:           ## Measure side by side with a local cupsd
	@$(PYTHON) .ci/bootstrap.py dev --system
	@$(VENV)/python -m bench.run $(BENCH)

guesses:         ## Guess ten thousand passwords of a daemon, and time what is refused
	@$(PYTHON) .ci/bootstrap.py dev --system
	@$(VENV)/python -m bench.guessing $(GUESSES)

fuzz:            ## One million inputs for each parser
	@$(PYTHON) .ci/bootstrap.py dev
	@$(VENV)/python -m tests.fuzz.fuzz_ipp --executions 1000000
	@$(VENV)/python -m tests.fuzz.fuzz_http --executions 1000000
	@$(VENV)/python -m tests.fuzz.fuzz_lpr --executions 1000000
	@$(VENV)/python -m tests.fuzz.fuzz_pjl --executions 1000000
	@$(VENV)/python -m tests.fuzz.fuzz_raster --executions 1000000
	@$(VENV)/python -m tests.fuzz.fuzz_badge --executions 1000000

power-loss:      ## Cut the power under the store, many times (needs root)
	@$(PYTHON) .ci/bootstrap.py dev --system
	@$(VENV)/python -m tests.fault.power_loss $(RUNS)

kill-points:     ## Kill the daemon at every system call of a job's life
	@$(PYTHON) .ci/bootstrap.py dev --system
	@$(VENV)/python -m tests.fault.kill_points $(POINTS)
	@$(VENV)/python -m tests.fault.kill_points $(POINTS) --ipp
	@$(VENV)/python -m tests.fault.kill_points $(POINTS) --archive
	@$(VENV)/python -m tests.fault.kill_points $(POINTS) --archive --ipp

format:          ## Put the sources into shape
	@$(VENV)/ruff format .
	@$(VENV)/ruff check --fix .

lock:            ## Renew the lock files (needs uv)
	uv pip compile -q --upgrade --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements/run.txt
	uv pip compile -q --upgrade --universal --generate-hashes --no-emit-index-url --no-header --extra dev pyproject.toml -o requirements/dev.txt
	echo gssapi | uv pip compile -q --upgrade --universal --generate-hashes --no-emit-index-url --no-header - -o requirements/kerberos.txt

clean:           ## Remove everything that was set up here
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis demo-state
