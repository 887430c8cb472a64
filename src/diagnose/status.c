/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's state for people: each role's own answer (control/README.md), told in one order. */
#include "diagnose/told.h"
#include "diagnose/views.h"

static long long number(const json_t *object, const char *name)
{
	return (long long)told_number(object, name);
}

static void put_text(struct text *out, const json_t *object, const char *name)
{
	text_escaped(out, told_text(object, name));
}

/* "  name 3" for each member that counts something. */
static void put_counts(struct text *out, json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value) if (json_integer_value(value) > 0)
		text_format(out, "  %s %lld", name, (long long)json_integer_value(value));
}

static void put_process(struct text *out, const json_t *process)
{
	text_put(out, SLICE("  "));
	put_text(out, process, "role");
	if (number(process, "slot"))
		text_format(out, "/%lld", number(process, "slot"));
	text_format(out, " %lld", number(process, "pid"));
	if (!slice_is(told_text(process, "state"), SLICE("running"))) {
		text_char(out, ' ');
		put_text(out, process, "state");
	}
	if (number(process, "restarts"))
		text_format(out, " (started again %lld times)", number(process, "restarts"));
}

static void tell_supervisor(struct text *out, const json_t *status)
{
	const json_t *listeners = json_object_get(status, "listeners");
	const json_t *processes = json_object_get(status, "processes");

	text_put(out, SLICE("posternd   build "));
	put_text(out, status, "build");
	text_put(out, SLICE("\n           running since "));
	put_text(out, status, "started");
	text_put(out, SLICE(" as "));
	put_text(out, status, "user");
	text_put(out, SLICE("\n           policy "));
	put_text(out, status, "policy");
	text_put(out, SLICE(", state in "));
	put_text(out, status, "state");
	text_put(out, SLICE("\nlistening"));
	for (size_t i = 0; i < json_array_size(listeners); i++) {
		text_put(out, SLICE("  "));
		put_text(out, json_array_get(listeners, i), "service");
		text_char(out, ' ');
		put_text(out, json_array_get(listeners, i), "address");
	}
	text_format(out, "\nprocesses  supervisor %lld", number(status, "pid"));
	for (size_t i = 0; i < json_array_size(processes); i++)
		put_process(out, json_array_get(processes, i));
	text_char(out, '\n');
}

static void tell_tls(struct text *out, const json_t *status);

static void tell_edge(struct text *out, const json_t *status)
{
	const json_t *verdicts = json_object_get(status, "verdicts");
	char raw[32];
	struct text octets = TEXT_FIXED(raw);

	text_bytes(&octets, (uint64_t)told_number(status, "octets"));
	text_format(out, "edge       %lld sessions open, %lld so far; %lld messages kept, %.*s\n",
		number(status, "open_sessions"), number(status, "sessions"),
		number(status, "messages"), SLICE_ARGS(text_slice(&octets)));
	text_format(out, "           %lld accepted, %lld refused, %lld deferred",
		number(verdicts, "accept"), number(verdicts, "refuse"), number(verdicts, "defer"));
	put_counts(out, json_object_get(status, "reasons"));
	text_char(out, '\n');
	tell_tls(out, status);
}

static void tell_queue(struct text *out, const json_t *status)
{
	char raw[32];
	struct text age = TEXT_FIXED(raw);

	text_span(&age, told_number(status, "oldest") * NS_PER_S);
	text_format(out, "queue      %lld messages to %lld recipients, the oldest for %.*s",
		number(status, "messages"), number(status, "recipients"),
		SLICE_ARGS(text_slice(&age)));
	put_counts(out, json_object_get(status, "states"));
	text_put(out, SLICE("\n           segments"));
	put_counts(out, json_object_get(status, "segments"));
	text_char(out, '\n');
}

/* Of a domain whose next hop is asked whether it knows a mailbox. */
static void tell_asked(struct text *out, const json_t *domain)
{
	text_put(out, SLICE("           mailboxes of "));
	put_text(out, domain, "domain");
	if (told_text(domain, "next_hop").len)
		text_put(out, SLICE(" asked of "));
	put_text(out, domain, "next_hop");
	text_format(out,
		": %lld times, %lld known, %lld unknown, %lld without an answer; %lld and %lld "
		"kept",
		number(domain, "asked"), number(domain, "known"), number(domain, "unknown"),
		number(domain, "no_answer"), number(domain, "kept_known"),
		number(domain, "kept_unknown"));
	if (slice_is(told_text(domain, "state"), SLICE("failing"))) {
		text_put(out, SLICE("; CANNOT TELL NOW: "));
		put_text(out, domain, "trouble");
	}
	if (json_is_true(json_object_get(domain, "takes_everyone")))
		text_put(out, SLICE("; IT SAYS YES TO EVERYONE"));
	text_char(out, '\n');
}

