# SPDX-License-Identifier: Apache-2.0
"""The long forms of the tests, run beside one another: parts that are over in a moment in place of the real ones."""
import os
import re
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
from tally import Tally  # noqa: E402

# A part is a script for sh; it is split as the tests in rounds are.
DRIVER = """
import sys
sys.path.insert(0, "scripts")
import torture
folder, names = sys.argv.pop(1), sys.argv.pop(1).split(",")
torture.PARTS = {name: torture.Part(1, f"sh {folder}/{name}", {}, True) for name in names}
sys.exit(torture.main())
"""
GOOD = """
echo ".kills of nobody: 1 of 5, 3 acknowledged, 1 lost, 0 damaged; 0.0 min, about 1 min left"
echo "kills of nobody: 5 of 5, $((10 * ${POSTERN_SPLIT%/*})) acknowledged, 0 lost, 0 damaged; 0.1 min, done"
echo "kills of all: 2 of 2, 1000 acknowledged, 2 deaths; 0.1 min, done"
touch "$TMPDIR/something" "$POSTERN_BUILD/something"
"""
BAD = """
echo "E   AssertionError: 3 of 500 lost: ['one']"
exit 1
"""
# Its child loses its parent, in a process group of its own: Ctrl-C does not reach it. A signal that comes between two commands is heeded
# behind the next one, so none may last.
HANGS = """
setsid sleep 86421 &
trap 'exit 1' INT
echo "kills: 4 of 1000, 7 acknowledged, 0 lost, 0 damaged; 0.1 min, about 9 min left"
while :; do sleep 0.1; done
"""


def start(folder, parts, *words):
    for name, text in parts.items():
        (folder / name).write_text(text)
    return subprocess.Popen([sys.executable, "-B", "-c", DRIVER, str(folder), ",".join(parts), "--build", str(folder / "b"), *words],
                            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def row_of(part, text):
    return re.search(rf"^{part} +\d+ of .*$", text, re.M)[0].split()


def test_what_all_splits_say_is_added_up_and_kept(tmp_path):
    run = start(tmp_path, {"good": GOOD}, "--beside", "3")
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 0, said
    assert row_of("good", said)[:9] == "good 3 of 3 21 of 21 3,060 0".split(), said
    assert row_of("good", said)[10] == "passed," and "6 deaths" in said, said
    assert (tmp_path / "b/logs/torture.txt").read_text() in said
    assert sorted(os.listdir(tmp_path / "b/logs")) == ["torture-good-1.log", "torture-good-2.log", "torture-good-3.log", "torture.txt"]
    assert os.listdir(tmp_path / "b/t") == []


def test_a_part_that_fails_is_named_with_what_it_lost_and_stops_no_other(tmp_path):
    run = start(tmp_path, {"bad": BAD, "good": GOOD}, "--beside", "1")
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 1
    assert row_of("bad", said)[4:8] == ["0", "3", "0", "FAILED,"] and row_of("good", said)[1:4] == ["1", "of", "1"], said
    assert f"FAILED bad: {tmp_path}/b/logs/torture-bad.log\n    3 of 500 lost: ['one']" in said, said


def test_ctrl_c_gives_the_sums_and_leaves_nothing(tmp_path):
    run = start(tmp_path, {"hangs": HANGS.replace("86421", str(86400 + os.getpid()))}, "--beside", "2")
    logs, end = tmp_path / "b/logs", time.monotonic() + 60
    while not all("acknowledged" in read(logs / f"torture-hangs-{split}.log") for split in (1, 2)):
        assert time.monotonic() < end and run.poll() is None
        time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 1
    assert row_of("hangs", said)[4:10] == "8 of 2,000 14 0 0".split() and "broken off" in said, said
    assert os.listdir(tmp_path / "b/t") == [] and not is_there(f"sleep {86400 + os.getpid()}")


def read(path):
    return path.read_text() if path.exists() else ""


def is_there(command):
    return command in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout


def test_a_line_counts_instead_of_the_last_one_about_the_same():
    tally = Tally()
    for line in ["EIO at a start: 1 of 9, 1 ended; 0.0 min", "EIO at a start: 9 of 9, 1 ended with a message, 0 lost, 0 damaged; 1.0 min",
                 ".ENOSPC at a start: 4 of 8, 2 ended; 0.1 min", "nothing of this: counts", "12 passed in 3 s",
                 "66792 lives, 300001 crashes, 1666168 messages acknowledged, 90 s"]:
        tally.read(line)
    assert tally.sums() == {"done": 13, "of": 17, "lives": 66792, "crashes": 300001, "acknowledged": 1666168}
