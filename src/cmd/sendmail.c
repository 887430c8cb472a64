/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postern-sendmail: what programs of this host call to send mail, by the interface that sendmail(8)
 * has had for forty years. It speaks SMTP to a Unix socket of the daemon, which knows by the kernel
 * whose program it is; it has no rights of its own and is not setuid.
 *
 * Called as mailq or newaliases, or with -bp or -bi, it says what to do instead.
 */
#include <string.h>

#include "cmd/submit.h"

enum mode { DELIVER, SHOW_QUEUE, MAKE_ALIASES, SPEAK_SMTP, ADDRESS_TEST };

struct arguments {
	struct submission submission;
	enum mode mode;
	bool reads_header; /* -t */
};

static int usage(const char *word)
{
	fprintf(stderr,
		"postern-sendmail: %s\n"
		"usage: postern-sendmail [-t] [-i] [-f ADDRESS] [-F NAME] [-N dsn] [-R hdrs|full] "
		"[-V ENVID]\n"
		"                        [--socket PATH] [RECIPIENT…] < message\n",
		word);
	return EX_USAGE;
}

/* ---- options ---- */

/* What is taken and means nothing here: how others queue, log, and read their files. */
static const char ignored_alone[] = "mnvUGse";
static const char ignored_with_value[] = "ABbCdhLLOopqrXx";

static bool takes_value(char option)
{
	return strchr("fFNRVr", option) || strchr(ignored_with_value, option);
}

static enum mode mode_of(const char *value)
{
	switch (value[0]) {
	case 'p': return SHOW_QUEUE;
	case 'i': return MAKE_ALIASES;
	case 's': return SPEAK_SMTP;
	case 'v':
	case 't': return ADDRESS_TEST;
	default: return DELIVER; /* -bm */
	}
}

static bool option_with_value(struct arguments *arguments, char option, const char *value)
{
	struct submission *submission = &arguments->submission;

	switch (option) {
	case 'f':
	case 'r': submission->sender = slice_of(value); return submission->has_sender = true;
	case 'F': submission->full_name = slice_of(value); return true;
	case 'N': submission->notify = slice_of(value); return true;
	case 'R': submission->ret = slice_of(value); return true;
	case 'V': submission->envid = slice_of(value); return true;
	case 'b': arguments->mode = mode_of(value); return true;
	case 'o': submission->dots_are_text |= strcmp(value, "i") == 0; return true;
	default: return true;
	}
}

/* One word like "-oi", "-f", "-fa@b" or "-ti"; 0: wrong, 1: taken, 2: and the next one with it. */
static int option_take(struct arguments *arguments, const char *word, const char *next)
{
	for (const char *c = word + 1; *c; c++) {
		if (takes_value(*c)) {
			const char *value = c[1] ? c + 1 : next;
			bool optional = *c == 'q' || *c == 'b' || *c == 'o';
			if (!value && !optional)
				return 0;
			bool apart = !c[1] && !optional;
			return option_with_value(
				       arguments, *c, value && (c[1] || apart) ? value : "")
				       ? 1 + apart
				       : 0;
		}
		if (*c == 't')
			arguments->reads_header = true;
		else if (*c == 'i')
			arguments->submission.dots_are_text = true;
		else if (!strchr(ignored_alone, *c))
			return 0;
	}
	return 1;
}

static int words_take(struct arguments *arguments, int count, char **words)
{
	struct submission *submission = &arguments->submission;
	bool only_recipients = false;

	for (int i = 1; i < count; i++) {
		const char *word = words[i];
		if (!only_recipients && strcmp(word, "--") == 0) {
			only_recipients = true;
		} else if (!only_recipients && strcmp(word, "--socket") == 0 && i + 1 < count) {
			submission->socket = words[++i];
		} else if (!only_recipients && word[0] == '-' && word[1]) {
			int taken =
				option_take(arguments, word, i + 1 < count ? words[i + 1] : NULL);
			if (!taken)
				return usage(word);
			i += taken - 1;
		} else if (!submission_add_recipients(submission, slice_of(word))) {
			fprintf(stderr, "postern-sendmail: \"%s\" is no address\n", word);
			return EX_DATAERR;
		}
	}
	return EX_OK;
}

/* ---- what there is to do ---- */

static int explain(const char *words)
{
	fprintf(stderr, "postern-sendmail: %s\n", words);
	return EX_OK;
}

static int run(struct arguments *arguments)
{
	struct submission *submission = &arguments->submission;

	switch (arguments->mode) {
	case SHOW_QUEUE: return explain("the queue is shown by `postern queue`");
	case MAKE_ALIASES: return explain("aliases are read when their file changes");
	case ADDRESS_TEST:
		return explain("what would happen is told by `postern trial`") + EX_USAGE;
	case SPEAK_SMTP: return submission_converse(submission);
	case DELIVER: break;
	}
	if (!arguments->reads_header && submission->recipient_count == 0)
		return usage("recipients are wanted, or -t to take them from the header");
	return submission_deliver(submission, arguments->reads_header);
}

static bool is_called(const char *program, const char *name)
{
	const char *slash = strrchr(program, '/');

	return strcmp(slash ? slash + 1 : program, name) == 0;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {.mode = DELIVER};

	submission_begin(&arguments.submission);
	int status = words_take(&arguments, argc, argv);
	if (argc > 0 && is_called(argv[0], "mailq"))
		arguments.mode = SHOW_QUEUE;
	if (argc > 0 && is_called(argv[0], "newaliases"))
		arguments.mode = MAKE_ALIASES;
	if (status == EX_OK)
		status = run(&arguments);
	submission_end(&arguments.submission);
	return status;
}
