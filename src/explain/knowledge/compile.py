#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles the knowledge: *.know and our own reasons.def become one C file of tables.

    compile.py OUTPUT CAUSES.def REASONS.def FILE.know...

README.md describes the format. What is not as described there is refused with file and line, and so is
what could never be the answer: an entry is tried with the very words and codes it is written for.
"""
import os
import re
import sys
from itertools import product

ACTORS = ["sender", "sender-admin", "recipient", "recipient-admin", "nobody"]
PERSONS = ["sender", "sender-admin", "recipient-admin"]
STAGES = ["connect", "helo", "tls", "auth", "mail", "rcpt", "data"]
FIELDS = ["entry", "when", "cause", "actor", "permanent", "confidence", "summary", "source", "needed", *PERSONS]
HEAD = ["title", "known by", "product", "source"]
# What decides when several match: the kind of condition, then the confidence of the entry.
RANKS = {
    "own": {"high": 100},
    "words": {"high": 90, "medium": 70, "low": 40, "guess": 28, "last": 27},
    "here": {"high": 80, "medium": 60, "low": 35},
    "status": {"high": 78, "medium": 50, "low": 30, "last": 26},
    "window": {"high": 75, "medium": 45, "low": 25},
    "code": {"high": 65, "medium": 33, "low": 20},
}
CONFIDENCES = {"high": "HIGH", "medium": "MEDIUM", "low": "LOW", "guess": "LOW", "last": "LOW"}
GAP_MAX = 8          # words that ".." may stand for; match.c has the same
FLAT_MAX = 20000     # ways to read one pattern
BEGIN, END, NUMBER, NOT, FIRST_WORD = 1, 2, 3, 4, 5
# Words that mean the same to a reader of refusals: each stands for the first of its line.
SAME = """
is are was were
has have had
does do did
can could
mailbox mailboxes
user users
recipient recipients
address addresses adress addres
account accounts
message messages
server servers
sender senders
host hosts
domain domains
member members
attachment attachments
archive archives
file files
header headers
session sessions
record records
client clients
authorized authorised
unauthorized unauthorised
recognized recognised
unrecognized unrecognised
exceeded exceded exeeded exceeeded
unavailable unavaiable unavailible
"""
FOLD = {word: line.split()[0] for line in SAME.splitlines() for word in line.split()[1:]}
# One word in the text that is two: "doesn't", with its apostrophe or without.
NEGATED = {**{f"{verb}nt": FOLD.get(verb, verb) for verb in
              "do does did is are was were has have had could would should must need".split()},
           "cannot": "can", "cant": "can", "wont": "will"}
# Written as one word or as two.
COMPOUNDS = """
e+mail mail+box black+list block+list white+list deny+list allow+list over+quota time+out user+name host+name
pass+word black+listed block+listed grey+listed mal+formed dis+abled un+known not+found rate+limit time+stamp
disk+space in+active non+existent e+mails mail+boxes file+name web+site un+available domain+name no+where mail+host
"""
PARTS = {word.replace("+", ""): tuple(word.split("+")) for word in COMPOUNDS.split()}


class Refused(Exception):
    """A mistake in the knowledge: file:line: what is wrong and what would be right."""


# ---- words, as match.c cuts them ----
def is_alone(point):
    return 0x3040 <= point <= 0x9FFF


def is_part(char):
    point = ord(char)
    if point < 0x80:
        return char.isalnum()
    return point >= 0xC0 and not (0x2000 <= point < 0x2040 or 0x3000 <= point < 0x3040 or 0xFF00 <= point < 0xFF80)


def words_of(text):
    words, word = [], ""
    for char in text.lower() + " ":
        if char in "'\u2019":
            continue
        if is_part(char) and not is_alone(ord(char)):
            word += char
            continue
        if word:
            words.append(word)
        word = ""
        if is_alone(ord(char)):
            words.append(char)
    return words


def word_hash(word):
    value = 0xCBF29CE484222325
    for byte in word.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


# ---- patterns ----
class Pattern:
    """`user (unknown|not found) [here]`: read once into all the sequences of words it stands for."""

    def __init__(self, text, where):
        self.text, self.where = text, where
        self.tokens = re.findall(r"\.\.|[()|\[\]^$]|[^\s()|\[\]^$]+", text)
        self.at = 0
        self.flat = sorted({self.tidy(way) for way in self.ways()})
        if self.at < len(self.tokens):
            self.refuse(f"there is a {self.tokens[self.at]} too many")
        if any(not way or all(word == ".." for word in way) for way in self.flat):
            self.refuse("one way to read it has no word at all")

    def refuse(self, what):
        raise Refused(f'{self.where}: in "{self.text}": {what}')

    def ways(self):
        found = self.sequence()
        while self.at < len(self.tokens) and self.tokens[self.at] == "|":
            self.at += 1
            found = found + self.sequence()
        return found

    def sequence(self):
        ways = [()]
        while self.at < len(self.tokens) and self.tokens[self.at] not in ")|]":
            ways = [way + more for way, more in product(ways, self.item())]
            if len(ways) > FLAT_MAX:
                self.refuse(f"more than {FLAT_MAX} ways to read it")
        return ways

    def item(self):
        token = self.tokens[self.at]
        self.at += 1
        if token in "([":
            inner = self.ways()
            if self.at >= len(self.tokens) or self.tokens[self.at] != {"(": ")", "[": "]"}[token]:
                self.refuse(f"a {token} is never closed")
            self.at += 1
            return inner + ([()] if token == "[" else [])
        if token in ("^", "$", ".."):
            return [(token,)]
        return self.literal(token)

    def literal(self, token):
        if token == "#":
            return [("#",)]
        words = words_of(token.rstrip("~"))
        if not words:
            return [()]
        if token.endswith("~"):
            if len(words[-1]) < 2:
                self.refuse(f"{token}: at least two letters before ~")
            return [self.plain(words[:-1]) + (words[-1] + "~",)]
        ways = [self.plain(words)]
        if token.lower() in PARTS:
            ways.append(self.plain(PARTS[token.lower()]))
        return ways

    def plain(self, words):
        """As match.c reads them: the first of several words that mean the same, "does not" for "doesn't"."""
        made = []
        for word in words:
            made += [NEGATED[word], "not"] if word in NEGATED else [FOLD.get(word, word)]
        return tuple(made)

    def tidy(self, way):
        if sum(word == ".." for word in way) > 3:
            self.refuse("at most three .. in one pattern; write two patterns")
        return way


class Trie:
    """All patterns in one tree of words; node 0 is the root."""

    def __init__(self):
        self.vocabulary = {"^": BEGIN, "$": END, "#": NUMBER, "not": NOT}
        self.edges, self.gaps, self.accepts = {}, {}, {}
        self.nodes = 1
        self.patterns = {}

    def add(self, pattern):
        if pattern.text in self.patterns:
            return self.patterns[pattern.text]
        number = self.patterns[pattern.text] = len(self.patterns)
        for way in pattern.flat:
            node = 0
            for word in way:
                node = self.gap(node) if word == ".." else self.edge(node, word)
            self.accepts.setdefault(node, set()).add(number)
        return number

    def node(self):
        self.nodes += 1
        return self.nodes - 1

    def gap(self, node):
        if node not in self.gaps:
            self.gaps[node] = self.node()
        return self.gaps[node]

    def number(self, word):
        return self.vocabulary.setdefault(word, FIRST_WORD + len(self.vocabulary) - 4)

    def edge(self, node, word):
        key = node, self.number(word)
        if key not in self.edges:
            self.edges[key] = self.node()
        return self.edges[key]

    def merge(self):
        """Nodes from which the same can follow become one: the tree becomes a much smaller graph."""
        children = {}
        for (node, word), to in self.edges.items():
            children.setdefault(node, []).append((word, to))
        same, number = {}, {}
        for node in range(self.nodes - 1, -1, -1):  # children have greater numbers than their parents
            key = (frozenset(self.accepts.get(node, ())), number.get(self.gaps.get(node)),
                   frozenset((word, number[to]) for word, to in children.get(node, ())))
            number[node] = same.setdefault(key, node)
        kept = {old: new for new, old in enumerate(sorted(set(number.values())))}
        place = {node: kept[number[node]] for node in range(self.nodes)}
        self.edges = {(place[node], word): place[to] for (node, word), to in self.edges.items()}
        self.gaps = {place[node]: place[to] for node, to in self.gaps.items()}
        self.accepts = {place[node]: numbers for node, numbers in self.accepts.items()}
        self.nodes = len(kept)

    def ids(self, word):
        word = FOLD.get(word, word)
        found = [self.vocabulary[word]] if word in self.vocabulary and word not in "^$#" else []
        found += [self.vocabulary[word[:n] + "~"] for n in range(2, len(word) + 1) if word[:n] + "~" in self.vocabulary]
        return found + ([NUMBER] if word.isdigit() else [])

    def scan(self, words):
        """Which patterns are in these words, and how long each is: what match.c does."""
        words = [part for word in words for part in ((NEGATED[word], "not") if word in NEGATED else (word,))]
        text = [[BEGIN], *[self.ids(word) for word in words], [END]]
        found = {}

        def walk(at, node, length):
            for number in self.accepts.get(node, ()):
                found[number] = max(found.get(number, 0), length)
            if node in self.gaps:
                for skip in range(GAP_MAX + 1):
                    if at + skip < len(text):
                        walk(at + skip, self.gaps[node], length)
            if at < len(text):
                for word in text[at]:
                    if (node, word) in self.edges:
                        walk(at + 1, self.edges[node, word], length + 1)

        for start in range(len(text)):
            walk(start, 0, 0)
        return found


# ---- conditions ----
def example_words(way):
    return ["7" if word == "#" else word.rstrip("~") for word in way if word not in ("..", "^", "$")]


class When:
    def __init__(self, text, where, place):
        self.where, self.place = where, place
        self.here = False
        self.code = self.status = self.window = None
        self.stages = 0
        self.words, self.absent = [], []
        self.read(text)
        if not (self.words or self.code or self.status or self.window):
            self.refuse("a condition needs words in quotation marks, a code, a status or a window")

    def refuse(self, what):
        raise Refused(f"{self.where}: when: {what}")

    def read(self, text):
        tokens = re.findall(r'"[^"]*"|\S+', text)
        while tokens:
            token = tokens.pop(0)
            if token.startswith('"'):
                self.words.append(Pattern(token[1:-1], self.where))
            elif token == "not" and tokens and tokens[0].startswith('"'):
                self.absent.append(Pattern(tokens.pop(0)[1:-1], self.where))
            elif token == "here":
                if not self.place.known:
                    self.refuse("`here` needs a line `known by` or `product` at the head of the file")
                self.here = True
            elif token in ("code", "status", "window", "stage") and tokens:
                getattr(self, "read_" + token)(tokens.pop(0))
            else:
                self.refuse(f"{token} is not known; known are here, code, status, window, stage, not and words in quotation marks")

    def read_code(self, text):
        match = re.fullmatch(r"([45])(\d|x)(\d|x)", text)
        if not match:
            self.refuse(f"code {text}: three digits that begin with 4 or 5; x stands for any digit")
        self.code = int(text.replace("x", "0")), int(text.replace("x", "9"))

    def read_status(self, text):
        match = re.fullmatch(r"([45x])\.(\d+|x)\.(\d+|x)(?:-(\d+))?", text)
        if not match:
            self.refuse(f"status {text}: like 5.7.1, x.7.1 for 4 and 5, 5.7.606-649 for a range, 5.7.x for any")
        kind, subject, low, high = match.groups()
        classes = {"4": 1, "5": 2, "x": 3}[kind]
        subjects = (0, 65535) if subject == "x" else (int(subject), int(subject))
        details = (0, 65535) if low == "x" else (int(low), int(high or low))
        if details[0] > details[1]:
            self.refuse(f"status {text}: the range runs backwards")
        self.status = classes, *subjects, *details

    def read_window(self, text):
        if not re.fullmatch(r"0x[0-9A-Fa-f]{8}", text):
            self.refuse(f"window {text}: 0x and eight digits")
        self.window = int(text, 16)

    def read_stage(self, text):
        for stage in text.split("|"):
            if stage not in STAGES:
                self.refuse(f"stage {stage}: known are {', '.join(STAGES)}")
            self.stages |= 1 << STAGES.index(stage)

    def kind(self):
        if self.place.own:
            return "own"
        if self.words:
            return "words"
        if self.here:
            return "here"
        return "status" if self.status else "window" if self.window else "code"

    def extra(self):
        """What conditions beside words weigh, in words."""
        return 3 * self.here + 3 * bool(self.status) + bool(self.code) + bool(self.stages) + bool(self.window)

    def examples(self):
        """Inputs that this condition is written for: each way to read its first words, the others at their shortest."""
        status = None
        if self.status:
            status = 4 if self.status[0] == 1 else 5, self.status[1], self.status[3]
        rest = [word for pattern in self.words[1:] for word in example_words(min(pattern.flat, key=len))]
        for way in self.words[0].flat if self.words else [()]:
            yield {"words": example_words(way) + rest, "code": self.code and self.code[0], "status": status,
                   "window": self.window, "stages": self.stages, "place": self.place if self.here else None}

    def holds(self, example, found):
        """The length of the words if the condition holds, else None: what explain.c does."""
        if self.code and not (example["code"] and self.code[0] <= example["code"] <= self.code[1]):
            return None
        if self.status and not (example["status"] and self.status_holds(*example["status"])):
            return None
        if self.window and self.window != example["window"]:
            return None
        if self.stages and not self.stages & example["stages"]:
            return None
        if self.here and example["place"] is not self.place:
            return None
        if any(number in found for number in self.absent_numbers):
            return None
        if any(number not in found for number in self.numbers):
            return None
        return 2 * sum(found[number] for number in self.numbers) + self.extra()

    def status_holds(self, kind, subject, detail):
        classes, low, high, first, last = self.status
        return classes & (1 if kind == 4 else 2) and low <= subject <= high and first <= detail <= last


class Place:
    """The head of one file: whose words these are."""

    def __init__(self, name, own=False):
        self.name, self.own = name, own
        self.title, self.product, self.source = name, None, None
        self.patterns = []

    @property
    def known(self):
        return self.patterns or self.product


class Entry:
    def __init__(self, name, where, place):
        self.name, self.where, self.place = name, where, place
        self.whens = []
        self.cause = self.actor = self.summary = self.needed = None
        self.source, self.confidence, self.permanent = place.source, "medium", None
        self.steps = {}

    @property
    def id(self):
        return f"{self.place.name}:{self.name}"

    def refuse(self, what):
        raise Refused(f"{self.where}: entry {self.name}: {what}")

    def check(self, causes):
        for field in ("cause", "actor", "summary", "source"):
            if not getattr(self, field):
                self.refuse(f"it has no `{field}`")
        if self.cause not in causes:
            self.refuse(f"cause {self.cause} is none of causes.def")
        if self.actor not in ACTORS:
            self.refuse(f"actor {self.actor} is none of {', '.join(ACTORS)}")
        for when in self.whens:
            if self.confidence not in RANKS[when.kind()]:
                self.refuse(f"confidence {self.confidence}: high, medium or low; guess for words, last for words and status")
        if self.permanent not in (None, "yes", "no"):
            self.refuse("permanent: yes or no; leave it out where the reply's code tells")
        if not self.whens:
            self.refuse("it has no `when`")
        if (self.cause == "unclear") != bool(self.needed):
            self.refuse("`needed` belongs to the cause unclear, and only there")
        for person in PERSONS:
            self.steps.setdefault(person, causes[self.cause][person])
        acting = "sender" if self.actor in ("recipient", "nobody") else self.actor
        if self.steps[acting] in ("", "-"):
            self.refuse(f"there is no step for {acting}, who must act")
        self.steps = {person: "" if text == "-" else text for person, text in self.steps.items()}


# ---- reading the files ----
def logical_lines(path):
    """(line number, key, text): a line that begins with a blank continues the one before it."""
    made = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip()
            if not line or line.startswith("#"):
                continue
            if line[0] in " \t":
                if not made:
                    raise Refused(f"{path}:{number}: nothing stands before this line that it could continue")
                ended = made[-1][1] in PERSONS and made[-1][2].endswith(".")
                made[-1][2] += ("\n" if ended else " ") + line.strip()
                continue
            key, _, text = line.partition(" ")
            if key == "known":
                key, text = "known by", text.strip().removeprefix("by")
            made.append([number, key, text.strip()])
    return made


def read_head(place, key, text, where):
    if key == "known by":
        place.patterns += [Pattern(words, where) for words in re.findall(r'"([^"]*)"', text)]
    elif key in HEAD:
        setattr(place, key, text)
    else:
        raise Refused(f"{where}: {key} before the first entry; known there are {', '.join(HEAD)}")


def read_field(entry, key, text, where):
    if key == "when":
        entry.whens.append(When(text, where, entry.place))
    elif key in PERSONS:
        entry.steps[key] = entry.steps[key] + "\n" + text if key in entry.steps else text
    elif key not in FIELDS:
        raise Refused(f"{where}: {key} is not known; known are {', '.join(FIELDS)}")
    elif key != "source" and getattr(entry, key, None) not in (None, "medium"):
        raise Refused(f"{where}: entry {entry.name} has {key} twice")
    else:
        setattr(entry, key, text)


def read_file(path):
    place = Place(os.path.basename(path).removesuffix(".know"))
    entries = []
    for number, key, text in logical_lines(path):
        where = f"{path}:{number}"
        if not text:
            raise Refused(f"{where}: {key} says nothing")
        if key == "entry":
            entries.append(Entry(text, where, place))
        elif entries:
            read_field(entries[-1], key, text, where)
        else:
            read_head(place, key, text, where)
    return place, entries


STRING = r'"((?:[^"\\]|\\.)*)"'


def rows_of(path, macro):
    """The rows NAME(…) of a .def file, each a list of its arguments with strings put together."""
    text = re.sub(r"/\*.*?\*/", "", open(path, encoding="utf-8").read(), flags=re.S)
    for row in re.split(rf"^{macro}\(", text, flags=re.M)[1:]:
        arguments, depth = [""], 0
        for part in re.findall(STRING + r"|([(),])|([^\s\"(),]+)", row):
            string, mark, word = part
            if mark == "," and depth == 0:
                arguments.append("")
            elif mark == ")" and depth == 0:
                break
            else:
                depth += {"(": 1, ")": -1}.get(mark, 0)
                arguments[-1] += string.replace("\\n", "\n").replace('\\"', '"') or mark or word
        yield arguments


def read_causes(path):
    causes = {}
    for row in rows_of(path, "CAUSE"):
        name, word, actor, permanent, summary, *steps = row
        causes[word] = {"name": name, "actor": actor, "permanent": permanent, "summary": summary,
                        **dict(zip(PERSONS, steps))}
    return causes


def read_reasons(path):
    """Our own refusals: each row of reasons.def explains itself."""
    place = Place("postern", own=True)
    place.source = "postern.conf(5), Reasons"
    entries = []
    for row in rows_of(path, "REASON"):
        _, name, _, code, enhanced, text, cause, actor, explanation, steps = row
        pattern = own_pattern(text)
        if not pattern:
            continue
        entry = Entry(name, path, place)
        status = ".".join(re.findall(r"\d+", enhanced))
        entry.whens = [When(f'code {code} status {status} "^ {pattern}"', path, place)]
        if len(pattern.replace("..", "").split()) >= 6:
            entry.whens.append(When(f'status {status} "{pattern}"', path, place))
        entry.cause, entry.actor, entry.summary, entry.confidence = cause, actor, explanation, "high"
        entry.permanent = "no" if code.startswith("4") else "yes"
        entry.steps["sender" if actor in ("recipient", "nobody") else actor] = steps
        entries.append(entry)
    return place, entries


def own_pattern(text):
    """A row's words as a pattern; what stands behind an argument at the end may be anything."""
    parts = [" ".join(words_of(part)) for part in re.split(r"\$\d", text)]
    while parts and not parts[-1]:
        parts.pop()
    return " .. ".join(parts[:3]).strip()


