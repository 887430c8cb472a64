/* SPDX-License-Identifier: Apache-2.0 */
/* Channels: sockets, queues and descriptors; what a packet holds is channel_packet.c's. The
 * contract is in channel.h. */
#include "run/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/panic.h"
#include "run/channel_packet.h"
#include "run/inside.h"

#define SHORTAGE_PAUSE (20 * NS_PER_MS)

enum {
	BATCH = 8,    /* packets received by one call */
	ROUNDS = 8,   /* such calls in one turn */
	FDS_ROOM = 4, /* so that descriptors too many are seen, and closed */
	DRAIN_PATIENCE_MS = 1000,
};

/* A packet on its way out. */
struct packet {
	struct list link;
	struct writer out;
	int fd;
	bool secret; /* overwritten at its end */
	char bytes[];
};

struct channel {
	struct watch watch;
	struct turn_end sending, receiving; /* what is queued; what one turn left in the socket */
	struct timer shortage;              /* the kernel had no room: tried again */
	struct timer gathering;             /* what is queued waits for more */
	mono_ns patience;                   /* so long; 0: not at all */
	struct channel_user user;
	struct list queue; /* of packets */
	size_t queued;
	bool refused; /* CHANNEL_FULL was said: `drained` is owed */
	bool broken;  /* nothing can be sent any more */
	bool over;    /* `gone` was said */
	bool inside;  /* a function of the user runs */
	bool secret;  /* what is being received is overwritten afterwards */
};

bool channel_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0;
}

size_t channel_queued(const struct channel *channel)
{
	return channel->queued;
}

/* --- sending --- */

/* One whole packet is kept for the next that is begun. */
static void packet_free(struct loop *loop, struct packet *packet)
{
	if (packet->out.size == CHANNEL_PACKET_MAX && !loop->packet)
		loop->packet = packet;
	else
		free(packet);
}

static struct packet *packet_memory(struct loop *loop, size_t size)
{
	struct packet *packet = size == CHANNEL_PACKET_MAX ? loop->packet : NULL;

	if (packet)
		loop->packet = NULL;
	else
		packet = malloc(sizeof *packet + size);
	panic_if(!packet, "no memory for a packet");
	return packet;
}

static void packet_drop(struct channel *channel, struct packet *packet)
{
	channel->queued -= packet->out.len;
	list_remove(&packet->link);
	if (packet->fd >= 0)
		close(packet->fd);
	if (packet->secret)
		explicit_bzero(packet->bytes, packet->out.len);
	packet_free(channel->watch.loop, packet);
}

static void drop_all(struct channel *channel)
{
	LIST_EACH (struct packet, packet, &channel->queue, link)
		packet_drop(channel, packet);
}

/* For one descriptor; aligned as cmsg(3) asks. */
union control {
	char bytes[CMSG_SPACE(FDS_ROOM * sizeof(int))];
	struct cmsghdr head;
};

static bool packet_send(int socket, const struct packet *packet)
{
	union control control = {0};
	struct iovec part = {packet->out.at, packet->out.len};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (packet->fd >= 0) {
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &packet->fd, sizeof(int));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int));
	}
	for (;;) {
		ssize_t n = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0 || errno != EINTR)
			return n >= 0;
	}
}

static bool socket_is_full(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK;
}

/* Of the kernel's, not of this socket: no event tells when it is over. */
static bool is_shortage(int error)
{
	return error == ENOBUFS || error == ENOMEM || error == ETOOMANYREFS;
}

static void shortage_over(struct timer *timer)
{
	struct channel *channel = LIST_OBJECT(struct channel, timer, shortage);

	channel->watch.writable = true;
	loop_at_turn_end(channel->watch.loop, &channel->sending);
}

/* Until the socket takes no more. A broken one is shut down, so that both receiving sides notice: a
 * channel of which one direction is silent would be waited for for ever. */
static void send_queue(struct channel *channel)
{
	timer_clear(&channel->gathering);
	while (!list_is_empty(&channel->queue)) {
		struct packet *packet = LIST_OBJECT(struct packet, channel->queue.next, link);
		if (packet_send(channel->watch.fd, packet)) {
			packet_drop(channel, packet);
			continue;
		}
		if (socket_is_full(errno)) {
			channel->watch.writable = false;
			watch_writing(&channel->watch);
			return;
		}
		if (is_shortage(errno)) {
			channel->watch.writable = false;
			timer_set(&channel->shortage,
				loop_mono(channel->watch.loop) + SHORTAGE_PAUSE);
			return;
		}
		channel->broken = true;
		drop_all(channel);
		shutdown(channel->watch.fd, SHUT_RDWR);
	}
}

