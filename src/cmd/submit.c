/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the daemon for programs of this host. Read submit.h first; what is read from standard
 * input is in submit_message.c. */
#include "cmd/submit.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/submit_inside.h"
#include "wire/address_list.h"

enum { PATIENCE_S = 300, PATH_MOST = 100 };

/* ---- what is to be sent ---- */

void submission_begin(struct submission *submission)
{
	const char *socket = getenv("POSTERN_SENDMAIL_SOCKET");

	*submission = (struct submission){
		.arena = arena_new(), .socket = socket && *socket ? socket : SENDMAIL_SOCKET};
	submission->recipients =
		ARENA_ARRAY(submission->arena, struct slice, SUBMIT_RECIPIENTS_MAX);
}

void submission_end(struct submission *submission)
{
	arena_free(submission->arena);
}

static bool could_be_local(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alnum(s.at[i]) && !slice_has(SLICE("._+-#="), s.at[i]))
			return false;
	return s.len > 0 && s.at[0] != '.' && s.at[0] != '-';
}

bool submission_add_recipients(struct submission *submission, struct slice list)
{
	struct slice address;
	struct mailbox mailbox;

	while (address_list_next(&list, submission->arena, &address)) {
		bool good = could_be_local(address) ||
			    mailbox_parse(address, submission->arena, &mailbox) == MAILBOX_OK;
		if (!good || submission->recipient_count == SUBMIT_RECIPIENTS_MAX)
			return false;
		submission->recipients[submission->recipient_count++] =
			could_be_local(address) ? address : mailbox.text;
	}
	return true;
}

/* ---- the daemon ---- */

static int complain(int status, const char *what, struct slice words)
{
	struct text text = TEXT_GROWING;

	text_escaped(&text, words);
	fprintf(stderr, "postern-sendmail: %s%.*s\n", what, (int)text.len, text.at ? text.at : "");
	text_free(&text);
	return status;
}

static int is_away(const struct submission *submission)
{
	fprintf(stderr,
		"postern-sendmail: the mail server cannot be reached at %s (%s); nothing was sent, "
		"try again later\n",
		submission->socket, strerror(errno));
	return EX_TEMPFAIL;
}

static int server_open(const struct submission *submission, int *fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = PATIENCE_S};

	if (strlen(submission->socket) >= sizeof address.sun_path)
		return complain(EX_CONFIG, "too long for a socket: ", slice_of(submission->socket));
	strcpy(address.sun_path, submission->socket);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0 || connect(*fd, (struct sockaddr *)&address, sizeof address) != 0)
		return is_away(submission);
	if (setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
		setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0)
		return is_away(submission);
	return EX_OK;
}

/* A whole reply; false: the connection is gone. */
static bool reply_hear(struct dialogue *dialogue)
{
	char *line;

	do {
		line = fgets(dialogue->reply, sizeof dialogue->reply, dialogue->in);
		if (!line || strlen(line) < 4)
			return false;
		line[strcspn(line, "\r\n")] = '\0';
	} while (line[3] == '-');
	return true;
}