# ---- what can never be an answer ----
def number_patterns(trie, places, entries):
    for place in places:
        place.numbers = [trie.add(pattern) for pattern in place.patterns]
    for entry in entries:
        for when in entry.whens:
            when.numbers = [trie.add(pattern) for pattern in when.words]
            when.absent_numbers = [trie.add(pattern) for pattern in when.absent]
            when.entry = entry
            when.rank = RANKS[when.kind()][entry.confidence]


def winner(whens, example, found):
    best, score = None, None
    for when in whens:
        length = when.holds(example, found)
        if length is not None and (best is None or (when.rank, length) > score):
            best, score = when, (when.rank, length)
    return best


def check_ids(entries):
    seen = {}
    for entry in entries:
        if entry.id in seen:
            entry.refuse(f"another entry of this name stands at {seen[entry.id]}")
        seen[entry.id] = entry.where


def check_reachable(trie, entries):
    whens = [when for entry in entries for when in entry.whens]
    for entry in entries:
        others = set()
        for when in entry.whens:
            for example in when.examples():
                won = winner(whens, example, trie.scan(example["words"]))
                if won is not None and won.entry is entry:
                    break
                others.add(won.entry.id if won else "nothing (it contradicts itself), which")
            else:
                continue
            break
        else:
            entry.refuse(f"it can never be the answer: {', '.join(sorted(others)[:3])} always wins over it")


