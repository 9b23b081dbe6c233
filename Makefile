# make, make build   build eavesdrop, eavesdrop-media and eavesdrop-bench in build/release, nothing else
# make run           all it takes on a fresh Debian 12: packages, build, model, server
# make test          everything that is tested, from the same fresh machine
# make check         the quick part of that: layers, sizes, names, format
# make deb           Debian packages in build/deb
# make format        rewrite all C as .clang-format says
# make clean

CONFIG ?= examples/demo.yaml

.PHONY: build run test check deb format clean

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

deb:
	@tools/bootstrap --check build deb
	@packaging/build-deb

format:
	@tools/check-format --fix

clean:
	rm -rf build
