# SPDX-License-Identifier: GPL-2.0-or-later
#
# make            build into build/            make check   install what is missing, build, test
# make V=1        show the commands            make demo    install what is missing, build, demonstrate
# make deb, rpm   packages into build/

VERSION := $(file <VERSION)

DESTDIR ?=
PREFIX ?= /usr/local
sysconfdir ?= /etc
sbindir ?= $(PREFIX)/sbin
bindir ?= $(PREFIX)/bin
mandir ?= $(PREFIX)/share/man
docdir ?= $(PREFIX)/share/doc/podsg
unitdir ?= $(PREFIX)/lib/systemd/system
cnibindir ?= /opt/cni/bin
libexecdir ?= $(PREFIX)/libexec/podsg
ocihooksdir ?= $(PREFIX)/share/podsg/oci
completionsdir ?= $(PREFIX)/share/bash-completion/completions
sysusersdir ?= $(PREFIX)/lib/sysusers.d
tmpfilesdir ?= $(PREFIX)/lib/tmpfiles.d

CC ?= cc
AR ?= ar
INSTALL ?= install
PKG_CONFIG ?= pkg-config
CLANG ?= $(firstword $(shell command -v clang-14 clang))
CLANG_FORMAT ?= $(firstword $(shell command -v clang-format-14 clang-format))
CLANG_TIDY ?= $(firstword $(shell command -v clang-tidy-14 clang-tidy))
CFLAGS ?= -O2 -g
CPPFLAGS ?= -D_FORTIFY_SOURCE=2
FUZZ_SECONDS ?= 30
B ?= build

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
	-Wpointer-arith -Wwrite-strings -Wcast-qual -Wundef -Wvla
ifneq ($(filter true 1,$(CI) $(WERROR)),)
WARNINGS += -Werror
endif

# The distribution's names are in packaging/dependencies.
PACKAGES := libnftnl libmnl libuv libcjson yaml-0.1 libnetfilter_conntrack libcurl expat libsystemd \
	libcares libnftables libcrypto libpcre2-8
PACKAGE_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
PACKAGE_LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null)
TEST_LIBS := $(shell $(PKG_CONFIG) --libs cmocka 2>/dev/null)

BASE_CPPFLAGS := -I. -D_GNU_SOURCE -DPODSG_VERSION='"$(VERSION)"' \
	-DPODSG_SYSCONFDIR='"$(sysconfdir)"' $(PACKAGE_CFLAGS)
BASE_CFLAGS := -std=gnu11 $(WARNINGS) -MMD -MP
HARDEN_CFLAGS := -fstack-protector-strong -fPIE
HARDEN_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined
SANITIZE_CFLAGS := -O1 -g -fno-omit-frame-pointer $(SANITIZE)
FUZZ_CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=undefined

COMMON := $(wildcard common/*.c)
MAINS := nft-sync/main.c nft-sync/ctl/podsgctl.c dnscache/main.c $(wildcard hooks/*/main.c)
CTL := $(wildcard nft-sync/ctl/*.c nft-sync/check/*.c)
DAEMON := $(filter-out $(CTL),$(wildcard nft-sync/*.c nft-sync/*/*.c))
# podsgctl takes of the daemon what it asks for: the model, and what the model means.
DAEMON_LIBRARY := $(filter-out $(MAINS),$(DAEMON))
DNSCACHE := $(wildcard dnscache/*.c dnscache/*/*.c)
HOOKS := $(wildcard hooks/*.c hooks/*/*.c)
LIBRARY := $(filter-out $(MAINS),$(COMMON) $(DAEMON) $(CTL) $(DNSCACHE) $(HOOKS))
TESTS := $(wildcard tests/unit/test_*.c)
TEST_HELPERS := $(filter-out $(TESTS),$(wildcard tests/unit/*.c))
BENCH_PROGRAMS := $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/*.c))
FUZZERS := $(wildcard tests/fuzz/fuzz_*.c)
LIVE_HELPERS := tests/live/driver.c
LIVE_PROGRAMS := $(patsubst tests/live/%.c,$(B)/live/%,$(filter-out $(LIVE_HELPERS),$(wildcard tests/live/*.c)))

# A folder of hooks/ is a program: cni makes podsg-cni.
HOOK_NAMES := $(patsubst hooks/%/main.c,%,$(wildcard hooks/*/main.c))
HOOK_PROGRAMS := $(HOOK_NAMES:%=$(B)/podsg-%)
PROGRAMS := $(B)/podsg-nft-sync $(B)/podsgctl $(B)/podsg-dnscache $(HOOK_PROGRAMS)
TEST_PROGRAMS := $(TESTS:tests/unit/%.c=$(B)/asan/%)
REPLAY_PROGRAMS := $(FUZZERS:tests/fuzz/%.c=$(B)/asan/%)
FUZZ_PROGRAMS := $(FUZZERS:tests/fuzz/%.c=$(B)/fuzz/%)