# ---- writing C ----
def quoted(text):
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("?", "\\?")
    return '"' + text + '"'


def c_slice(text):
    return f"S({quoted(text)})" if text else "{NULL, 0}"


def open_table(pairs, size_hash):
    """Open addressing: the pairs in a table of a power of two, each at its hash or the next free place."""
    size = 1
    while size < 2 * len(pairs) + 2:
        size *= 2
    table = [None] * size
    for key, value in pairs:
        at = size_hash(key) & (size - 1)
        while table[at] is not None:
            at = (at + 1) & (size - 1)
        table[at] = key, value
    return table


def edge_hash(key):
    return (key * 0x9E3779B97F4A7C15 % 2**64) >> 40


def write_words(out, trie):
    for verb in NEGATED.values():
        trie.number(verb)
    pairs = []
    for word, number in trie.vocabulary.items():
        if number >= FIRST_WORD:
            pairs.append((word_hash(word.rstrip("~")), (number, word.endswith("~"), False)))
    pairs += [(word_hash(word), (trie.vocabulary[same], False, False)) for word, same in FOLD.items() if same in trie.vocabulary]
    pairs += [(word_hash(word), (trie.vocabulary[verb], False, True)) for word, verb in NEGATED.items()]
    pairs.append((word_hash("not"), (NOT, False, False)))
    table = open_table(pairs, lambda key: key)
    out.append(f"static const struct knowledge_word words[{len(table)}] = {{")
    out += [f"\t[{at}] = {{{pair[0]}u, {pair[1][0]}, {pair[1][1]:d}, {pair[1][2]:d}}}," for at, pair in enumerate(table) if pair]
    out.append("};")
    return len(table)


