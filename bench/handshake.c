/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Full TLS handshakes against a server on loopback, by threads that each do one after the other:
 *
 *	handshake PORT starttls|direct|guess COUNT THREADS [RATE [ADDRESSES]]
 *
 * starttls: greeting, EHLO, STARTTLS, handshake, EHLO, QUIT. direct: the handshake alone. guess:
 * handshake, greeting, EHLO, two wrong sign-ins, each session for an account of its own and from an
 * address of its own, or by turns from ADDRESSES of them; who is sent away before a handshake is
 * `turned_away`. RATE: so many sessions a second at most. No session is resumed and no certificate
 * is checked. One line of JSON.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 4096, THREADS_MOST = 256, GUESSES = 2 };
enum kind { STARTTLS, DIRECT, GUESS, KINDS };

static struct {
	struct sockaddr_in server;
	enum kind kind;
	SSL_CTX *context;
	double began, rate; /* s; sessions a second, 0: as fast as may be */
	long addresses;     /* 0: each session has its own */
	atomic_long left, begun, finished, broken, turned_away;
	atomic_long wrong, later; /* 535; 4xx, without a test of the password perhaps */
} run;

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A reply of several lines ends with the one that has a blank behind its code. */
static bool is_whole(const char *text, size_t len)
{
	const char *line = text;

	if (len < 5 || text[len - 1] != '\n')
		return false;
	for (const char *end; (end = memchr(line, '\n', (size_t)(text + len - line)));
		line = end + 1)
		if (end == text + len - 1)
			return line[3] == ' ';
	return false;
}

/* The first octet of the reply, '\0' where none came. */
static char hear_any(int fd, SSL *tls)
{
	char text[LINE];
	size_t len = 0;

	while (len < sizeof text) {
		ssize_t got = tls ? SSL_read(tls, text + len, (int)(sizeof text - len))
				  : read(fd, text + len, sizeof text - len);
		if (got <= 0)
			return '\0';
		len += (size_t)got;
		if (is_whole(text, len))
			return text[0];
	}
	return '\0';
}

static bool hear(int fd, SSL *tls, char first)
{
	return hear_any(fd, tls) == first;
}

static bool say(int fd, SSL *tls, const char *words, char first)
{
	size_t len = strlen(words);
	ssize_t put = tls ? SSL_write(tls, words, (int)len) : write(fd, words, len);

	return put == (ssize_t)len && hear(fd, tls, first);
}

static bool guess(SSL *tls, long number)
{
	char plain[64], words[200] = "AUTH PLAIN ";
	int len = snprintf(plain, sizeof plain, "%cuser%ld@example.org%cwrong", 0, number, 0);

	if (!hear(-1, tls, '2') || !say(-1, tls, "EHLO client.bench.example\r\n", '2'))
		return false;
	EVP_EncodeBlock((unsigned char *)words + 11, (unsigned char *)plain, len);
	strcat(words, "\r\n");
	for (int i = 0; i < GUESSES; i++) {
		if (SSL_write(tls, words, (int)strlen(words)) <= 0)
			return false;
		char first = hear_any(-1, tls);
		if (first != '4' && first != '5')
			return false;
		atomic_fetch_add(first == '5' ? &run.wrong : &run.later, 1);
	}
	return true;
}

static bool converse(int fd, SSL *tls, long number)
{
	if (run.kind == STARTTLS &&
		!(hear(fd, NULL, '2') && say(fd, NULL, "EHLO client.bench.example\r\n", '2') &&
			say(fd, NULL, "STARTTLS\r\n", '2')))
		return false;
	if (SSL_set_fd(tls, fd) != 1 || SSL_connect(tls) != 1) {
		atomic_fetch_add(&run.turned_away, run.kind == GUESS);
		return run.kind == GUESS;
	}
	if (run.kind == GUESS)
		return guess(tls, number);
	return run.kind == DIRECT || (say(fd, tls, "EHLO client.bench.example\r\n", '2') &&
					     say(fd, tls, "QUIT\r\n", '2'));
}

/* One address in each of 32,768 networks /24, then the next in each. */
static bool come_from(int fd, long number)
{
	struct sockaddr_in source = {.sin_family = AF_INET};
	uint32_t which = (uint32_t)(run.addresses ? number % run.addresses : number);
	uint32_t network = which % 32768, host = which / 32768 % 250 + 1;

	source.sin_addr.s_addr = htonl(UINT32_C(127) << 24 | (network + 16384) << 8 | host);
	return bind(fd, (const struct sockaddr *)&source, sizeof source) == 0;
}

static void await_turn(long number)
{
	double left = run.began + (double)number / run.rate - seconds();

	if (left > 0)
		usleep((useconds_t)(left * 1e6));
}

static bool session(void)
{
	long number = atomic_fetch_add(&run.begun, 1);
	if (run.rate > 0)
		await_turn(number);
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	SSL *tls = SSL_new(run.context);
	bool done = tls && fd >= 0 &&
		    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 &&
		    (run.kind != GUESS || come_from(fd, number)) &&
		    connect(fd, (const struct sockaddr *)&run.server, sizeof run.server) == 0 &&
		    converse(fd, tls, number);

	SSL_free(tls);
	if (fd >= 0)
		close(fd);
	return done;
}

static void *sessions(void *none)
{
	(void)none;
	while (atomic_fetch_sub(&run.left, 1) > 0)
		atomic_fetch_add(session() ? &run.finished : &run.broken, 1);
	return NULL;
}

static enum kind kind_of(const char *word)
{
	static const char *const names[] = {"starttls", "direct", "guess"};
	int kind = 0;

	while (kind < KINDS && strcmp(word, names[kind]) != 0)
		kind++;
	return (enum kind)kind;
}

int main(int count, char **words)
{
	pthread_t threads[THREADS_MOST];
	int wanted = count >= 5 && count <= 7 ? atoi(words[4]) : 0;

	run.kind = wanted ? kind_of(words[2]) : KINDS;
	if (run.kind == KINDS || wanted < 1 || wanted > THREADS_MOST) {
		fprintf(stderr, "usage: handshake PORT starttls|direct|guess COUNT THREADS "
				"[RATE [ADDRESSES]]\n");
		return 2;
	}
	run.rate = count > 5 ? atof(words[5]) : 0;
	run.addresses = count > 6 ? atol(words[6]) : 0;
	run.server = (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(words[1])),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	run.left = atol(words[3]);
	run.context = SSL_CTX_new(TLS_client_method());
	if (!run.context)
		return 1;
	run.began = seconds();
	for (int i = 0; i < wanted; i++)
		if (pthread_create(&threads[i], NULL, sessions, NULL) != 0)
			return 1;
	for (int i = 0; i < wanted; i++)
		pthread_join(threads[i], NULL);
	double took = seconds() - run.began;
	printf("{\"finished\": %ld, \"broken\": %ld, \"seconds\": %.3f, \"rate\": %.1f, "
	       "\"wrong\": %ld, \"later\": %ld, \"turned_away\": %ld}\n",
		atomic_load(&run.finished), atomic_load(&run.broken), took,
		(double)atomic_load(&run.finished) / took, atomic_load(&run.wrong),
		atomic_load(&run.later), atomic_load(&run.turned_away));
	return 0;
}
