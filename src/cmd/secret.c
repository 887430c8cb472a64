/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets read without showing them. The contract is in secret.h. */
#include "cmd/secret.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* One line without its end; false at the end of the input, or where it is too long. */
static bool line_read(FILE *from, char secret[SECRET_MAX])
{
	if (!fgets(secret, SECRET_MAX, from)) {
		fputs("postern: no password was given\n", stderr);
		return false;
	}
	size_t len = strcspn(secret, "\r\n");
	if (secret[len] == '\0' && !feof(from)) {
		fprintf(stderr, "postern: a password has at most %d octets\n", SECRET_MAX - 2);
		return false;
	}
	secret[len] = '\0';
	return true;
}

/* Signals that would leave the terminal without echo wait until it has it again. */
static bool line_ask(FILE *terminal, const char *what, char secret[SECRET_MAX])
{
	struct termios shown, hidden;
	sigset_t all, before;

	if (tcgetattr(fileno(terminal), &shown) < 0) {
		fputs("postern: the terminal cannot be asked without echo\n", stderr);
		return false;
	}
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	sigemptyset(&all);
	sigaddset(&all, SIGINT);
	sigaddset(&all, SIGTSTP);
	sigaddset(&all, SIGTERM);
	sigprocmask(SIG_BLOCK, &all, &before);
	tcsetattr(fileno(terminal), TCSAFLUSH, &hidden); /* drops what was typed too early */
	fprintf(terminal, "%s: ", what);
	fflush(terminal);
	bool good = line_read(terminal, secret);
	tcsetattr(fileno(terminal), TCSAFLUSH, &shown);
	fputc('\n', terminal);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return good;
}

static bool ask(FILE *terminal, const char *what, bool twice, char secret[SECRET_MAX])
{
	char again[SECRET_MAX];

	if (!line_ask(terminal, what, secret))
		return false;
	if (!twice)
		return true;
	bool same = line_ask(terminal, "The same again", again) && strcmp(secret, again) == 0;
	explicit_bzero(again, sizeof again);
	if (!same)
		fputs("postern: the two are not the same; nothing was changed\n", stderr);
	return same;
}

bool secret_read(const char *what, bool twice, char secret[SECRET_MAX])
{
	FILE *terminal = isatty(STDIN_FILENO) ? fopen("/dev/tty", "r+") : NULL;

	if (!terminal)
		return line_read(stdin, secret);
	setvbuf(terminal, NULL, _IONBF, 0);
	bool good = ask(terminal, what, twice, secret);
	fclose(terminal);
	return good;
}
