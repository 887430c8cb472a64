# SPDX-License-Identifier: Apache-2.0
"""What scripts/deps installs is enough to build: whatever a developer's machine has besides is not counted on."""
import os
import re
import shutil
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.chdir(ROOT)


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def read(path):
    with open(path) as file:
        return file.read()


def depended_on():
    """What each installed package depends on, and who provides what, by name."""
    depends, providers = {}, {}
    fields = "\t".join(["${db:Status-Status}", "${Package}", "${Pre-Depends}, ${Depends}", "${Provides}"])
    for line in output("dpkg-query", "-W", "-f", fields + "\n").splitlines():
        status, name, wanted, provided = line.split("\t")
        if status == "installed":
            depends[name] = names_in(wanted)
            for one in names_in(provided):
                providers.setdefault(one, set()).add(name)
    return depends, providers


def names_in(words):
    return {re.match(r"[^\s:(]+", one.strip()).group() for one in re.split(r"[,|]", words) if one.strip()}


def installed_with(names):
    depends, providers = depended_on()
    found, rest = set(), set(names)
    while rest:
        name = rest.pop()
        for real in {name} & depends.keys() or providers.get(name, set()):
            if real not in found:
                found.add(real)
                rest |= depends[real]
    return found


def asked_of_pkg_config():
    """Every .pc file that meson's dependency() comes by, those it only needs to compile included."""
    names = set()
    for path in output("git", "ls-files", "meson.build", "*/meson.build").split():
        names |= set(re.findall(r"(?<![a-z_])dependency\('([^']+)'", read(path)))
    names -= {"threads"}
    found = set()
    while names:
        name = names.pop()
        found.add(name)
        wanted = output("pkg-config", "--print-requires", "--print-requires-private", name)
        names |= {line.split()[0] for line in wanted.splitlines() if line.strip()} - found
    return found


def packages_of(path):
    """dpkg knows a file by the path it had before /lib moved to /usr/lib, or by the one it has now."""
    for one in [path, path.removeprefix("/usr")]:
        found = subprocess.run(["dpkg", "-S", one], capture_output=True, text=True)
        if found.returncode == 0:
            return {name.strip().split(":")[0] for name in found.stdout.rsplit(": ", 1)[0].split(",")}
    return set()


@pytest.mark.skipif(not shutil.which("dpkg-query") or not shutil.which("pkg-config"), reason="this is no Debian with pkg-config")
def test_scripts_deps_installs_each_pc_file_that_meson_reads():
    wanted = re.search(r"^run='([^']+)'", read("scripts/deps"), re.M).group(1).split()
    have = installed_with({one for choice in wanted for one in choice.split("|")})
    assert len(have) > 50
    lacking = {}
    for name in asked_of_pkg_config():
        path = os.path.join(output("pkg-config", "--variable=pcfiledir", name).strip(), f"{name}.pc")
        if not packages_of(path) & have:
            lacking[name] = packages_of(path)
    assert lacking == {}
