/* SPDX-License-Identifier: Apache-2.0 */
/* The policy as a whole: loading, compiling, references, settings. The contract is in policy.h. */
#include "policy/policy.h"

#include <string.h>
#include <sys/random.h>

#include "base/panic.h"
#include "policy/atoms.h"
#include "policy/check.h"
#include "policy/index.h"
#include "policy/proof.h"
#include "policy/statements.h"

void table_grow(struct arena *arena, void *at, size_t *size, size_t count, size_t each)
{
	void *old, *grown;

	if (count < *size)
		return;
	*size = *size ? 2 * *size : 8;
	grown = arena_array(arena, each, *size);
	memcpy(&old, at, sizeof old);
	if (count > 0)
		memcpy(grown, old, count * each);
	memcpy(at, &grown, sizeof grown);
}

/* ---- defaults (postern.conf(5) has them too) ---- */

static struct settings settings_default(void)
{
	mono_ns minute = 60 * NS_PER_S, day = 86400 * NS_PER_S;

	return (struct settings){.state = SLICE("/var/lib/postern"),
		.user = SLICE("postern"),
		.grace = 30 * NS_PER_S,
		.message_size = 50000000,
		.retry_for = 5 * day,
		.retry_first = minute,
		.retry_most = 240 * minute,
		.journal_keep = 30 * day,
		.journal_size = UINT64_MAX,
		.journal_hide = NEVER,
		.line_ends = LINE_ENDS_STRICT,
		.limits = {.connections = 20000,
			.errors = 20,
			.unknown_recipients = 20,
			.no_ops = 100,
			.recipients = 1000,
			.header_bytes = UINT64_C(128) << 10,
			.idle = 5 * minute,
			.transaction = 30 * minute,
			.connections_per_address = 50,
			.connections_per_minute = 300}};
}

struct policy *policy_new(void)
{
	struct arena *arena = arena_new();
	struct policy *policy = ARENA_NEW(arena, struct policy);

	policy->arena = arena;
	policy->references = 1;
	policy->settings = settings_default();
	policy->widest_v4 = 16;
	policy->widest_v6 = 32;
	if (getrandom(&policy->seed, sizeof policy->seed, GRND_NONBLOCK) < 0)
		policy->seed = (uint64_t)(uintptr_t)policy;
	policy->network_names = map_new(policy->seed);
	policy->certificate_names = map_new(policy->seed);
	policy->domain_names = map_new(policy->seed);
	policy->below_names = map_new(policy->seed);
	policy->deliver_names = map_new(policy->seed);
	return policy;
}

static void policy_free(struct policy *policy)
{
	for (size_t i = 0; i < policy->lists.count; i++)
		map_free(policy->lists.at[i].entries);
	index_free(policy);
	map_free(policy->network_names);
	map_free(policy->certificate_names);
	map_free(policy->domain_names);
	map_free(policy->below_names);
	for (size_t i = 0; i < policy->aliases.count; i++)
		map_free(policy->aliases.at[i].names);
	map_free(policy->deliver_names);
	arena_free(policy->arena);
}

struct policy *policy_ref(struct policy *policy)
{
	policy->references++;
	return policy;
}

void policy_unref(struct policy *policy)
{
	if (!policy)
		return;
	panic_if(policy->references == 0, "a policy given back too often");
	if (--policy->references == 0)
		policy_free(policy);
}

/* ---- compiling ---- */

static void domains_index(struct policy *policy)
{
	for (size_t i = 0; i < policy->domains.count; i++) {
		struct domain_row *row = &policy->domains.at[i];
		map_put(row->below ? policy->below_names : policy->domain_names, row->name, row);
	}
}

static void delivers_index(struct policy *policy)
{
	size_t count = policy->delivers.count;

	policy->deliver_next = ARENA_ARRAY(policy->arena, uint32_t, count + 1);
	for (size_t i = count; i-- > 0;) {
		void *next = map_put(policy->deliver_names, policy->delivers.at[i].domain,
			(void *)(uintptr_t)(i + 1));
		policy->deliver_next[i] = next ? (uint32_t)((uintptr_t)next - 1) : UINT32_MAX;
	}
}