def write_edges(out, trie):
    table = open_table([(node << 16 | word, to) for (node, word), to in trie.edges.items()], edge_hash)
    out.append(f"static const struct knowledge_edge edges[{len(table)}] = {{")
    out += [f"\t[{at}] = {{{pair[0]}u, {pair[1]}}}," for at, pair in enumerate(table) if pair]
    out.append("};")
    return len(table)


def write_nodes(out, trie):
    accepts = []
    out.append("static const struct knowledge_node nodes[] = {")
    for node in range(trie.nodes):
        numbers = sorted(trie.accepts.get(node, ()))
        out.append(f"\t{{{trie.gaps.get(node, 0)}, {len(accepts)}, {len(numbers)}}},")
        accepts += numbers
    out.append("};")
    out.append(f"static const uint16_t accepts[] = {{{', '.join(map(str, [*accepts, 0]))}}};")


def write_places(out, places):
    tests = []
    out.append("static const struct knowledge_place places[] = {")
    for place in places:
        out.append(f"\t{{{c_slice(place.title)}, {c_slice(place.product)}, {len(tests)}, {len(place.numbers)}}},")
        tests += place.numbers
    out.append("};")
    out.append(f"static const uint16_t place_tests[] = {{{', '.join(map(str, [*tests, 0]))}}};")


