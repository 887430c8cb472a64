# SPDX-License-Identifier: Apache-2.0
"""The figures as a Markdown table, their place in README.md, and what got slower since they were kept."""
import json
import os
import platform
import time

END = "<!-- end of figures -->"
SLOWER = 0.10


def processor():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def shown(value):
    if value is None:
        return "–"
    if isinstance(value, (tuple, list)):
        return " / ".join(shown(one) for one in value)
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def first_of(value):
    return value[0] if isinstance(value, (tuple, list)) else value


def ratio(row, ours, theirs):
    """How many times better the first server is than the second."""
    values = [row["values"].get(name) for name in (ours, theirs)]
    if None in values:
        return "–"
    ours, theirs = map(first_of, values)
    above, under = (ours, theirs) if row["more_is_better"] else (theirs, ours)
    return f"{above / under:.1f} ×" if under > 0 else "–"


def columns(names):
    """The first two and how many times better the first is; then the others."""
    return [*names[:2], "×", *names[2:]] if names[:2] == ["Postern", "Postfix"] else list(names)


def markdown(rows, names, notes):
    heads = columns(names)
    lines = ["| round | figure | " + " | ".join(heads) + " |", "|---|---|" + "---:|" * len(heads)]
    before = None
    for row in rows:
        cells = ["" if row["round"] == before else row["round"], row["figure"]]
        cells += [ratio(row, *names[:2]) if name == "×" else shown(row["values"].get(name)) for name in heads]
        lines.append("| " + " | ".join(cells) + " |")
        before = row["round"]
    return "\n".join(lines + [""] + [f"- {note}" for note in notes]) + "\n"


def machine(command, versions):
    return (f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} cores ({processor()}), Linux {platform.release()}, "
            f"{', '.join(versions)}: `{command}`")


class Kept:
    """The table in README.md, between two markers for each kind of disk, and beside it our own figures for
    machines to read: figures.json."""

    def __init__(self, folder, disk):
        self.readme, self.figures = os.path.join(folder, "README.md"), os.path.join(folder, "figures.json")
        self.disk = disk

    def all(self):
        if not os.path.exists(self.figures):
            return {}
        with open(self.figures) as file:
            return json.load(file)

    def write(self, text, rows, alone):
        begin = f"<!-- figures: {self.disk} -->"
        with open(self.readme) as file:
            before, found, rest = file.read().partition(begin)
        _, ended, after = rest.partition(END)
        if not found or not ended:
            raise ValueError(f"{self.readme} lacks the markers {begin} and {END}")
        with open(self.readme, "w") as file:
            file.write(f"{before}{begin}\n{text}{END}{after}")
        ours = {f"{row['round']}: {row['figure']}": first_of(row["values"]["Postern"]) for row in rows if "Postern" in row["values"]}
        kept = dict(self.all(), **{self.disk: {"kept": time.strftime("%Y-%m-%d %H:%M"), "alone": alone, "figures": ours}})
        with open(self.figures, "w") as file:
            json.dump(kept, file, indent=1, ensure_ascii=False)
            file.write("\n")

    def compared(self, rows, alone, rough):
        """Lines about what is worse than in the table that is kept. A figure that a faster or slower machine
        changes is measured against what the generator and the sink reached alone in the same run."""
        kept = self.all().get(self.disk)
        if not kept:
            return [f"No figures of this kind of disk are kept to compare with ({os.path.basename(self.figures)})."]
        worse = [found for found in (worse_than(row, kept, alone) for row in rows) if found]
        head = f"Compared with the table kept on {kept['kept']}, the machine's own speed taken off"
        head += " (a quick run: rough)" if rough else ""
        if not worse:
            return [f"{head}: nothing is worse by more than {SLOWER:.0%}."]
        return [f"{head}, worse by more than {SLOWER:.0%}:"] + [f"- {line}" for line in worse]


def worse_than(row, kept, alone):
    name = f"{row['round']}: {row['figure']}"
    before, now = kept["figures"].get(name), row["values"].get("Postern")
    if before is None or now is None or not before:
        return None
    key = "each" if "a connection each" in row["round"] else "many"
    speed = alone[key] / kept["alone"][key] if row["of_machine"] and alone[key] and kept["alone"].get(key) else 1.0
    now = first_of(now)
    change = now / (before * speed) - 1 if row["more_is_better"] else now * speed / before - 1
    loss = -change if row["more_is_better"] else change
    return f"{name}: {shown(before)} then, {shown(now)} now ({loss:.0%} worse)" if loss > SLOWER else None