/* The hostname where none is written: the host's own, if that is a domain name. */
static void hostname_settle(struct policy *policy, const struct bundle *bundle)
{
	struct settings *settings = &policy->settings;

	if (settings->hostname.len == 0 &&
		!domain_normalise(bundle->nodename, policy->arena, &settings->hostname))
		settings->hostname = SLICE("localhost");
}

/* The domain of ours that the host's own name is or lies in, else the first by name: not the first
 * written, so that the order of lines does not matter. */
static struct slice postmaster_domain(const struct policy *policy)
{
	struct slice first = SLICE_NONE, host = policy->settings.hostname;

	while (host.len > 0) {
		if (map_get(policy->domain_names, host))
			return host;
		slice_cut(&host, '.');
	}
	for (size_t i = 0; i < policy->domains.count; i++) {
		struct slice name = policy->domains.at[i].name;
		bool better = first.len == 0 || slice_compare(name, first) < 0;
		if (!policy->domains.at[i].below && better)
			first = name;
	}
	return first;
}

/* Where <postmaster> goes: the setting's address, else postmaster@ a domain of ours. */
static void postmaster_settle(struct policy *policy)
{
	if (policy->has_postmaster)
		return;
	struct slice domain = postmaster_domain(policy);
	struct slice address = arena_format(policy->arena, "postmaster@%.*s", SLICE_ARGS(domain));
	policy->has_postmaster = domain.len > 0 && mailbox_parse(address, policy->arena,
							   &policy->postmaster) == MAILBOX_OK;
}

static void policy_compile(struct policy *policy)
{
	policy->settings.listens = policy->listens.at;
	policy->settings.listen_count = policy->listens.count;
	tls_lines_settle(policy);
	nodes_compile(policy);
	clauses_compile(policy);
	stretches_build(policy);
}

struct policy *policy_load_unproved(const struct bundle *bundle, struct complaints *complaints)
{
	struct policy *policy = policy_new();
	struct arena *scratch = arena_new();
	struct files files = {.bundle = bundle, .arena = scratch};
	size_t errors = complaints->errors;

	memcpy(policy->hash, bundle->hash, sizeof policy->hash);
	parser_read(policy, &files, complaints);
	domains_index(policy);
	delivers_index(policy);
	hostname_settle(policy, bundle);
	postmaster_settle(policy);
	owns_settle(policy);
	lists_fill(policy, bundle, complaints);
	aliases_fill(policy, bundle, complaints);
	gateways_take(policy, bundle->gateways);
	policy_check(policy, bundle->files[0].path, complaints);
	arena_free(scratch);
	if (complaints->errors > errors) {
		policy_unref(policy);
		return NULL;
	}
	policy_compile(policy);
	return policy;
}

struct policy *policy_load(const struct bundle *bundle, struct complaints *complaints)
{
	struct policy *policy = policy_load_unproved(bundle, complaints);
	size_t errors = complaints->errors;

	if (policy)
		policy_check_compiled(policy, complaints);
	if (policy && proof_is_asked())
		proof_make(policy, bundle->files[0].path, complaints);
	if (policy && complaints->errors == errors)
		policy_expects_check(policy, complaints);
	if (complaints->errors > errors) {
		policy_unref(policy);
		return NULL;
	}
	return policy;
}

/* ---- what it says ---- */

const char *policy_hash(const struct policy *policy)
{
	return policy->hash;
}

const struct settings *policy_settings(const struct policy *policy)
{
	return &policy->settings;
}

const struct mailbox *policy_postmaster(const struct policy *policy)
{
	return policy->has_postmaster ? &policy->postmaster : NULL;
}

/* A program started without a configuration: useful and safe. */
struct slice policy_built_in_text(void)
{
	return SLICE("# The configuration of a Postern that was given none.\n"
		     "state     \"./postern-state\"\n"
		     "listen smtp \"127.0.0.1:2525\"\n"
		     "network   this-host  127.0.0.1 ::1  owns any sender any author\n"
		     "domain    \"localhost\"  any recipient  "
		     "deliver maildir \"./postern-state/mail/%d/%l\"\n"
		     "relay for network this-host\n"
		     "deliver   *  via mx\n");
}
