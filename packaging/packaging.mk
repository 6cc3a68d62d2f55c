# SPDX-License-Identifier: GPL-2.0-or-later
#
# Included by the Makefile: what is installed where, and the packages made of it.

EPOCH = $(or $(SOURCE_DATE_EPOCH),$(shell packaging/source-date))

INSTALLED_UNITS := $(notdir $(wildcard $(addprefix packaging/systemd/podsg-,*.service *.path *.timer)))
INSTALLED_PAGES := $(notdir $(wildcard packaging/man/*.[578]))

install: all
	$(INSTALL) -d $(DESTDIR)$(sbindir) $(DESTDIR)$(bindir) $(DESTDIR)$(docdir) \
		$(addprefix $(DESTDIR)$(mandir)/man,5 7 8) $(DESTDIR)$(unitdir) \
		$(DESTDIR)$(cnibindir) $(DESTDIR)$(libexecdir) $(DESTDIR)$(ocihooksdir) \
		$(DESTDIR)$(completionsdir) $(DESTDIR)$(sysusersdir) $(DESTDIR)$(tmpfilesdir)
	$(INSTALL) $(B)/podsg-nft-sync $(B)/podsg-dnscache $(B)/podsg-conflist $(B)/podsg-eni-gc \
		$(DESTDIR)$(sbindir)/
	$(INSTALL) $(B)/podsg-cni $(DESTDIR)$(cnibindir)/
	$(INSTALL) $(B)/podsg-oci-hook $(DESTDIR)$(libexecdir)/
	$(INSTALL) $(B)/podsgctl $(DESTDIR)$(bindir)/
	sed 's|/usr/libexec/podsg/|$(libexecdir)/|g' packaging/oci/podsg-oci-hook.json \
		>$(DESTDIR)$(ocihooksdir)/podsg-oci-hook.json
	for page in $(INSTALLED_PAGES); do \
		sed '/^\.TH/s/"podsg [0-9][^"]*"/"podsg $(VERSION)"/' packaging/man/$$page \
			>$(DESTDIR)$(mandir)/man$${page##*.}/$$page || exit 1; \
	done
	for unit in $(INSTALLED_UNITS); do \
		sed 's|/usr/sbin/|$(sbindir)/|g' packaging/systemd/$$unit >$(DESTDIR)$(unitdir)/$$unit \
			|| exit 1; \
	done
	$(INSTALL) -m 644 packaging/systemd/sysusers.conf $(DESTDIR)$(sysusersdir)/podsg.conf
	$(INSTALL) -m 644 packaging/systemd/tmpfiles.conf $(DESTDIR)$(tmpfilesdir)/podsg.conf
	$(INSTALL) -m 644 packaging/bash-completion/* $(DESTDIR)$(completionsdir)/
	$(INSTALL) -d $(DESTDIR)$(sysconfdir)/podsg
	test -e $(DESTDIR)$(sysconfdir)/podsg/podsg.yaml || \
		$(INSTALL) -m 644 packaging/podsg.yaml $(DESTDIR)$(sysconfdir)/podsg/
	$(INSTALL) -m 644 README.md COPYING $(DESTDIR)$(docdir)/
	cp -R packaging/examples packaging/kubernetes $(wildcard packaging/grafana) $(DESTDIR)$(docdir)/
	cp -R packaging/systemd/kubelet.service.d $(DESTDIR)$(docdir)/examples/

# What a source package holds: everything but what was built, and git's.
DIST := podsg-$(VERSION)
PACKED := .clang-format .clang-tidy .ci .gitignore COPYING CONTRIBUTING.md Makefile README.md \
	$(PARTS) packaging tests

# The same sources leave it as it is, and what is made of it.
dist: $(B)/$(DIST).tar.gz
$(B)/$(DIST).tar.gz: FORCE
	$(say) DIST $@
	$(Q)mkdir -p $(@D) && rm -rf $(B)/dist && mkdir -p $(B)/dist/$(DIST)
	$(Q)tar -c --exclude=__pycache__ $(PACKED) | tar -x -C $(B)/dist/$(DIST)
	$(Q)echo $(VERSION) >$(B)/dist/$(DIST)/VERSION
	$(Q)packaging/debian-changelog $(VERSION) $(EPOCH) >$(B)/dist/changelog
	$(Q)cp $(B)/dist/changelog $(B)/dist/$(DIST)/packaging/debian/changelog
	$(Q)$(B)/dist/$(DIST)/packaging/rpm-spec $(VERSION) <packaging/rpm/podsg.spec.in \
		>$(B)/dist/$(DIST)/podsg.spec
	$(Q)chmod -R u=rwX,go=rX $(B)/dist/$(DIST)
	$(Q)tar -c -C $(B)/dist --sort=name --mtime=@$(EPOCH) --owner=0 --group=0 --numeric-owner \
		--format=gnu $(DIST) | gzip -9n >$@.new
	$(Q)chmod 644 $@.new
	$(Q)if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
.PHONY: FORCE

deps-package:
	@packaging/install-dependencies build package
.PHONY: deps-package deps-packages check-packages run-packages check-reproducible

# The packages are built by a make of their own, which must not see this one's variables.
ALONE := env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES -u B -u V

deb: $(B)/podsg_$(VERSION)_all.deb
	@ls $(B)/podsg*.deb
$(B)/podsg_$(VERSION)_all.deb: $(B)/$(DIST).tar.gz | deps-package
	$(Q)rm -rf $(B)/deb && mkdir -p $(B)/deb
	$(Q)tar -x -C $(B)/deb -f $<
	$(Q)cp -R $(B)/deb/$(DIST)/packaging/debian $(B)/deb/$(DIST)/debian
	$(Q)umask 022; cd $(B)/deb/$(DIST) && $(ALONE) SOURCE_DATE_EPOCH=$(EPOCH) \
		dpkg-buildpackage --no-sign --build=binary -j$(shell nproc)
	$(Q)rm -rf $(B)/deb/$(DIST) $(B)/podsg*.deb && cp $(B)/deb/*.deb $(B)/

# The same sources built once more, in a higher version: what an upgrade is tried with.
newer-deb: | deps-package
	@$(MAKE) B=$(B)/newer VERSION=$(VERSION)+newer deb
.PHONY: newer-deb

# Debian has the libraries by other names than the spec's, and no systemd-rpm-macros.
RPM_ON_DEBIAN := $(if $(wildcard /etc/debian_version),--nodeps --load packaging/rpm/macros.debian)
# Apart, as packages built with a source package name it, and that one names the directory it was made in.
rpm: $(B)/$(DIST).tar.gz | deps-package
	$(Q)rm -rf $(B)/rpm && mkdir -p $(B)/rpm
	$(Q)umask 022; for what in -tb -ts; do \
		$(ALONE) SOURCE_DATE_EPOCH=$(EPOCH) rpmbuild $$what $(RPM_ON_DEBIAN) \
			--define '_topdir $(abspath $(B))/rpm' $< || exit 1; \
	done
	$(Q)rm -rf $(B)/rpm/BUILD* $(B)/podsg*.rpm && cp $(B)/rpm/RPMS/*/*.rpm $(B)/rpm/SRPMS/*.rpm $(B)/
	@ls $(B)/podsg*.rpm

# As root: what the packages of build/ hold, do when they come and go, and leave behind.
check-packages: deps-packages
	@$(MAKE) run-packages
deps-packages:
	@packaging/install-dependencies build test package
run-packages: all deb rpm
	$(Q)tests/run packages
# As an ordinary user; builds everything four times.
check-reproducible: $(B)/$(DIST).tar.gz | deps-package
	$(Q)$(ALONE) tests/packages/rebuild $<
