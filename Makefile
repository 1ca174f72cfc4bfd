# arus: the verbs. Meson builds; this file only names the ways in.
.PHONY: build setup run test clients soak check tidy fuzz bench bless clean asan asan-e2e
JOBS ?= $(shell nproc)

build:
	@test -f build/build.ninja || CC=$${CC:-gcc} meson setup build >/dev/null
	@ninja -C build -j$(JOBS)
	@ln -sf src/app/arus build/arus

# clang with ASan and UBSan: the other half of `make test`
asan:
	@test -f build-asan/build.ninja || CC=clang meson setup build-asan -Db_sanitize=address,undefined -Db_lundef=false -Dbuildtype=debugoptimized >/dev/null
	@ninja -C build-asan -j$(JOBS)

# installs what is missing (Debian's packages, by apt)
setup:
	@tools/setup

# the article's system at work: a market, the pipeline, three collections
run: setup
	@$(MAKE) --no-print-directory build
	@tools/run

test: setup
	@$(MAKE) --no-print-directory build asan
	@tools/test

# the same with programs that need Java, Node or Go
clients: setup
	@$(MAKE) --no-print-directory build
	@tools/clients

# the same tests with more rounds
soak: setup
	@$(MAKE) --no-print-directory build
	@ARUS_SOAK=1 tools/test

# test/e2e on asan's program: what is freed twice, read behind its end or left at the end fails
asan-e2e: setup
	@$(MAKE) --no-print-directory build asan
	@ARUS_PROGRAM=$(CURDIR)/build-asan/src/app/arus ASAN_OPTIONS=detect_leaks=1 \
		UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 tools/e2e

check: tidy build asan

# layers, prefixes, writable globals, banned calls, line lengths
tidy:
	@tools/tidy

# each parser's libFuzzer target for FUZZ_SECONDS (30)
fuzz: setup
	@tools/fuzz

bench: build
	@tools/bench

# writes what the cases now give as what they expect; read the diff
bless: build
	@tools/bless

clean:
	@rm -rf build build-asan build-fuzz
