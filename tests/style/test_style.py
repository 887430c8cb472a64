# SPDX-License-Identifier: Apache-2.0
"""The house rules a machine can hold: layers, headers, format, shape, licence lines, manual pages."""
import glob
import os
import re
import shutil
import subprocess

import pytest

import shape
from shape import tracked

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.chdir(ROOT)

# From the ground up. A room may include the rooms of lines above its own, and itself.
LAYERS = [
    ["base"],
    ["run", "wire"],
    ["reason", "packets", "sasl"],
    ["explain", "tls"],
    ["role"],
    ["dns", "keys"],
    ["policy"],
    ["facts", "journal", "spool", "account"],
    ["deliver", "accounts"],
    ["smtpin", "smtpout", "queue", "pop3"],
    ["control", "diagnose"],
    ["supervisor"],
    ["cmd"],
]
ROOMS = [room for layer in LAYERS for room in layer]


def need(tool):
    if not shutil.which(tool):
        pytest.skip(f"{tool} is missing")


def test_arrows_point_down_only():
    level = {room: number for number, layer in enumerate(LAYERS) for room in layer}
    wrong = []
    for file in tracked("*.c", "*.h"):
        if not file.startswith("src/"):
            continue
        room = file.split("/")[1]
        for name in re.findall(r'^#include "(\w+)/', open(file).read(), re.M):
            test = file.endswith(("_test.c", "_fuzz.c"))
            allowed = name == room or level.get(name, 99) < level[room]
            if not allowed and not (test and name in level):
                wrong.append(f"{file} includes {name}/")
    assert not wrong, "\n".join(wrong)


# One of two is built.
ALTERNATIVES = {"main", "proof_is_asked", "switch_lowest", "switch_make"}


def test_one_name_is_one_function():
    """Rooms are static libraries: of two exported functions of one name the linker takes either, silently."""
    need("ctags")
    tags = subprocess.run(["ctags", "--languages=C", "--kinds-C=f", "--fields=+f", "--extras=+F", "-o", "-", "-L", "-"],
                          input="\n".join(shape.sources()), capture_output=True, text=True, check=True).stdout
    homes = {}
    for line in tags.splitlines():
        parts = line.split("\t")
        private = any(part in ("file:", "static") or part.startswith("file:") for part in parts[3:])
        if len(parts) > 3 and parts[3] == "f" and not private:
            homes.setdefault(parts[0], set()).add(parts[1])
    twice = {name: sorted(files) for name, files in homes.items()
             if name not in ALTERNATIVES and len([f for f in files if "fake" not in f and not f.startswith(("bench", "tests"))]) > 1}
    assert not twice, twice


def test_every_room_is_in_the_layers_and_has_a_readme():
    for file in tracked("src/*.c"):
        assert file.split("/")[1] in ROOMS, f"{file}: its room is in no layer"
    for room in ROOMS:
        lines = open(f"src/{room}/README.md").read().splitlines()
        assert 8 <= len(lines) <= 60, f"{room}/README.md has {len(lines)} lines"


def test_each_header_compiles_alone(tmp_path):
    flags = subprocess.run(["pkg-config", "--cflags", "libcrypto", "jansson"],
                           capture_output=True, text=True, check=True).stdout.split()
    for header in tracked("src/*.h"):
        alone = header.removeprefix("src/")
        source = tmp_path / "alone.c"
        source.write_text(f'#include "{alone}"\n#include "{alone}"\n')
        made = subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Werror", "-fsyntax-only", "-Isrc", *flags,
                               str(source)], capture_output=True, text=True)
        assert made.returncode == 0, made.stderr


def test_format_is_that_of_clang_format():
    need("clang-format")
    made = subprocess.run(["clang-format", "--dry-run", "--Werror", *tracked("*.c", "*.h")], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[:4000]


def test_functions_stay_short():
    need("ctags")
    lines = [f[0] for f in shape.functions()]
    assert shape.percentile(lines, .5) <= 15
    assert shape.percentile(lines, .95) <= 60


def test_every_source_names_its_licence():
    for file in tracked("*.c", "*.h", "*.S", "*.py"):
        first = open(file).read(200)
        assert "SPDX-License-Identifier: Apache-2.0" in first, file


def test_no_word_of_unfinished_work():
    words = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    for file in tracked("*.c", "*.h", "*.S", "*.md", "*.sh"):
        found = words.search(open(file).read())
        assert not found, f"{file}: {found.group()}"


@pytest.mark.parametrize("page", sorted(glob.glob("man/*.[158]")))
def test_manual_pages_lint(page):
    need("mandoc")
    made = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True)
    assert made.returncode == 0, made.stdout


def test_links_of_the_documents_lead_somewhere():
    for file in tracked("*.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", open(file).read()):
            if "://" not in target:
                assert os.path.exists(os.path.join(os.path.dirname(file), target)), f"{file}: {target}"


def test_documents_that_the_code_names_are_there():
    documents = tracked("*.md")
    for file in tracked("src/*.c", "src/*.h", "src/*.def"):
        for name in re.findall(r"[\w./-]+\.md\b", open(file).read()):
            assert any(f"/{document}".endswith(f"/{name}") for document in documents), f"{file} names {name}"


def test_every_command_and_option_is_in_the_manual():
    page = open("man/postern.1").read()
    options, commands = open("src/cmd/commands.c").read().split("cli_commands[] = {")
    names = re.findall(r'^\t\{"([a-z]+)", "', commands, re.M)
    built = re.findall(r'\{"(--?[a-z-]+)", (?:"[A-Z]+"|NULL), "[^"]', options)
    assert len(names) > 5 and len(built) > 10
    for name in names:
        assert f".It Cm {name}" in page, name
    for option in built:
        words = f"Fl Fl {option[2:]}" if option.startswith("--") else f"Fl {option[1:]}"
        assert words in page, option


def test_the_layers_of_the_build_are_those_of_this_test():
    rooms = re.findall(r"^subdir\('(\w+)'\)", open("src/meson.build").read(), re.M)
    place = {room: number for number, layer in enumerate(LAYERS) for room in layer}
    assert [place[room] for room in rooms] == sorted(place[room] for room in rooms)
    assert sorted(rooms) == sorted(ROOMS)