def write_whens(out, entries, places):
    tests = []
    out.append("static const struct knowledge_when whens[] = {")
    count = 0
    for number, entry in enumerate(entries):
        for when in entry.whens:
            code, status = when.code or (0, 0), when.status or (0, 0, 0, 0, 0)
            here = places.index(entry.place) + 1 if when.here else 0
            out.append(f"\t{{.entry = {number}, .rank = {when.rank}, .weight = {when.extra()}, .here = {here}, "
                       f".stages = {when.stages}, .code = {{{code[0]}, {code[1]}}}, .classes = {status[0]}, "
                       f".subject = {{{status[1]}, {status[2]}}}, .detail = {{{status[3]}, {status[4]}}}, "
                       f".window = {when.window or 0}u, .test = {len(tests)}, .tests = {len(when.numbers)}, "
                       f".absent = {len(when.absent_numbers)}}},")
            tests += when.numbers + when.absent_numbers
            count += 1
    out.append("};")
    out.append(f"static const uint16_t when_tests[] = {{{', '.join(map(str, [*tests, 0]))}}};")
    return count


def write_entries(out, entries, causes):
    out.append("static const struct knowledge_entry entries[] = {")
    for entry in entries:
        steps = ", ".join(c_slice(entry.steps[person]) for person in PERSONS)
        actor = entry.actor.upper().replace("-", "_")
        permanent = {"yes": "PERMANENT_YES", "no": "PERMANENT_NO", None: "PERMANENT_AS_THE_CODE"}[entry.permanent]
        out.append(f"\t{{CAUSE_{causes[entry.cause]['name']}, ACTOR_{actor}, {permanent}, "
                   f"CONFIDENCE_{CONFIDENCES[entry.confidence]}, {c_slice(entry.id)}, {c_slice(entry.summary)}, {{{steps}}}, "
                   f"{c_slice(entry.source)}, {c_slice(entry.needed)}}},")
    out.append("};")


