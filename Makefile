# Every target makes its own set-up; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON_ENV := .venv/bin/python
NODE_TOOL := node_modules/.bin
ARGS ?=

.PHONY: wheel help setup demo up check audit format test attack bench chaos compose-test swarm-test ui-test rooms sbom lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## make the two environments of this checkout (.venv, .venv-tf)
	@infra/setup

demo: setup ## the main job on the embedded stack, with a timeline (ARGS=--once ends by itself)
	@$(PYTHON_ENV) -m infra.local demo $(ARGS)

up: setup ## the embedded stack for your own models, until Ctrl-C
	@$(PYTHON_ENV) -m infra.local up $(ARGS)

check: setup ## format, lint, types, import contracts, bounds, isolation, secrets, locks; the dashboard's scripts, too
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(PYTHON_ENV) -m infra.rules
	@$(PYTHON_ENV) -m infra.audit && build/uv/bin/uv pip check --quiet --python $(PYTHON_ENV)
	@infra/web-tools && $(NODE_TOOL)/tsc --project . && $(NODE_TOOL)/eslint master/dashboard && \
	  $(NODE_TOOL)/prettier --check --log-level warn master/dashboard

audit: setup ## ask the internet for known holes in the dependencies (pip-audit, npm audit)
	@for lock in services images dev tensorflow; do \
	  build/uv/bin/uv tool run pip-audit --disable-pip --require-hashes -r requirements/$$lock.txt || exit 1; done
	@infra/web-tools && npm audit

format: setup ## rewrite the code in the project's format
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .
	@infra/web-tools && $(NODE_TOOL)/prettier --write --log-level warn master/dashboard

test: setup ## every test that needs no container engine
	@$(PYTHON_ENV) -m pytest -n 3 --dist worksteal $(ARGS)

attack: setup ## attack a production-like cluster from outside, with bounds on time and memory (ARGS="-k …")
	@$(PYTHON_ENV) -m pytest -o "python_files=test_*.py attack_*.py" --timeout 600 tests/attack $(ARGS)

bench: setup ## measure, print a table, write build/bench/*.json
	@$(PYTHON_ENV) -m bench $(ARGS)

chaos: setup ## disturb a cluster in every way, seven rules watched from outside (SECONDS=180 SEED=1)
	@$(PYTHON_ENV) -m tests.chaos --seconds $(or $(SECONDS),180) --seed $(or $(SEED),1) $(ARGS)

compose-test: setup ## the containers: images, up, fill, checks inside and with faults, down (ARGS=--help)
	@$(PYTHON_ENV) -m tests.compose $(ARGS)

swarm-test: setup ## a swarm of three nodes in containers: deploy, updates, rollback, lost nodes, down (ARGS=--help)
	@$(PYTHON_ENV) -m tests.swarm $(ARGS)

ui-test: setup ## the dashboard in a real browser over two real nodes; pictures in build/ui (ARGS="-k …")
	@infra/web-tools --browser
	@$(PYTHON_ENV) -m pytest -c tests/ui/pytest.ini tests/ui $(ARGS)

wheel: setup ## the command alone, small, for training images, CI and laptops: build/dist/*.whl
	@$(PYTHON_ENV) -m infra.command

rooms: setup ## draw which room of the code imports which: docs/rooms.svg
	@$(PYTHON_ENV) -m infra.rooms > docs/rooms.svg

sbom: ## bills of materials of the built images, in build/sbom
	@mkdir -p build/sbom
	@for name in services tests tfserving; do \
	  docker run --rm -i --network none --entrypoint python model-manager/$$name:dev - model-manager/$$name \
	    < infra/docker/sbom.py > build/sbom/$$name.cdx.json && echo build/sbom/$$name.cdx.json || exit 1; done

lock: setup ## choose newer dependencies and write requirements/*.txt
	@infra/lock

clean: ## remove what the targets made
	rm -rf .venv .venv-tf .venv-signing build