bool dialogue_put(struct dialogue *dialogue, struct slice bytes)
{
	size_t sent = 0;

	while (sent < bytes.len) {
		ssize_t n = send(dialogue->fd, bytes.at + sent, bytes.len - sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		sent += (size_t)n;
	}
	return true;
}

static bool say(struct dialogue *dialogue, struct slice line)
{
	struct text text = TEXT_GROWING;

	text_put(&text, line);
	text_put(&text, SLICE("\r\n"));
	bool heard = dialogue_put(dialogue, text_slice(&text)) && reply_hear(dialogue);
	text_free(&text);
	return heard;
}

/* ---- what its replies mean (sysexits.h) ---- */

static int status_of(const char *reply)
{
	static const struct {
		const char *start;
		int status;
	} rows[] = {
		{"2", EX_OK},
		{"3", EX_OK},
		{"4", EX_TEMPFAIL}, /* 421 too */
		{"550 5.1.1", EX_NOUSER},
		{"550 5.1.", EX_NOHOST},
		{"550 5.7.", EX_NOPERM},
		{"554 5.7.", EX_NOPERM},
		{"530", EX_NOPERM},
		{"501", EX_DATAERR},
		{"553", EX_DATAERR},
		{"550 5.6.", EX_DATAERR},
		{"554 5.6.", EX_DATAERR},
		{"552", EX_DATAERR},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strncmp(reply, rows[i].start, strlen(rows[i].start)) == 0)
			return rows[i].status;
	return EX_UNAVAILABLE;
}

static int judge(const struct dialogue *dialogue, const char *about)
{
	int status = status_of(dialogue->reply);

	return status == EX_OK ? EX_OK : complain(status, about, slice_of(dialogue->reply));
}

static int is_lost(void)
{
	return complain(
		EX_TEMPFAIL, "the mail server ended the connection; try again later", SLICE_NONE);
}

static int command(struct dialogue *dialogue, struct slice line, const char *about)
{
	return say(dialogue, line) ? judge(dialogue, about) : is_lost();
}

/* ---- the envelope ---- */

static struct slice user_name(struct arena *arena)
{
	const struct passwd *entry = getpwuid(getuid());

	return entry ? arena_slice(arena, slice_of(entry->pw_name))
		     : arena_format(arena, "#%u", (unsigned)getuid());
}

/* root is root at this host. */
static struct slice whole(const struct dialogue *dialogue, struct slice address)
{
	if (!address.len || slice_has(address, '@'))
		return address;
	return arena_format(dialogue->submission->arena, "%.*s@%.*s", SLICE_ARGS(address),
		SLICE_ARGS(dialogue->hostname));
}

static int sender_find(struct dialogue *dialogue)
{
	struct submission *submission = dialogue->submission;
	struct mailbox mailbox;
	struct slice given = submission->has_sender ? submission->sender : SLICE_NONE, left = given;

	if (!submission->has_sender)
		given = user_name(submission->arena);
	else if (address_list_next(&left, submission->arena, &given) == false)
		given = SLICE_NONE; /* -f "" or -f "<>": the null sender */
	dialogue->sender = whole(dialogue, given);
	if (!given.len ||
		mailbox_parse(dialogue->sender, submission->arena, &mailbox) == MAILBOX_OK)
		return EX_OK;
	return complain(EX_DATAERR, "the sender is no address: ", given);
}

static bool needs_utf8(const struct dialogue *dialogue)
{
	const struct submission *submission = dialogue->submission;
	bool needs = !utf8_is_ascii(dialogue->sender);

	for (size_t i = 0; i < submission->recipient_count; i++)
		needs |= !utf8_is_ascii(submission->recipients[i]);
	return needs;
}

static bool is_parameter(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] <= ' ' || s.at[i] > '~')
			return false;
	return s.len > 0;
}

static struct slice parameter(struct arena *arena, const char *name, struct slice value)
{
	return is_parameter(value) ? arena_format(arena, " %s=%.*s", name, SLICE_ARGS(value))
				   : SLICE_NONE;
}

static int say_sender(struct dialogue *dialogue)
{
	const struct submission *submission = dialogue->submission;
	struct arena *arena = submission->arena;

	return command(dialogue,
		arena_format(arena, "MAIL FROM:<%.*s> BODY=8BITMIME%s%.*s%.*s",
			SLICE_ARGS(dialogue->sender), needs_utf8(dialogue) ? " SMTPUTF8" : "",
			SLICE_ARGS(parameter(arena, "RET", submission->ret)),
			SLICE_ARGS(parameter(arena, "ENVID", submission->envid))),
		"the sender is refused: ");
}

/* Who is refused for good does not keep the mail from the others; where somebody is to be tried
 * again later, nobody gets it now, or the others would get it twice. */