static void tell_out(struct text *out, const json_t *status)
{
	const json_t *asked = json_object_get(status, "mailboxes_asked");

	text_format(out,
		"out        %lld delivered, %lld deferred, %lld failed; %lld connections to %lld "
		"destinations\n",
		number(status, "delivered"), number(status, "deferred"), number(status, "failed"),
		number(status, "connections"), number(status, "destinations"));
	for (size_t i = 0; i < json_array_size(asked); i++)
		tell_asked(out, json_array_get(asked, i));
}

static void tell_list(struct text *out, const json_t *list)
{
	bool tested = json_object_get(list, "believed") != NULL;
	bool believed = json_is_true(json_object_get(list, "believed"));

	text_put(out, SLICE("           list "));
	put_text(out, list, "zone");
	text_put(out, !tested    ? SLICE(" is being tested")
		      : believed ? SLICE(" is believed")
				 : SLICE(" is not believed: "));
	put_text(out, list, "why");
	text_char(out, '\n');
}

static void tell_resolver(struct text *out, const json_t *status)
{
	const json_t *lists = json_object_get(status, "lists");

	text_format(out, "resolver   %lld questions, %lld waiting; answers are %svalidated\n",
		number(status, "asked"), number(status, "waiting"),
		json_is_true(json_object_get(status, "dnssec")) ? "" : "not ");
	for (size_t i = 0; i < json_array_size(lists); i++)
		tell_list(out, json_array_get(lists, i));
}

static void tell_store(struct text *out, const json_t *store)
{
	if (!told_text(store, "store").len)
		return;
	text_put(out, SLICE("accounts   kept in "));
	put_text(out, store, "store");
	text_format(out, ", asked %lld times", number(store, "asked"));
	if (json_is_true(json_object_get(store, "away"))) {
		text_put(out, SLICE("; CANNOT TELL NOW: "));
		put_text(out, store, "why");
	} else if (number(store, "cannot_tell")) {
		text_format(out,
			", could not tell %lld times, last at %.*s: ", number(store, "cannot_tell"),
			SLICE_ARGS(told_text(store, "cannot_tell_at")));
		put_text(out, store, "why");
	}
	if (told_text(store, "trouble").len) {
		text_put(out, SLICE("; what was read before stays: "));
		put_text(out, store, "trouble");
	}
	text_char(out, '\n');
}

/* Locks against guessing (doc/signing-in.md), each with the time at which it ends. */
static void tell_signin(struct text *out, const json_t *signin)
{
	const json_t *locked = json_object_get(signin, "locked");

	if (!number(signin, "signed_in") && !number(signin, "wrong") && !json_array_size(locked))
		return;
	text_format(out, "           %lld signed in, %lld wrong, %lld turned away for guessing",
		number(signin, "signed_in"), number(signin, "wrong"), number(signin, "too_many"));
	if (number(signin, "shut"))
		text_format(out, ", %lld addresses not let in", number(signin, "shut"));
	text_char(out, '\n');
	for (size_t i = 0; i < json_array_size(locked); i++) {
		const json_t *lock = json_array_get(locked, i);
		text_put(out, SLICE("           locked  "));
		put_text(out, lock, "counter");
		text_put(out, SLICE("  until "));
		put_text(out, lock, "next_free");
		text_char(out, '\n');
	}
}

static void tell_accounts(struct text *out, const json_t *status)
{
	tell_store(out, json_object_get(status, "accounts"));
	tell_signin(out, json_object_get(status, "signin"));
	text_format(out, "accounts   %lld counters of limits, %lld times full",
		number(status, "counters"), number(status, "full"));
	if (number(status, "forgotten"))
		text_format(out, ", %lld forgotten for want of room", number(status, "forgotten"));
	if (!json_is_true(json_object_get(status, "written")))
		text_put(out, SLICE(", not written to the disk"));
	if (number(json_object_get(status, "leases"), "held"))
		text_format(
			out, ", %lld leases", number(json_object_get(status, "leases"), "held"));
	text_char(out, '\n');
}

