# SPDX-License-Identifier: Apache-2.0
"""What the compiler of the knowledge takes and what it refuses, each with a file and a line. Run by meson."""
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import compile as knowledge

CAUSES = """
CAUSE(MAILBOX_FULL, "mailbox-full", RECIPIENT, false, "It is full.", "Wait.", "", "Make room.")
CAUSE(LOOP, "loop", RECIPIENT_ADMIN, true, "A circle.", "", "", "")
CAUSE(UNCLEAR, "unclear", SENDER, true, "Nobody knows.", "Ask.", "", "")
"""
REASONS = 'REASON(FULL, "disk-full", RANK, 452, E(4, 3, 1), "No room on $1 now", "loop", "sender-admin", "It is\\n"\n\t"full.", "Make room.")'
GOOD = """\
title     A server
known by  "example mail"
source    its manual
entry     full
when      "(mailbox|account) .. over~ [the] quota" not "rate"
when      here status x.2.2 code 55x stage rcpt|data
cause     mailbox-full
actor     recipient
summary   The mailbox is full.
"""


class Compiling(unittest.TestCase):
    def compiled(self, text, name="one.know"):
        with tempfile.TemporaryDirectory() as folder:
            paths = {}
            for file, content in (("causes.def", CAUSES), ("reasons.def", REASONS), (name, text)):
                paths[file] = os.path.join(folder, file)
                with open(paths[file], "w", encoding="utf-8") as out:
                    out.write(content)
            output = os.path.join(folder, "out.c")
            knowledge.compile_knowledge(output, paths["causes.def"], paths["reasons.def"], [paths[name]])
            with open(output, encoding="utf-8") as file:
                return file.read()

    def refused(self, text, *words):
        with self.assertRaises(knowledge.Refused) as caught:
            self.compiled(text)
        for word in ("one.know:", *words):
            self.assertIn(word, str(caught.exception))

    def without(self, key):
        return "".join(line for line in GOOD.splitlines(True) if not line.startswith(key))

    def test_a_good_file_becomes_tables(self):
        made = self.compiled(GOOD)
        self.assertIn('S("one:full")', made)
        self.assertIn('S("postern:disk-full")', made)

    def test_a_contraction_a_plural_and_a_compound_are_read_as_their_plain_words(self):
        for said, written in (("doesn't", "does not"), ("cannot", "can not"), ("users", "user"), ("weren't", "is not")):
            self.assertEqual(knowledge.Pattern(said, "").flat, knowledge.Pattern(written, "").flat)
        self.assertIn(("black", "list"), knowledge.Pattern("blacklist", "").flat)

    def test_a_guess_needs_words(self):
        self.compiled(GOOD.replace("when      here status x.2.2 code 55x stage rcpt|data\n", "confidence guess\n"))
        self.refused(GOOD.replace("cause ", "confidence guess\ncause "), "guess", "words")

    def test_an_entry_without_source_is_refused(self):
        self.refused(self.without("source"), "full", "source")

    def test_an_entry_without_actor_is_refused(self):
        self.refused(self.without("actor"), "full", "actor")

    def test_an_entry_without_summary_is_refused(self):
        self.refused(self.without("summary"), "full", "summary")

    def test_an_entry_without_a_step_for_who_must_act_is_refused(self):
        self.refused(GOOD.replace("mailbox-full", "loop"), "no step for sender")
        self.refused(GOOD + "sender    -\n", "no step for sender")

    def test_an_entry_without_condition_is_refused(self):
        self.refused(self.without("when"), "no `when`")

    def test_unknown_words_are_refused(self):
        self.refused(GOOD.replace("mailbox-full", "flooded"), "flooded")
        self.refused(GOOD.replace("actor     recipient", "actor     postman"), "postman")
        self.refused(GOOD + "colour    red\n", "colour")
        self.refused(GOOD + "confidence total\n", "total")
        self.refused(GOOD.replace("stage rcpt", "stage lunch"), "lunch", ":6:")
        self.refused(GOOD.replace("status x.2.2", "status 2.0.0"), "2.0.0", ":6:")
        self.refused(GOOD.replace("code 55x", "code 250"), "250", ":6:")

    def test_here_needs_a_place(self):
        self.refused(self.without("known"), "here", "known by")

    def test_ids_are_unique(self):
        self.refused(GOOD + GOOD[GOOD.index("entry"):], "full", "another entry")

    def test_an_entry_that_can_never_be_the_answer_is_refused(self):
        hidden = GOOD[GOOD.index("entry"):].replace("full\n", "hidden\n", 1)
        self.refused(GOOD + hidden, "hidden", "one:full always wins")

    def test_a_condition_that_contradicts_itself_is_refused(self):
        self.refused(GOOD.replace("not \"rate\"", "not \"quota\"").replace("when      here status x.2.2 code 55x stage rcpt|data\n", ""),
                     "contradicts itself")

    def test_brackets_are_closed(self):
        self.refused(GOOD.replace("account)", "account"), "never closed")
        self.refused(GOOD.replace("quota\"", "quota)\""), "too many")

    def test_unclear_says_what_is_needed(self):
        self.refused(GOOD.replace("mailbox-full", "unclear").replace("actor     recipient", "actor     sender"), "needed")

    def test_a_line_after_a_full_stop_is_a_further_step(self):
        made = self.compiled(GOOD + "sender    Wait.\n          Send again\n          later.\n")
        self.assertIn('"Wait.\\nSend again later."', made)

    def test_patterns_are_read_as_written(self):
        pattern = knowledge.Pattern("a (b|c d) [e] fo~ .. #", "here")
        self.assertEqual(len(pattern.flat), 4)
        self.assertIn(("a", "c", "d", "e", "fo~", "..", "#"), pattern.flat)

    def test_words_are_cut_as_the_matcher_cuts_them(self):
        self.assertEqual(knowledge.words_of("Can't FIND\u2019s \u00dcber_5.7.1 \u30e1\u30fc\u30eb\u3002x"),
                         ["cant", "finds", "\u00fcber", "5", "7", "1", "\u30e1", "\u30fc", "\u30eb", "x"])

    def test_our_own_rows_explain_themselves(self):
        made = self.compiled(GOOD)
        self.assertIn('S("It is\\nfull.")', made)
        self.assertIn("ACTOR_SENDER_ADMIN, PERMANENT_NO", made)


if __name__ == "__main__":
    unittest.main()