static int say_recipients(struct dialogue *dialogue, int *worst)
{
	const struct submission *submission = dialogue->submission;
	struct arena *arena = submission->arena;
	size_t taken = 0;

	for (size_t i = 0; i < submission->recipient_count; i++) {
		struct slice address = whole(dialogue, submission->recipients[i]);
		struct slice line = arena_format(arena, "RCPT TO:<%.*s>%.*s", SLICE_ARGS(address),
			SLICE_ARGS(parameter(arena, "NOTIFY", submission->notify)));
		int status = command(dialogue, line,
			arena_string(arena, arena_format(arena, "%.*s: ", SLICE_ARGS(address))));
		if (status == EX_TEMPFAIL)
			return status;
		taken += status == EX_OK;
		*worst = *worst == EX_OK ? status : *worst;
	}
	return taken ? EX_OK : *worst;
}

/* ---- a message ---- */

static int greeting_hear(struct dialogue *dialogue)
{
	if (!reply_hear(dialogue))
		return is_lost();
	int status = judge(dialogue, "the mail server says: ");
	if (status != EX_OK)
		return status;
	struct slice words = slice_from(slice_of(dialogue->reply), 4);
	dialogue->hostname = arena_slice(dialogue->submission->arena, slice_cut(&words, ' '));
	return command(dialogue, SLICE("EHLO localhost"), "the mail server says: ");
}

static int message_send(struct dialogue *dialogue, int *worst)
{
	int status = sender_find(dialogue);

	if (status == EX_OK)
		status = say_sender(dialogue);
	if (status == EX_OK)
		status = say_recipients(dialogue, worst);
	if (status == EX_OK)
		status = command(dialogue, SLICE("DATA"), "the mail server says: ");
	if (status != EX_OK)
		return status;
	if (!message_put(dialogue) || !reply_hear(dialogue))
		return is_lost();
	return judge(dialogue, "the message is refused: ");
}

static int dialogue_hold(struct dialogue *dialogue)
{
	int worst = EX_OK, status = server_open(dialogue->submission, &dialogue->fd);

	if (status != EX_OK)
		return status;
	dialogue->in = fdopen(dup(dialogue->fd), "r");
	if (!dialogue->in)
		return complain(EX_OSERR, strerror(errno), SLICE_NONE);
	status = greeting_hear(dialogue);
	if (status == EX_OK)
		status = message_send(dialogue, &worst);
	(void)dialogue_put(dialogue, SLICE("QUIT\r\n"));
	fclose(dialogue->in);
	return status == EX_OK ? worst : status;
}

int submission_deliver(struct submission *submission, bool from_header)
{
	struct dialogue dialogue = {.submission = submission, .fd = -1};
	int status = message_read_header(&dialogue, from_header);

	if (status == EX_OK && submission->recipient_count == 0)
		status = complain(EX_DATAERR, "the message names no recipient", SLICE_NONE);
	if (status == EX_OK)
		status = dialogue_hold(&dialogue);
	if (dialogue.fd >= 0)
		close(dialogue.fd);
	text_free(&dialogue.header);
	return status;
}

/* ---- -bs ---- */

/* What one side says goes to the other; false: it has said all. */
static bool pass_on(int from, int to)
{
	char buffer[4096];
	ssize_t got = read(from, buffer, sizeof buffer);

	for (ssize_t sent = 0; got > 0 && sent < got;) {
		ssize_t n = write(to, buffer + sent, (size_t)(got - sent));
		if (n <= 0)
			return false;
		sent += n;
	}
	return got > 0;
}

int submission_converse(struct submission *submission)
{
	int fd, status = server_open(submission, &fd);

	while (status == EX_OK) {
		struct pollfd sides[] = {{STDIN_FILENO, POLLIN, 0}, {fd, POLLIN, 0}};
		if (poll(sides, 2, -1) < 0)
			continue;
		if (sides[1].revents && !pass_on(fd, STDOUT_FILENO))
			break;
		if (sides[0].revents && !pass_on(STDIN_FILENO, fd)) {
			while (pass_on(fd, STDOUT_FILENO))
				;
			break;
		}
	}
	return status;
}
