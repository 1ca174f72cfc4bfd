# arus: the verbs. Everything is built by Meson below build/; this file only names the ways in.
.PHONY: build setup
build:
	@test -f build/build.ninja || meson setup build >/dev/null
	@ninja -C build
setup:
	@tools/setup