static void tell_pop(struct text *out, const json_t *status)
{
	text_format(out,
		"pop        %lld connected, %lld signed in, %lld wrong, %lld messages read\n",
		number(status, "open_sessions"), number(status, "signed_in"),
		number(status, "wrong"), number(status, "retrieved"));
}

/* Every edge offers the same ones, so they are said by the first that is told of. */
static void tell_certificate(struct text *out, const json_t *certificate)
{
	const json_t *names = json_object_get(certificate, "names");

	text_put(out, SLICE("           certificate "));
	put_text(out, certificate, "file");
	text_put(out, SLICE(" ("));
	put_text(out, certificate, "type");
	text_put(out, SLICE(") for"));
	for (size_t i = 0; i < json_array_size(names); i++) {
		text_put(out, i ? SLICE(", ") : SLICE(" "));
		text_escaped(out, slice_of(json_string_value(json_array_get(names, i))));
	}
	long long days = number(certificate, "days");
	text_put(out, days < 0 ? SLICE(": HAS ENDED ") : SLICE(": ends "));
	put_text(out, certificate, "ends");
	if (days >= 0)
		text_format(out, ", in %lld days", days);
	text_char(out, '\n');
}

static void tell_keys(struct text *out, const json_t *status)
{
	const json_t *keys = json_object_get(status, "keys");

	text_format(out, "keys       %zu private keys; %lld signatures, %.1f a second",
		json_array_size(keys), number(status, "signed"),
		json_number_value(json_object_get(status, "per_second")));
	if (number(status, "no_key") + number(status, "failed"))
		text_format(out, "; %lld asked for in vain",
			number(status, "no_key") + number(status, "failed"));
	text_char(out, '\n');
}

static void tell_tls(struct text *out, const json_t *status)
{
	json_t *tls = json_object_get(status, "tls");
	const json_t *certificates = json_object_get(tls, "certificates");

	if (!tls)
		return;
	text_format(out, "           TLS: %lld handshakes, %lld of them resumed; %lld failed",
		number(tls, "handshakes"), number(tls, "resumed"), number(tls, "failed"));
	put_counts(out, json_object_get(tls, "reasons"));
	text_put(out, json_is_true(json_object_get(tls, "keys")) ? SLICE("\n")
								 : SLICE("; keys is AWAY\n"));
	for (size_t i = 0; number(status, "slot") == 0 && i < json_array_size(certificates); i++)
		tell_certificate(out, json_array_get(certificates, i));
}

static void tell_control(struct text *out, const json_t *status)
{
	text_format(out, "journal    %lld lines, %lld lost\n", number(status, "lines"),
		number(status, "dropped"));
}

static const struct {
	struct slice role;
	void (*tell)(struct text *out, const json_t *status);
} tellers[] = {
	{SLICE("supervisor"), tell_supervisor},
	{SLICE("edge"), tell_edge},
	{SLICE("pop"), tell_pop},
	{SLICE("queue"), tell_queue},
	{SLICE("out"), tell_out},
	{SLICE("keys"), tell_keys},
	{SLICE("accounts"), tell_accounts},
	{SLICE("resolver"), tell_resolver},
	{SLICE("control"), tell_control},
};

/* A role that does not answer is said to be silent, in the words of control. */
static void tell_role(
	struct text *out, const json_t *role, void (*tell)(struct text *out, const json_t *status))
{
	const json_t *status = json_object_get(role, "status");

	if (told_text(role, "error").len) {
		put_text(out, role, "error");
		text_char(out, '\n');
	} else {
		tell(out, status ? status : role);
	}
}

void view_status(struct text *out, const json_t *status)
{
	const json_t *roles = json_object_get(status, "roles");

	for (size_t i = 0; i < sizeof tellers / sizeof *tellers; i++)
		for (size_t n = 0; n < json_array_size(roles); n++) {
			const json_t *role = json_array_get(roles, n);
			if (slice_is(told_text(role, "role"), tellers[i].role))
				tell_role(out, role, tellers[i].tell);
		}
}