def write(path, trie, places, entries, causes):
    if trie.nodes >= 2**16 or len(trie.vocabulary) >= 2**15:
        raise Refused("the knowledge has outgrown 16-bit numbers: widen them here and in knowledge.h")
    out = ["/* SPDX-License-Identifier: Apache-2.0 */",
           "/* Made by src/explain/knowledge/compile.py: correct the .know files, not this. */",
           '#include "explain/knowledge.h"', "",
           "#define S(literal) {(literal), sizeof(literal) - 1}"]
    word_slots = write_words(out, trie)
    edge_slots = write_edges(out, trie)
    write_nodes(out, trie)
    write_places(out, places)
    when_count = write_whens(out, entries, places)
    write_entries(out, entries, causes)
    out += ["const struct knowledge knowledge = {",
            f"\twords, {word_slots}, edges, {edge_slots}, nodes, accepts, {len(trie.patterns)},",
            f"\tplaces, {len(places)}, place_tests, whens, {when_count}, when_tests, entries, {len(entries)}}};", ""]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out))


def compile_knowledge(output, causes_path, reasons_path, files):
    causes = read_causes(causes_path)
    read = [read_reasons(reasons_path), *[read_file(path) for path in sorted(files)]]
    places = [place for place, _ in read]
    entries = [entry for _, of_file in read for entry in of_file]
    for entry in entries:
        entry.check(causes)
    check_ids(entries)
    trie = Trie()
    number_patterns(trie, places, entries)
    trie.merge()
    check_reachable(trie, entries)
    write(output, trie, places, entries, causes)


if __name__ == "__main__":
    try:
        compile_knowledge(*sys.argv[1:4], sys.argv[4:])
    except Refused as refused:
        sys.exit(str(refused))
