# SPDX-License-Identifier: Apache-2.0
"""What would make ./check smaller without a word: a misspelt need, a part nobody names, a folder nobody watches."""
import os
import re
import subprocess

import pytest

from shape import tracked

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.chdir(ROOT)


def read(path):
    with open(path) as file:
        return file.read()


def words_of_the_probe():
    text = read("scripts/probe")
    tools = re.search(r"^for tool in (.+); do$", text, re.M).group(1).split()
    return set(re.findall(r"^can ([a-z0-9-]+) ", text, re.M)) | set(tools)


def test_each_need_of_a_test_is_a_word_that_the_probe_may_say():
    needs = {word: file for file in tracked("tests/*.py") for word in re.findall(r"\bneed\(\"([^\"]+)\"\)", read(file))
             if not file.startswith("tests/style/")}
    assert len(needs) > 8
    assert {word: file for word, file in needs.items() if word not in words_of_the_probe()} == {}


def test_what_may_not_be_missing_is_a_word_of_the_probe():
    wanted = [line for line in read(".ci/require").splitlines() if line and not line.startswith("#")]
    assert set(wanted) <= words_of_the_probe() and len(wanted) == len(set(wanted)) > 5


def test_check_names_all_its_parts():
    parts = re.findall(r'^    "([a-z-]+)": \((?:[a-z_]+), ', read("scripts/check.py"), re.M)
    said = re.search(r"of: (.*?)\n#\t\./check --require", read("check"), re.S).group(1).replace("#", " ").split()
    assert sorted(said) == sorted(parts) and len(parts) > 5


def test_tests_in_c_make_their_files_where_check_looks_for_what_is_left():
    files = tracked("src/*_test.c", "src/*/test*.c", "src/*/rig*.c")
    elsewhere = [file for file in files if re.search(r'"/tmp/[^"]*XXXXXX"', read(file))]
    assert len(files) > 50 and not elsewhere, f"{elsewhere}: testing_folder() of base/testing.h"


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_what_a_document_says_to_type_is_there(document):
    text = read(document)
    targets = re.search(r"^\.PHONY: (.+)$", read("GNUmakefile"), re.M).group(1).split()
    assert set(re.findall(r"`make ([a-z]+)", text)) <= set(targets)
    for path in re.findall(r"`(?:man )?((?:man|tests|bench|doc|scripts)/[\w./-]+\w)`", text):
        assert os.path.exists(path), path


@pytest.mark.parametrize("script", ["run", "check", "scripts/deps", "scripts/probe", "scripts/peer", ".ci/run"])
def test_scripts_are_posix_shell(script):
    assert read(script).startswith("#!/bin/sh\n") and os.access(script, os.X_OK)
    assert subprocess.run(["sh", "-n", script]).returncode == 0
