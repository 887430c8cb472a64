/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration says that this version does not do yet: statements without effect, what
 * cannot be served (later.def), and facts that nobody finds (facts.def). Each is said once. */
#include "policy/atoms.h"
#include "policy/check.h"

enum how { NO_EFFECT, UNSERVED };
struct later_row {
	enum how how;
	const char *what, *why;
};
#define LATER(id, how_, what_, why_) [LATER_##id] = {how_, what_, why_},
static const struct later_row later_rows[LATERS] = {
#include "policy/later.def"
};
#undef LATER

/* An error for the daemon, a warning for everybody else. */
static void use_complain(
	const struct later_use *use, enum severity severity, struct complaints *complaints)
{
	const struct later_row *row = &later_rows[use->later];
	char what[200];
	struct text text = TEXT_FIXED(what);

	if (row->how == NO_EFFECT)
		text_format(&text, "`%s` has no effect in this version: %s", row->what, row->why);
	else
		text_format(&text, "this version does not serve `%s`: %s", row->what, row->why);
	complain_at(complaints, severity, &use->token, text_slice(&text),
		row->how == NO_EFFECT        ? SLICE_NONE
		: severity == SEVERITY_ERROR ? SLICE("a configuration without it")
					     : SLICE("the daemon does not start with it"));
}

/* ---- facts ---- */

static void fact_warn(
	const struct fact_row *row, const struct token *token, struct complaints *complaints)
{
	char what[240];
	struct text text = TEXT_FIXED(what);

	text_format(&text,
		"this version does not find %.*s yet: clauses that rest on it are undecided; "
		"refusals then defer, and grants do not grant",
		SLICE_ARGS(row->name));
	complain_at(complaints, SEVERITY_WARNING, token, text_slice(&text), SLICE_NONE);
}

static void nodes_warn(const struct policy *policy, bool said[FACTS], struct complaints *complaints)
{
	for (size_t i = 0; i < policy->nodes.count; i++) {
		const struct node *node = &policy->nodes.at[i];
		if (node->kind != NODE_ATOM)
			continue;
		enum fact fact = atom_row((enum atom)node->atom)->fact;
		if (!fact_row(fact)->found && !said[fact] && !node->is_given)
			fact_warn(fact_row(fact), &policy->node_tokens.at[i], complaints);
		said[fact] |= !node->is_given;
	}
}

void laters_check(const struct policy *policy, struct complaints *complaints)
{
	bool said[FACTS] = {false};

	for (size_t i = 0; i < policy->laters.count; i++)
		use_complain(&policy->laters.at[i], SEVERITY_WARNING, complaints);
	nodes_warn(policy, said, complaints);
}

/* ---- what the daemon lacks ---- */

/* The warning of loading becomes an error. */
static bool warning_raise(const struct later_use *use, struct complaints *complaints)
{
	for (size_t i = 0; i < complaints->count; i++) {
		struct complaint *complaint = &complaints->list[i];
		bool same = complaint->severity == SEVERITY_WARNING &&
			    complaint->line == use->token.line &&
			    complaint->column == use->token.column &&
			    slice_is(complaint->file, use->token.file) &&
			    slice_starts(complaint->what, SLICE("this version does not serve"));
		if (!same)
			continue;
		complaint->severity = SEVERITY_ERROR;
		complaints->errors++;
		return true;
	}
	return false;
}

bool policy_cannot_serve(const struct policy *policy, struct complaints *complaints)
{
	bool lacks = false;

	for (size_t i = 0; i < policy->laters.count; i++) {
		const struct later_use *use = &policy->laters.at[i];
		if (later_rows[use->later].how != UNSERVED)
			continue;
		if (!warning_raise(use, complaints))
			use_complain(use, SEVERITY_ERROR, complaints);
		lacks = true;
	}
	return lacks;
}
