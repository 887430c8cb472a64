/* SPDX-License-Identifier: Apache-2.0 */
/* libunbound behind our loop. The contract is in lookup.h. */
#include "dns/lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>
#include <unistd.h>

#include "base/panic.h"
#include "dns/rdata.h"
#include "dns/unbound_library.h"

#define PATIENCE (20 * NS_PER_S)
#define ROOT_KEY "/usr/share/dns/root.key" /* Debian's dns-root-data */

enum { CLASS_IN = 1, RCODE_NOERROR = 0, RCODE_NXDOMAIN = 3, SERVER_TEXT_MAX = 80 };

struct lookups {
	struct loop *loop;
	struct ub_ctx *context;
	struct io *pipe; /* a duplicate of libunbound's descriptor */
	struct task *collector;
	struct list running;
	size_t count;
	bool validating, closing;
	struct lookup_buffers buffers;
};

/* ---- results ---- */

static const char *rcode_text(int rcode)
{
	static const char *const names[] = {
		"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};

	return rcode >= 0 && (size_t)rcode < sizeof names / sizeof *names ? names[rcode]
									  : "an error";
}

static void records_put(const struct ub_result *result, enum dns_type type,
	struct lookup_buffers *buffers, struct resolve_answer *answer)
{
	struct writer out = writer_over(buffers->records, sizeof buffers->records);
	struct text scratch = TEXT_FIXED(buffers->scratch);

	for (size_t i = 0; result->data[i]; i++) {
		struct slice rdata = {result->data[i], (size_t)result->len[i]};
		struct resolve_record record;
		size_t before = out.len;
		enum rdata normal = rdata_normalise(type, rdata, &scratch, &record);

		answer->cut |= normal == RDATA_TOO_LONG;
		if (normal != RDATA_OK)
			continue;
		resolve_record_write(&out, &record);
		if (out.bad) {
			out.len = before;
			answer->cut = true;
			break;
		}
		answer->count++;
	}
	answer->records = writer_slice(&out);
}

static void cannot_tell(
	struct resolve_answer *answer, struct lookup_buffers *buffers, const char *words)
{
	struct text why = TEXT_FIXED(buffers->why);

	text_escaped(&why, slice_of(words));
	*answer = (struct resolve_answer){.outcome = DNS_CANNOT_TELL, .why = text_slice(&why)};
}

void answer_of_result(const struct ub_result *result, enum dns_type type,
	struct lookup_buffers *buffers, struct resolve_answer *answer)
{
	*answer = (struct resolve_answer){
		.secure = result->secure != 0, .ttl = result->ttl > 0 ? (uint32_t)result->ttl : 0};

	if (result->bogus) {
		/* RFC 4035 5.5: what fails validation is as good as SERVFAIL. */
		cannot_tell(answer, buffers,
			result->why_bogus ? result->why_bogus : "the DNSSEC signatures are wrong");
	} else if (result->havedata) {
		records_put(result, type, buffers, answer);
		if (answer->count == 0)
			cannot_tell(answer, buffers, "every record of the answer is malformed");
	} else if (result->nxdomain || result->rcode == RCODE_NXDOMAIN) {
		answer->outcome = DNS_NO_NAME;
	} else if (result->rcode == RCODE_NOERROR) {
		answer->outcome = DNS_NO_DATA;
	} else {
		cannot_tell(answer, buffers, rcode_text(result->rcode));
	}
}

/* ---- one lookup ---- */

static void lookup_end(struct lookup *lookup, const struct resolve_answer *answer)
{
	timer_clear(&lookup->patience);
	if (list_is_linked(&lookup->link)) {
		list_remove(&lookup->link);
		lookup->of->count--;
	}
	lookup->done(lookup, answer);
}

static void lookup_fail(struct lookup *lookup, const char *words)
{
	struct resolve_answer answer;

	cannot_tell(&answer, &lookup->of->buffers, words);
	lookup_end(lookup, &answer);
}

/* libunbound's own retries may take minutes: the askers were promised 20 s. */
static void lookup_overdue(struct timer *timer)
{
	struct lookup *lookup = LIST_OBJECT(struct lookup, timer, patience);

	ub_cancel(lookup->of->context, lookup->async_id);
	lookup_fail(lookup, "the name servers did not answer within 20 s");
}

static void lookup_found(void *arg, int error, struct ub_result *result)
{
	struct lookup *lookup = arg;
	struct resolve_answer answer;

	if (error || !result) {
		lookup_fail(lookup, ub_strerror(error));
	} else {
		answer_of_result(result, lookup->type, &lookup->of->buffers, &answer);
		lookup_end(lookup, &answer);
	}
	ub_resolve_free(result);
}

void lookup_start(
	struct lookups *lookups, struct lookup *lookup, enum dns_type type, struct slice name)
{
	char text[DNS_NAME_MAX + 2];

	lookup->of = lookups;
	lookup->type = type;
	lookup->link = (struct list){0};
	timer_init(&lookup->patience, lookups->loop, lookup_overdue);
	if (name.len == 0 || name.len >= sizeof text || slice_has(name, '\0')) {
		lookup_end(lookup, &(struct resolve_answer){.outcome = DNS_NO_NAME});
		return;
	}
	if (lookups->count >= LOOKUPS_MAX) {
		lookup_fail(lookup, "the resolver has too many questions at work");
		return;
	}
	memcpy(text, name.at, name.len);
	text[name.len] = '\0';
	list_append(&lookups->running, &lookup->link);
	lookups->count++;
	timer_set(&lookup->patience, loop_mono(lookups->loop) + PATIENCE);
	int error = ub_resolve_async(lookups->context, text, (int)type, CLASS_IN, lookup,
		lookup_found, &lookup->async_id);
	if (error)
		lookup_fail(lookup, ub_strerror(error));
}

/* ---- the context ---- */

static bool context_set(struct ub_ctx *context, const char *option, const char *value)
{
	return ub_ctx_set_option(context, option, value) == 0;
}

/* A name server named by the administrator decides what it knows: names that libunbound would
 * answer itself (private reverse zones, .test) are asked there, and so is one on this host. */
static bool context_unblock(struct ub_ctx *context)
{
	return context_set(context, "do-not-query-localhost:", "no") &&
	       context_set(context, "unblock-lan-zones:", "yes") &&
	       context_set(context, "insecure-lan-zones:", "yes") &&
	       context_set(context, "domain-insecure:", "test.");
}

/* "127.0.0.1@5353". *local: every server is on this host. */
static bool forwarder_add(
	struct ub_ctx *context, struct slice server, bool *local, struct text *why)
{
	char text[SERVER_TEXT_MAX];
	struct slice host = server;
	struct slice address_text = slice_cut(&host, '@');
	struct address address;
	bool good = server.len < sizeof text && address_parse(address_text, &address);

	if (good) {
		memcpy(text, server.at, server.len);
		text[server.len] = '\0';
		good = ub_ctx_set_fwd(context, text) == 0;
	}
	if (!good) {
		text_put(why, SLICE("resolver: "));
		text_escaped(why, server);
		text_put(why, SLICE(" is no name server: write an address, with @PORT behind it "
				    "where the port is not 53"));
		return false;
	}
	*local &= address_is_loopback(&address);
	return true;
}

static bool forwarders_set(
	struct ub_ctx *context, struct slice servers, bool *local, struct text *why)
{
	bool any = false;

	*local = true;
	while (servers.len) {
		struct slice server = slice_cut(&servers, ' ');
		if (server.len && !forwarder_add(context, server, local, why))
			return false;
		any |= server.len > 0;
	}
	*local &= any;
	/* Without a readable resolv.conf libunbound asks the root servers itself. */
	if (!any)
		ub_ctx_resolvconf(context, NULL);
	return true;
}

static bool anchor_set(struct lookups *lookups, bool local)
{
	if (access(ROOT_KEY, R_OK) != 0)
		return true;
	lookups->validating = ub_ctx_add_ta_file(lookups->context, ROOT_KEY) == 0;
	/* A plain name server on this very host may have no signatures to give. Nobody on a network
	 * can strip them on that way, so their absence makes an answer insecure, not bogus. */
	return !local || context_set(lookups->context, "harden-dnssec-stripped:", "no");
}

/* libunbound answers for this host's own addresses itself; who names a name server is told what
 * that one says. */
static bool own_zones_remove(struct ub_ctx *context)
{
	return ub_ctx_zone_remove(context, "127.in-addr.arpa.") == 0 &&
	       ub_ctx_zone_remove(context, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
					   "0.0.0.0.0.ip6.arpa.") == 0;
}

static bool context_configure(struct lookups *lookups, struct slice servers, struct text *why)
{
	bool local = false;

	if (!unbound_library_load(why))
		return false;
	lookups->context = ub_ctx_create();
	if (!lookups->context) {
		text_put(why, SLICE("libunbound could not be started"));
		return false;
	}
	ub_ctx_debugout(lookups->context, NULL);
	if (!forwarders_set(lookups->context, servers, &local, why))
		return false;
	if (context_unblock(lookups->context) && anchor_set(lookups, local) &&
		ub_ctx_async(lookups->context, 1) == 0 &&
		(servers.len == 0 || own_zones_remove(lookups->context)) &&
		ub_ctx_zone_remove(lookups->context, "test.") == 0) /* settles the rest: last */
		return true;
	text_put(why, SLICE("libunbound does not take one of our settings"));
	return false;
}

/* ---- life ---- */

static void lookups_free(struct lookups *lookups)
{
	io_close(lookups->pipe);
	if (lookups->context)
		ub_ctx_delete(lookups->context);
	free(lookups);
}

static void lookups_collect(struct task *task, void *arg)
{
	struct lookups *lookups = arg;

	lookups->collector = task;
	while (!lookups->closing && io_wait_readable(task, lookups->pipe) == IO_DONE) {
		if (!lookups->closing)
			ub_process(lookups->context);
		io_drained(lookups->pipe);
	}
	panic_if(!lookups->closing, "libunbound's pipe ended");
	lookups_free(lookups);
}

struct lookups *lookups_open(struct loop *loop, struct slice servers, struct text *why)
{
	struct lookups *lookups = calloc(1, sizeof *lookups);

	panic_if(!lookups, "out of memory");
	lookups->loop = loop;
	list_init(&lookups->running);
	if (!context_configure(lookups, servers, why)) {
		lookups_free(lookups);
		return NULL;
	}
	int fd = dup(ub_fd(lookups->context));
	lookups->pipe = fd < 0 ? NULL : io_open(loop, fd);
	if (!lookups->pipe || !task_start(loop, "lookups", lookups_collect, lookups)) {
		text_put(why, SLICE("the resolver has no descriptor or no memory left"));
		lookups_free(lookups);
		return NULL;
	}
	return lookups;
}

void lookups_close(struct lookups *lookups)
{
	if (!lookups)
		return;
	lookups->closing = true;
	LIST_EACH (struct lookup, lookup, &lookups->running, link) {
		ub_cancel(lookups->context, lookup->async_id);
		lookup_fail(lookup, "the resolver was given other name servers; ask again");
	}
	if (lookups->collector)
		task_cancel(lookups->collector);
}

bool lookups_validate(const struct lookups *lookups)
{
	return lookups->validating;
}

size_t lookups_running(const struct lookups *lookups)
{
	return lookups->count;
}