# Expanded in recipes, where MAKEFLAGS shows what the user asked for.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

obj = $(2:%.c=$(B)/$(1)/%.o)

ifeq ($(V),1)
Q :=
say := @:
else
Q := @
say := @printf '  %-7s %s\n'
MAKEFLAGS += --no-print-directory
endif

all: $(B)/libpodsg.a $(PROGRAMS)
.PHONY: all deps check check-unit check-findings check-netns check-live check-dns check-hooks check-cluster check-vm check-sanitized demo \
	bench lint fuzz soak install dist deb rpm clean test-programs packages-missing run-tests run-cluster run-vm run-demo run-bench run-soak run-fuzz \
	deps-cluster deps-vm deps-bench deps-fuzz
.DELETE_ON_ERROR:
.SECONDARY:

# Without this, a missing library shows as a missing header in the middle of a compilation.
ifneq ($(shell $(PKG_CONFIG) --exists $(PACKAGES) 2>/dev/null && echo yes),yes)
NEEDED := packages-missing
endif
packages-missing:
	@echo "libraries are missing ($(PACKAGES)): run 'make deps' as root" >&2; exit 1

$(B)/libpodsg.a: $(call obj,obj,$(COMMON))
$(B)/libnft-sync.a: $(call obj,obj,$(DAEMON_LIBRARY))
$(B)/asan/libnft-sync.a: $(call obj,asan,$(DAEMON_LIBRARY))
$(B)/asan/libtest.a: $(call obj,asan,$(LIBRARY) $(TEST_HELPERS))
$(B)/fuzz/libtest.a: $(call obj,fuzz,$(LIBRARY))
$(B)/%.a:
	$(say) AR $@
	$(Q)mkdir -p $(@D) && rm -f $@ && $(AR) rcs $@ $^