static void say_drained(struct channel *channel)
{
	if (!channel->refused || channel->queued > CHANNEL_QUEUE_MAX / 2)
		return;
	channel->refused = false;
	if (channel->user.drained)
		channel->user.drained(channel->user.owner, channel);
}

static struct packet *packet_new(struct channel *channel, size_t size)
{
	struct packet *packet = packet_memory(channel->watch.loop, size);

	packet->fd = -1;
	packet->secret = false;
	packet->out = writer_over(packet->bytes, size);
	list_append(&channel->queue, &packet->link);
	return packet;
}

static struct packet *packet_with_room(struct channel *channel, size_t size)
{
	struct packet *last = LIST_OBJECT(struct packet, channel->queue.before, link);

	if (!list_is_empty(&channel->queue) && last->fd < 0 &&
		last->out.size - last->out.len >= size)
		return last;
	return packet_new(channel, CHANNEL_PACKET_MAX);
}

static void gathered(struct timer *timer)
{
	struct channel *channel = LIST_OBJECT(struct channel, timer, gathering);

	loop_at_turn_end(channel->watch.loop, &channel->sending);
}

static void send_soon(struct channel *channel)
{
	struct loop *loop = channel->watch.loop;

	if (channel->patience == 0 || channel->queued >= CHANNEL_PACKET_MAX)
		loop_at_turn_end(loop, &channel->sending);
	else if (channel->gathering.at == NEVER)
		timer_set(&channel->gathering, loop_mono(loop) + channel->patience);
}

/* `drained` is said after a pause: at once, whoever tries again would spin. Keeps errno. */
static void pause_for_descriptors(struct channel *channel)
{
	int error = errno;

	channel->refused = true;
	timer_set(&channel->shortage, loop_mono(channel->watch.loop) + SHORTAGE_PAUSE);
	loop_is_short(channel->watch.loop, error);
	errno = error;
}

enum sent channel_send(struct channel *channel, uint16_t type, struct slice body, int fd)
{
	size_t size = MESSAGE_HEAD + body.len;
	int copy = -1;

	panic_if(body.len > CHANNEL_BODY_MAX, "a message of %zu bytes", body.len);
	if (channel->broken)
		return CHANNEL_GONE;
	if (channel->queued + size > CHANNEL_QUEUE_MAX) {
		channel->refused = true;
		loop_at_turn_end(channel->watch.loop, &channel->sending);
		return CHANNEL_FULL;
	}
	if (fd >= 0 && (copy = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0) {
		pause_for_descriptors(channel);
		return CHANNEL_FULL;
	}
	struct packet *packet =
		fd >= 0 ? packet_new(channel, size) : packet_with_room(channel, size);
	packet->fd = copy;
	packet_add(&packet->out, type, body);
	channel->queued += size;
	if (channel->watch.writable)
		send_soon(channel);
	return SENT;
}

void channel_set_patience(struct channel *channel, mono_ns patience)
{
	channel->patience = patience;
}

void channel_wipe_sent(struct channel *channel)
{
	if (!list_is_empty(&channel->queue))
		LIST_OBJECT(struct packet, channel->queue.before, link)->secret = true;
}

void channel_wipe_received(struct channel *channel)
{
	channel->secret = true;
}

void channel_drain(struct channel *channel)
{
	for (;;) {
		channel->watch.writable = true;
		send_queue(channel);
		struct pollfd one = {.fd = channel->watch.fd, .events = POLLOUT};
		if (channel->queued == 0 || poll(&one, 1, DRAIN_PATIENCE_MS) <= 0)
			return;
	}
}

/* --- receiving --- */

/* Every descriptor in the message is ours now: all but the first are closed. Gives back the number
 * there were. */
static size_t take_fds(struct msghdr *message, int *first)
{
	size_t count = 0;

	*first = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < here; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (count++ == 0)
				*first = fd;
			else
				close(fd);
		}
	}
	return count;
}

/* False: the other side breaks the rules, or has ended (an empty packet). Where we have no
 * descriptor left, the kernel drops the one that came (MSG_CTRUNC): the message is told with none.
 */
static bool packet_receive(struct channel *channel, struct msghdr *message, struct slice packet)
{
	size_t messages = packet_messages(packet);
	struct reader in = reader_of(packet);
	struct slice body;
	uint16_t type;
	int fd;
	size_t fds = take_fds(message, &fd);

	if (messages == 0 || (message->msg_flags & MSG_TRUNC) || fds > 1 ||
		(fds == 1 && (messages != 1 || (message->msg_flags & MSG_CTRUNC)))) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (packet_next(&in, &type, &body))
		channel->user.receive(channel->user.owner, channel, type, body, fd);
	return true;
}

