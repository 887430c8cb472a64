/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Full TLS handshakes against a server on loopback, by threads that each do one after the other:
 *
 *	handshake PORT starttls|direct COUNT THREADS
 *
 * starttls: greeting, EHLO, STARTTLS, handshake, EHLO, QUIT. direct: the handshake alone. No
 * session is resumed and no certificate is checked. One line of JSON.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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

enum { LINE = 4096, THREADS_MOST = 256 };

static struct {
	struct sockaddr_in server;
	bool starttls;
	SSL_CTX *context;
	atomic_long left, finished, broken;
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

static bool hear(int fd, SSL *tls, char first)
{
	char text[LINE];
	size_t len = 0;

	while (len < sizeof text) {
		ssize_t got = tls ? SSL_read(tls, text + len, (int)(sizeof text - len))
				  : read(fd, text + len, sizeof text - len);
		if (got <= 0)
			return false;
		len += (size_t)got;
		if (is_whole(text, len))
			return text[0] == first;
	}
	return false;
}

static bool say(int fd, SSL *tls, const char *words, char first)
{
	size_t len = strlen(words);
	ssize_t put = tls ? SSL_write(tls, words, (int)len) : write(fd, words, len);

	return put == (ssize_t)len && hear(fd, tls, first);
}

static bool converse(int fd, SSL *tls)
{
	if (run.starttls &&
		!(hear(fd, NULL, '2') && say(fd, NULL, "EHLO client.bench.example\r\n", '2') &&
			say(fd, NULL, "STARTTLS\r\n", '2')))
		return false;
	if (SSL_set_fd(tls, fd) != 1 || SSL_connect(tls) != 1)
		return false;
	return !run.starttls || (say(fd, tls, "EHLO client.bench.example\r\n", '2') &&
					say(fd, tls, "QUIT\r\n", '2'));
}

static bool session(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	SSL *tls = SSL_new(run.context);
	bool done = tls && fd >= 0 &&
		    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 &&
		    connect(fd, (const struct sockaddr *)&run.server, sizeof run.server) == 0 &&
		    converse(fd, tls);

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

int main(int count, char **words)
{
	pthread_t threads[THREADS_MOST];
	int wanted = count == 5 ? atoi(words[4]) : 0;

	if (wanted < 1 || wanted > THREADS_MOST) {
		fprintf(stderr, "usage: handshake PORT starttls|direct COUNT THREADS\n");
		return 2;
	}
	run.server = (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(words[1])),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	run.starttls = strcmp(words[2], "starttls") == 0;
	run.left = atol(words[3]);
	run.context = SSL_CTX_new(TLS_client_method());
	if (!run.context)
		return 1;
	double began = seconds();
	for (int i = 0; i < wanted; i++)
		if (pthread_create(&threads[i], NULL, sessions, NULL) != 0)
			return 1;
	for (int i = 0; i < wanted; i++)
		pthread_join(threads[i], NULL);
	double took = seconds() - began;
	printf("{\"finished\": %ld, \"broken\": %ld, \"seconds\": %.3f, \"rate\": %.1f}\n",
		atomic_load(&run.finished), atomic_load(&run.broken), took,
		(double)atomic_load(&run.finished) / took);
	return 0;
}
