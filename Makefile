# make, make build   build eavesdrop, eavesdrop-media and eavesdrop-bench in build/release, nothing else
# make run           all it takes on a fresh Debian 12: packages, build, model, server
# make test          everything that is tested, from the same fresh machine
# make check         the quick part of that: layers, sizes, names, format
# make format        rewrite all C as .clang-format says
# make clean

CONFIG ?= examples/demo.yaml

.PHONY: build run test check format clean

build:
	@tools/bootstrap --check build
	@cmake --preset release $(if $(V),,>/dev/null)
	@ninja -C build/release eavesdrop eavesdrop-media eavesdrop-bench

run:
	@tools/bootstrap build run
	@$(MAKE) --no-print-directory build
	@exec tools/run "$(CONFIG)"

test:
	@tools/bootstrap build run test
	@exec tools/test

check:
	@tools/test --only checks

format:
	@tools/check-format --fix

clean:
	rm -rf build