$(B)/podsg-nft-sync: $(call obj,obj,$(DAEMON)) $(B)/libpodsg.a
$(B)/podsgctl: $(call obj,obj,$(CTL)) $(B)/libnft-sync.a $(B)/libpodsg.a
$(B)/podsg-dnscache: $(call obj,obj,$(DNSCACHE)) $(B)/libpodsg.a
$(foreach hook,$(HOOK_NAMES),$(eval \
	$(B)/podsg-$(hook): $(call obj,obj,$(wildcard hooks/*.c hooks/$(hook)/*.c)) $(B)/libpodsg.a))
$(BENCH_PROGRAMS): $(B)/bench/%: $(B)/obj/tests/bench/%.o
$(PROGRAMS) $(BENCH_PROGRAMS):
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(HARDEN_LDFLAGS) $(LDFLAGS) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

SANITIZED := $(PROGRAMS:$(B)/%=$(B)/asan/%)
$(B)/asan/podsg-nft-sync: $(call obj,asan,$(DAEMON) $(COMMON))
$(B)/asan/podsgctl: $(call obj,asan,$(CTL)) $(B)/asan/libnft-sync.a $(call obj,asan,$(COMMON))
$(B)/asan/podsg-dnscache: $(call obj,asan,$(DNSCACHE) $(COMMON))
$(foreach hook,$(HOOK_NAMES),$(eval \
	$(B)/asan/podsg-$(hook): $(call obj,asan,$(wildcard hooks/*.c hooks/$(hook)/*.c) $(COMMON))))
$(SANITIZED):
	$(say) LD $@
	$(Q)$(CC) $(SANITIZE_CFLAGS) $(LDFLAGS) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

$(TEST_PROGRAMS): $(B)/asan/%: $(B)/asan/tests/unit/%.o $(B)/asan/libtest.a
$(REPLAY_PROGRAMS): $(B)/asan/%: $(B)/asan/tests/fuzz/%.o $(B)/asan/tests/fuzz/replay.o \
	$(B)/asan/libtest.a
$(LIVE_PROGRAMS): $(B)/live/%: $(B)/asan/tests/live/%.o $(call obj,asan,$(LIVE_HELPERS)) \
	$(B)/asan/libtest.a
$(TEST_PROGRAMS) $(REPLAY_PROGRAMS) $(LIVE_PROGRAMS):
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZE_CFLAGS) $(LDFLAGS) -o $@ $^ $(PACKAGE_LIBS) $(TEST_LIBS) -lm $(LDLIBS)

$(FUZZ_PROGRAMS): $(B)/fuzz/%: $(B)/fuzz/tests/fuzz/%.o $(B)/fuzz/libtest.a
	$(say) LD $@
	$(Q)$(CLANG) -g $(SANITIZE) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

$(B)/obj/%.o: %.c Makefile VERSION | $(NEEDED)
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE_CPPFLAGS) $(CPPFLAGS) $(BASE_CFLAGS) $(HARDEN_CFLAGS) $(CFLAGS) -c -o $@ $<
$(B)/asan/%.o: %.c Makefile VERSION | $(NEEDED)
	$(say) 'CC asan' $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE_CPPFLAGS) $(BASE_CFLAGS) $(SANITIZE_CFLAGS) -c -o $@ $<
$(B)/fuzz/%.o: %.c Makefile VERSION | $(NEEDED)
	$(say) 'CC fuzz' $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BASE_CPPFLAGS) $(BASE_CFLAGS) $(FUZZ_CFLAGS) -c -o $@ $<

# What the assembler reads is not in the compiler's list.
$(foreach kind,obj asan fuzz lint,$(B)/$(kind)/nft-sync/ctl/report_assets.o): \
	nft-sync/ctl/report.css nft-sync/ctl/report.js

-include $(wildcard $(B)/*/*/*.d $(B)/*/*/*/*.d)

# deps may install pkg-config itself, so what asked it while this file was read has to ask again.
deps:
	@packaging/install-dependencies build test
check: deps
	@$(MAKE) $(JOBS) run-tests
demo: deps
	@$(MAKE) $(JOBS) run-demo

test-programs: $(TEST_PROGRAMS) $(REPLAY_PROGRAMS) $(LIVE_PROGRAMS)
run-tests: all test-programs $(B)/asan/podsg-dnscache $(B)/asan/podsgctl $(B)/bench/dns_flood
	$(Q)tests/run
check-unit: test-programs
	$(Q)tests/run unit fuzz
check-findings: all $(B)/asan/podsgctl
	$(Q)tests/run check
check-netns: all $(B)/bench/dns_flood
	$(Q)tests/run netns
check-live: all test-programs
	$(Q)tests/run live
check-dns: all $(B)/asan/podsg-dnscache $(B)/bench/dns_flood
	$(Q)tests/run dns
check-hooks: all $(B)/live/clean_up
	$(Q)tests/run hooks
check-sanitized: $(SANITIZED) $(B)/bench/dns_flood $(B)/live/clean_up
	$(Q)PODSG_BUILD=$(abspath $(B)/asan) tests/run netns hooks
# The first time this builds Kubernetes' programs, which takes about a quarter of an hour.
check-cluster: deps-cluster
	$(Q)tests/cluster/build-kubernetes
	@$(MAKE) $(JOBS) run-cluster
deps-cluster:
	@packaging/install-dependencies build test cluster
run-cluster: all
	$(Q)tests/run cluster
# The first time this makes the machine's image, which takes a few minutes.
check-vm: deps-vm
	@$(MAKE) $(JOBS) run-vm
deps-vm:
	@packaging/install-dependencies build test package vm
run-vm: deb newer-deb
	$(Q)tests/run vm
run-demo: all
	$(Q)tests/demo/demo
bench: deps-bench
	@$(MAKE) $(JOBS) run-bench
deps-bench:
	@packaging/install-dependencies build test bench
run-bench: all $(BENCH_PROGRAMS)
	$(Q)tests/bench/run

soak: deps-bench
	@$(MAKE) $(JOBS) run-soak
run-soak: all $(BENCH_PROGRAMS)
	$(Q)tests/dns/soak.py

fuzz: deps-fuzz
	@$(MAKE) $(JOBS) run-fuzz
deps-fuzz:
	@packaging/install-dependencies build fuzz
run-fuzz: $(FUZZ_PROGRAMS)
	$(Q)tests/fuzz/check-seeds $(B)/fuzz/corpus/fuzz_check
	$(Q)for f in $(FUZZ_PROGRAMS:$(B)/fuzz/%=%); do \
		mkdir -p $(B)/fuzz/corpus/$$f && \
		$(B)/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
			-artifact_prefix=$(B)/fuzz/$$f- $(B)/fuzz/corpus/$$f \
			$$(test -d tests/fuzz/corpus/$${f#fuzz_} && echo tests/fuzz/corpus/$${f#fuzz_}) \
			|| exit 1; \
	done

# gcc 12 loses pointers that are stored behind another pointer, and calls them leaked or freed twice;
# clang-tidy and the sanitizers look for both.
ANALYZE_CFLAGS := -Werror -O1 -g -fanalyzer -Wno-analyzer-malloc-leak -Wno-analyzer-double-free

# Every checker has a file of its own below build/lint, so that -j and a second run help.
PARTS := common nft-sync dnscache hooks
SOURCES := $(wildcard $(PARTS:%=%/*.c) $(PARTS:%=%/*/*.c))
LINTED := $(SOURCES) $(wildcard tests/*/*.c)
FORMATTED := $(LINTED) $(wildcard $(PARTS:%=%/*.h) $(PARTS:%=%/*/*.h) tests/*/*.h)
SCRIPTS = $(shell grep -rIlE '^\#!/bin/(ba)?sh' .ci packaging tests)
PAGES := $(wildcard packaging/man/*.[1-8])
PROSE := .ci $(PARTS) packaging tests Makefile $(wildcard *.md)

lint: deps-lint
	@$(MAKE) $(JOBS) run-lint
deps-lint:
	@packaging/install-dependencies build test lint
run-lint: lint-format lint-cppcheck lint-shell lint-prose lint-man $(LINTED:%.c=$(B)/lint/%.tidy)
format:
	$(Q)$(CLANG_FORMAT) -i $(FORMATTED)
.PHONY: format deps-lint run-lint lint-format lint-cppcheck lint-shell lint-prose lint-man

$(B)/lint/%.o: %.c Makefile
	$(say) ANALYZE $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE_CPPFLAGS) $(BASE_CFLAGS) $(ANALYZE_CFLAGS) -c -o $@ $<
$(B)/lint/%.tidy: %.c $(B)/lint/%.o .clang-tidy
	$(say) TIDY $<
	$(Q)$(CLANG_TIDY) --quiet --warnings-as-errors='*' $< -- $(BASE_CPPFLAGS) -std=gnu11 \
		>$@ 2>$@.log || { cat $@ $@.log; rm $@; exit 1; }
lint-format:
	$(say) FORMAT
	$(Q)$(if $(FORMATTED),$(CLANG_FORMAT) --dry-run -Werror $(FORMATTED))
lint-cppcheck:
	$(say) CPPCHECK
	$(Q)mkdir -p $(B)/lint/cppcheck
	$(Q)cppcheck --quiet --std=c11 --library=posix --inline-suppr --error-exitcode=1 \
		--enable=warning,style,performance,portability --cppcheck-build-dir=$(B)/lint/cppcheck \
		--library=packaging/cppcheck.cfg --suppressions-list=packaging/cppcheck-suppressions \
		-D_GNU_SOURCE -I. $(LINTED)
lint-shell:
	$(say) SHELL
	$(Q)shellcheck $(SCRIPTS)
	$(Q)shellcheck --shell=bash packaging/bash-completion/*
lint-prose:
	$(say) PROSE
	$(Q)codespell -L iif,inforce,fo,ede,additionals,cahce,te --skip='*/corpus/*,*.json,*.svg' $(PROSE)
	$(Q)for name in $(sort $(basename $(notdir $(SOURCES)))); do \
		grep -qwF -- "$$name" CONTRIBUTING.md || \
			{ echo "CONTRIBUTING.md: $$name is not in the map of the tree"; exit 1; }; \
	done
lint-man:
	$(say) MAN
	$(Q)for page in $(PAGES); do \
		out=$$(groff -ww -z -t -man -Tutf8 $$page 2>&1) && [ -z "$$out" ] || \
			{ echo "$$page: $$out"; exit 1; }; \
	done

include packaging/packaging.mk

clean:
	rm -rf $(B)
