/* SPDX-License-Identifier: Apache-2.0 */
/* DNS lists. The contract is in list.h. */
#include "dns/list.h"

#include <string.h>

#include "dns/rdata.h"
#include "dns/reverse.h"

enum { LIST_NAME_MAX = 512 };

/* ---- one question ---- */

static bool is_refusal(const struct address *address)
{
	return address->bytes[13] == 255 && address->bytes[14] == 255;
}

static bool is_list_address(const struct address *address)
{
	return address->is_v4 && address->bytes[12] == 127;
}

static struct slice address_words(
	const struct address *address, struct slice name, struct slice words, struct arena *arena)
{
	char room[64];
	struct text text = TEXT_FIXED(room);

	text_address(&text, address);
	return arena_format(arena, "%.*s is %.*s: %.*s", SLICE_ARGS(name),
		SLICE_ARGS(text_slice(&text)), SLICE_ARGS(words));
}

static void cannot_tell(struct list_answer *answer, struct slice because)
{
	*answer = (struct list_answer){.verdict = LIST_CANNOT_TELL, .because = because};
}

/* One bad address spoils the answer. */
static void judge_addresses(const struct dns_answer *found, struct slice name, struct arena *arena,
	struct list_answer *answer)
{
	struct address *addresses = ARENA_ARRAY(arena, struct address, found->count);

	for (size_t i = 0; i < found->count; i++) {
		const struct address *address = &found->records[i].address;
		addresses[i] = *address;
		if (!is_list_address(address))
			cannot_tell(answer,
				address_words(address, name, SLICE("no answer of a list"), arena));
		else if (is_refusal(address))
			cannot_tell(answer, address_words(address, name,
						    SLICE("it refuses our questions"), arena));
		else
			continue;
		return;
	}
	*answer = (struct list_answer){.verdict = LIST_HAS,
		.addresses = addresses,
		.count = found->count,
		.because = name};
}

static void judge(const struct dns_answer *found, struct slice name, struct arena *arena,
	struct list_answer *answer)
{
	switch (found->outcome) {
	case DNS_FOUND: judge_addresses(found, name, arena, answer); break;
	case DNS_NO_DATA:
	case DNS_NO_NAME:
		*answer = (struct list_answer){.verdict = LIST_HAS_NOT, .because = name};
		break;
	case DNS_CANNOT_TELL:
		cannot_tell(answer, arena_format(arena, "%.*s: %.*s", SLICE_ARGS(name),
					    SLICE_ARGS(found->why)));
		break;
	}
}

static enum wait ask(struct task *task, struct dns *dns, const struct text *name,
	struct arena *arena, struct list_answer *answer)
{
	struct slice asked = arena_slice(arena, text_slice(name));
	struct dns_answer found;

	if (name->cut || asked.len > DNS_NAME_MAX) { /* no list can have it */
		*answer = (struct list_answer){
			.verdict = LIST_HAS_NOT, .because = SLICE("the name is too long for DNS")};
		return WAIT_READY;
	}
	switch (dns_ask(task, dns, DNS_A, asked, arena, &found)) {
	case WAIT_READY: judge(&found, asked, arena, answer); return WAIT_READY;
	case WAIT_DEADLINE:
		cannot_tell(
			answer, arena_format(arena, "%.*s: no answer in time", SLICE_ARGS(asked)));
		return WAIT_READY;
	case WAIT_CANCELLED: break;
	}
	return WAIT_CANCELLED;
}

enum wait list_ask_address(struct task *task, struct dns *dns, struct slice zone,
	const struct address *address, struct arena *arena, struct list_answer *answer)
{
	char room[LIST_NAME_MAX];
	struct text name = TEXT_FIXED(room);

	text_reverse_in(&name, address, zone);
	return ask(task, dns, &name, arena, answer);
}

enum wait list_ask_domain(struct task *task, struct dns *dns, struct slice zone,
	struct slice domain, struct arena *arena, struct list_answer *answer)
{
	char room[LIST_NAME_MAX];
	struct text name = TEXT_FIXED(room);

	text_put(&name, domain);
	text_char(&name, '.');
	text_put(&name, zone);
	return ask(task, dns, &name, arena, answer);
}

/* ---- the test ---- */

/* What a list must have (twice for addresses: a list may know IPv4 or IPv6 alone), and what it must
 * not. */
struct findings {
	struct list_answer in[2], out[2];
	struct slice in_name, out_name;
	size_t count;
};

static struct address test_address(uint8_t last, bool is_v4)
{
	struct address address = {.is_v4 = is_v4};

	memset(address.bytes + 10, 0xff, 2); /* RFC 5782 section 5: ::ffff:7f00:2 */
	address.bytes[12] = 127;
	address.bytes[15] = last;
	return address;
}

static enum wait find_addresses(struct task *task, struct dns *dns, struct slice zone,
	struct arena *arena, struct findings *findings)
{
	enum wait end = WAIT_READY;

	findings->in_name = SLICE("127.0.0.2");
	findings->out_name = SLICE("127.0.0.1");
	findings->count = 2;
	for (size_t i = 0; end == WAIT_READY && i < 2; i++) {
		struct address in = test_address(2, i == 0), out = test_address(1, i == 0);
		end = list_ask_address(task, dns, zone, &in, arena, &findings->in[i]);
		if (end == WAIT_READY)
			end = list_ask_address(task, dns, zone, &out, arena, &findings->out[i]);
	}
	return end;
}

static enum wait find_domains(struct task *task, struct dns *dns, struct slice zone,
	struct arena *arena, struct findings *findings)
{
	findings->in_name = SLICE("test");
	findings->out_name = SLICE("invalid");
	findings->count = 1;
	enum wait end =
		list_ask_domain(task, dns, zone, findings->in_name, arena, &findings->in[0]);
	if (end != WAIT_READY)
		return end;
	return list_ask_domain(task, dns, zone, findings->out_name, arena, &findings->out[0]);
}

/* Why it is not believed; empty: it is. */
static struct slice fault(const struct findings *findings, struct arena *arena)
{
	bool has = false;

	for (size_t i = 0; i < findings->count; i++) {
		has |= findings->in[i].verdict == LIST_HAS;
		if (findings->out[i].verdict == LIST_HAS)
			return arena_format(arena,
				"it lists %.*s, which no list may: it lists everything",
				SLICE_ARGS(findings->out_name));
	}
	if (findings->in[0].verdict == LIST_CANNOT_TELL && !has)
		return findings->in[0].because;
	if (findings->out[0].verdict == LIST_CANNOT_TELL)
		return findings->out[0].because;
	if (!has)
		return arena_format(arena,
			"it does not list %.*s, the entry that every list has for tests: it lists "
			"nothing",
			SLICE_ARGS(findings->in_name));
	return SLICE_NONE;
}

enum wait list_test(struct task *task, struct dns *dns, struct slice zone, bool of_domains,
	struct arena *arena, bool *believed, struct slice *why)
{
	struct findings findings = {0};
	enum wait end = of_domains ? find_domains(task, dns, zone, arena, &findings)
				   : find_addresses(task, dns, zone, arena, &findings);

	if (end != WAIT_READY)
		return end;
	*why = fault(&findings, arena);
	*believed = why->len == 0;
	return WAIT_READY;
}