static char *packet_space(struct loop *loop)
{
	if (!loop->packets)
		loop->packets = malloc(BATCH * CHANNEL_PACKET_MAX);
	panic_if(!loop->packets, "no memory for packets");
	return loop->packets;
}

enum received { RECEIVED_SOME, RECEIVED_ALL, RECEIVED_END };

/* One recvmmsg() fetches a batch and, by being short, says that there is no more. */
static enum received receive_batch(struct channel *channel)
{
	char *space = packet_space(channel->watch.loop);
	union control controls[BATCH];
	struct iovec parts[BATCH];
	struct mmsghdr batch[BATCH] = {0};

	for (size_t i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){space + i * CHANNEL_PACKET_MAX, CHANNEL_PACKET_MAX};
		batch[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i],
			.msg_iovlen = 1,
			.msg_control = &controls[i],
			.msg_controllen = sizeof controls[i]};
	}
	int n = recvmmsg(channel->watch.fd, batch, BATCH, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? RECEIVED_ALL
		       : errno == EINTR                        ? RECEIVED_SOME
							       : RECEIVED_END;
	bool sound = true;
	for (int i = 0; i < n; i++) {
		struct msghdr *message = &batch[i].msg_hdr;
		struct slice packet = {parts[i].iov_base, batch[i].msg_len};
		int fd;
		if (sound)
			sound = packet_receive(channel, message, packet);
		else if (take_fds(message, &fd) != 0)
			close(fd);
	}
	if (channel->secret)
		explicit_bzero(space, BATCH * CHANNEL_PACKET_MAX);
	channel->secret = false;
	return !sound ? RECEIVED_END : n < BATCH ? RECEIVED_ALL : RECEIVED_SOME;
}

static void receive(struct channel *channel)
{
	enum received end = RECEIVED_SOME;

	channel->inside = true;
	for (int round = 0; round < ROUNDS && end == RECEIVED_SOME; round++)
		end = receive_batch(channel);
	channel->inside = false;
	channel->watch.readable = end == RECEIVED_SOME;
	if (end == RECEIVED_SOME)
		loop_at_turn_end(channel->watch.loop, &channel->receiving);
	if (end != RECEIVED_END)
		return;
	channel->broken = channel->over = true;
	drop_all(channel);
	channel->user.gone(channel->user.owner, channel);
}

/* --- opening, closing, and what the loop calls --- */

static void turn_sends(struct turn_end *hook)
{
	struct channel *channel = LIST_OBJECT(struct channel, hook, sending);

	if (channel->watch.writable)
		send_queue(channel);
	say_drained(channel);
}

static void turn_receives(struct turn_end *hook)
{
	receive(LIST_OBJECT(struct channel, hook, receiving));
}

static void watch_ready(struct watch *watch)
{
	struct channel *channel = LIST_OBJECT(struct channel, watch, watch);

	if (watch->writable && !list_is_empty(&channel->queue))
		loop_at_turn_end(watch->loop, &channel->sending);
	if (watch->readable && !channel->over && !list_is_linked(&channel->receiving.link))
		receive(channel);
}

struct channel *channel_open(struct loop *loop, int fd, struct channel_user user)
{
	struct channel *channel = calloc(1, sizeof *channel);

	panic_if(!channel, "no memory for a channel");
	channel->user = user;
	channel->sending.run = turn_sends;
	channel->receiving.run = turn_receives;
	list_init(&channel->queue);
	timer_init(&channel->shortage, loop, shortage_over);
	timer_init(&channel->gathering, loop, gathered);
	watch_init(&channel->watch, loop, fd, watch_ready);
	channel->watch.readable = false; /* it is told, not asked */
	watch_reading(&channel->watch);
	loop->wakers++;
	return channel;
}

static void hook_clear(struct turn_end *hook)
{
	if (list_is_linked(&hook->link))
		list_remove(&hook->link);
}

void channel_close(struct channel *channel)
{
	if (!channel)
		return;
	panic_if(channel->inside, "channel closed while it receives");
	if (channel->gathering.at != NEVER)
		send_queue(channel);
	hook_clear(&channel->sending);
	hook_clear(&channel->receiving);
	timer_clear(&channel->shortage);
	drop_all(channel);
	watch_end(&channel->watch);
	close(channel->watch.fd);
	channel->watch.loop->wakers--;
	free(channel);
}
