/* SPDX-License-Identifier: Apache-2.0 */
/* Checking a configuration. The contract is in check.h. */
#include "diagnose/check.h"

#include "diagnose/certificates.h"
#include "policy/proof.h"

void check_gather(const char *path, struct arena *arena, struct bundle *bundle)
{
	if (path)
		bundle_gather(path, arena, bundle);
	else
		bundle_of_text(SLICE("(built-in)"), policy_built_in_text(), arena, bundle);
}

static void put_complaints(struct text *out, const struct complaints *complaints)
{
	for (size_t i = 0; i < complaints->count; i++)
		text_complaint(out, &complaints->list[i]);
}

static void put_json(struct text *out, const struct complaints *complaints, const char *path,
	const struct policy *policy)
{
	text_format(out, "{\"ok\":%s,\"file\":", policy ? "true" : "false");
	text_json(out, slice_of(path ? path : "(built-in)"));
	if (policy) {
		text_put(out, SLICE(",\"policy\":"));
		text_json(out, slice_of(policy_hash(policy)));
	}
	if (policy && policy_proof(policy)) {
		text_put(out, SLICE(",\"proof\":"));
		text_proof_json(out, policy, policy_proof(policy));
	}
	text_put(out, SLICE(",\"complaints\":["));
	for (size_t i = 0; i < complaints->count; i++) {
		text_put(out, i ? SLICE(",") : SLICE_NONE);
		text_complaint_json(out, &complaints->list[i]);
	}
	text_put(out, SLICE("]}\n"));
}

static size_t count_of(const struct complaints *complaints, enum severity severity)
{
	size_t count = 0;

	for (size_t i = 0; i < complaints->count; i++)
		count += complaints->list[i].severity == severity;
	return count;
}

static void put_verdict(struct text *out, const struct complaints *complaints, const char *path,
	const struct policy *policy)
{
	text_escaped(out, slice_of(path ? path : "(built-in)"));
	if (policy)
		text_format(out, ": good, %zu %s, policy %s", policy_clause_count(policy),
			policy_clause_count(policy) == 1 ? "clause" : "clauses",
			policy_hash(policy));
	else
		text_format(out, ": %zu %s", complaints->errors,
			complaints->errors == 1 ? "error" : "errors");
	size_t warnings = count_of(complaints, SEVERITY_WARNING);
	if (warnings)
		text_format(out, ", %zu %s", warnings, warnings == 1 ? "warning" : "warnings");
	text_char(out, '\n');
}

struct policy *check_load(const char *path, bool json, struct text *out)
{
	struct arena *arena = arena_new();
	struct complaints complaints;
	struct bundle bundle;

	complaints_init(&complaints);
	check_gather(path, arena, &bundle);
	struct policy *policy = policy_load(&bundle, &complaints);
	if (policy && path)
		certificates_check_files(policy, &bundle, path, &complaints);
	if (policy && complaints.errors > 0) {
		policy_unref(policy);
		policy = NULL;
	}
	if (json) {
		put_json(out, &complaints, path, policy);
	} else {
		put_complaints(out, &complaints);
		if (policy && policy_proof(policy))
			text_proof(out, policy, policy_proof(policy));
		put_verdict(out, &complaints, path, policy);
	}
	complaints_free(&complaints);
	arena_free(arena);
	return policy;
}

struct policy *check_bundle(const struct bundle *bundle, struct text *out)
{
	struct complaints complaints;

	complaints_init(&complaints);
	struct policy *policy = policy_load(bundle, &complaints);
	if (!policy)
		put_complaints(out, &complaints);
	complaints_free(&complaints);
	return policy;
}

struct policy *check_quietly(const char *path, struct text *out)
{
	struct arena *arena = arena_new();
	struct bundle bundle;

	check_gather(path, arena, &bundle);
	struct policy *policy = check_bundle(&bundle, out);
	arena_free(arena);
	return policy;
}
