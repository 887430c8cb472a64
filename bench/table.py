# SPDX-License-Identifier: Apache-2.0
"""The figures as a Markdown table, and its place in README.md."""
import os
import platform
import time

END = "<!-- end of figures -->"


def processor():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def shown(value):
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return " / ".join(shown(one) for one in value)
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(row, names):
    """How many times better the first server is than the second."""
    values = [row["values"].get(name) for name in names]
    if len(values) < 2 or None in values:
        return "–"
    ours, theirs = (value[0] if isinstance(value, tuple) else value for value in values)
    above, under = (ours, theirs) if row["more_is_better"] else (theirs, ours)
    return f"{above / under:.1f} ×" if under > 0 else "–"


def markdown(rows, names, notes):
    lines = ["| round | figure | " + " | ".join(names) + (" | times better |" if len(names) > 1 else " |"),
             "|---|---|" + "---:|" * (len(names) + (len(names) > 1))]
    before = None
    for row in rows:
        cells = ["" if row["round"] == before else row["round"], row["figure"]]
        cells += [shown(row["values"].get(name)) for name in names]
        if len(names) > 1:
            cells.append(ratio(row, names))
        lines.append("| " + " | ".join(cells) + " |")
        before = row["round"]
    return "\n".join(lines + [""] + [f"- {note}" for note in notes]) + "\n"


def machine(command, versions):
    return (f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} cores ({processor()}), Linux {platform.release()}, "
            f"{', '.join(versions)}: `{command}`")


def keep(path, disk, text):
    """Each kind of disk has its place in the file, between two markers."""
    begin = f"<!-- figures: {disk} -->"
    with open(path) as file:
        before, found, rest = file.read().partition(begin)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"{path} lacks the markers {begin} and {END}")
    with open(path, "w") as file:
        file.write(f"{before}{begin}\n{text}{END}{after}")
