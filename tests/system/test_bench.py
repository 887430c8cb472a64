# SPDX-License-Identifier: Apache-2.0
"""What `make bench` says of its own figures: nothing is measured here."""
import json
import os
import shutil
import struct
import subprocess
import sys

import pytest

from conftest import ROOT

sys.path.insert(0, os.path.join(ROOT, "bench"))
import table  # noqa: E402

ALONE = {"many": 40000.0, "each": 10000.0}


def row(figure, ours, more_is_better, of_machine=True, name="relay", **others):
    return {"round": name, "figure": figure, "values": {"Postern": ours, **others}, "more_is_better": more_is_better,
            "of_machine": of_machine}


@pytest.fixture
def kept(tmp_path):
    """A table kept of a machine that does 40,000 messages/s, 10,000 with a connection each."""
    (tmp_path / "README.md").write_text("above\n<!-- figures: here -->\nold\n<!-- end of figures -->\nbelow\n")
    found = table.Kept(str(tmp_path), "here")
    found.write("the table\n", [row("accepted/s", 10000.0, True), row("CPU µs a message", 50.0, False),
                                row("reply, p50 / p99 ms", (1.0, 9.0), False), row("KiB a connection", 4.0, False, False),
                                row("accepted/s", 5000.0, True, name="relay, a connection each")], ALONE)
    return found


def test_the_table_is_kept_between_its_markers_and_its_figures_beside_it(kept, tmp_path):
    text = (tmp_path / "README.md").read_text()
    assert text == "above\n<!-- figures: here -->\nthe table\n<!-- end of figures -->\nbelow\n"
    assert json.loads((tmp_path / "figures.json").read_text())["here"]["figures"]["relay: accepted/s"] == 10000.0


@pytest.mark.parametrize("now,alone,worse", [
    (row("accepted/s", 9100.0, True), ALONE, ""),
    (row("accepted/s", 8000.0, True), ALONE, "20% worse"),
    (row("accepted/s", 5000.0, True), {"many": 20000.0, "each": 5000.0}, ""),  # the machine is half as fast
    (row("accepted/s", 10000.0, True), {"many": 80000.0, "each": 10000.0}, "50% worse"),  # and here twice
    (row("accepted/s", 4000.0, True, name="relay, a connection each"), {"many": 40000.0, "each": 8000.0}, ""),
    (row("CPU µs a message", 60.0, False), ALONE, "20% worse"),
    (row("CPU µs a message", 100.0, False), {"many": 20000.0, "each": 5000.0}, ""),
    (row("reply, p50 / p99 ms", (1.05, 90.0), False), ALONE, ""),  # the median counts
    (row("KiB a connection", 5.0, False, False), {"many": 20000.0, "each": 5000.0}, "25% worse"),  # no matter of speed
    (row("KiB a connection", 3.0, False, False), ALONE, ""),
    (row("something new", 3.0, False), ALONE, ""),
])
def test_what_got_worse_by_more_than_a_tenth_is_named(kept, now, alone, worse):
    told = kept.compared([now], alone, rough=False)
    assert (worse in told[-1] and len(told) == 2) if worse else told[-1].endswith("nothing is worse by more than 10%."), told


def test_without_kept_figures_that_is_said(tmp_path):
    assert "No figures" in table.Kept(str(tmp_path), "loop").compared([], ALONE, rough=False)[0]


def test_the_table_has_the_ratio_beside_the_second_server():
    rows = [row("accepted/s", 1000.0, True, Postfix=100.0, Exim=50.0), row("CPU µs", 5.0, False, Postfix=50.0)]
    lines = table.markdown(rows, ["Postern", "Postfix", "Exim"], ["a note"]).splitlines()
    assert lines[0] == "| round | figure | Postern | Postfix | × | Exim |"
    assert lines[2:4] == ["| relay | accepted/s | 1,000 | 100 | 10.0 × | 50.0 |", "|  | CPU µs | 5.00 | 50.0 | 10.0 × | – |"]
    assert lines[-1] == "- a note"


def test_the_slow_disk_counts_each_flush_of_every_process(tmp_path):
    if not shutil.which("cc"):
        pytest.skip("this machine lacks a compiler")
    library, disk = tmp_path / "slow.so", tmp_path / "disk"
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library, os.path.join(ROOT, "bench", "slow_flush.c")], check=True)
    disk.write_bytes(struct.pack("=qqq", 1000, 0, 0))
    flush_thrice = "import os; f = os.open('file', os.O_RDWR | os.O_CREAT); os.fsync(f); os.fdatasync(f); os.fsync(f)"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", flush_thrice], cwd=tmp_path, check=True,
                       env={**os.environ, "LD_PRELOAD": str(library), "SLOW_FLUSH": str(disk)})
    each, busy_until, flushes = struct.unpack("=qqq", disk.read_bytes())
    assert (each, flushes) == (1000, 6) and busy_until > 0
