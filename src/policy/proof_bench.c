/* SPDX-License-Identifier: Apache-2.0 */
/* What a proof costs: 10,000 clauses over 100,000 ranges. Prints the processor seconds that loading
 * without the proof takes and those of the proof. ninja src/policy/proof_bench &&
 * src/policy/proof_bench */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "policy/exposure.h"
#include "policy/model.h"

enum { NETWORKS = 100, RANGES_EACH = 1000, CLAUSES = 10000 };

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void networks_put(struct text *text)
{
	for (unsigned i = 0; i < NETWORKS; i++) {
		text_format(text, "network n%u", i);
		for (unsigned j = 0; j < RANGES_EACH; j++) {
			unsigned n = i * RANGES_EACH + j;
			text_format(text, " 20.%u.%u.%u/29", n >> 12, n >> 4 & 255, (n & 15) * 16);
		}
		text_put(text, SLICE(" owns any sender any author\n"));
	}
}

/* Grants with claims, grants with holes, refusals of addresses, refusals of claims. */
static void clause_put(struct text *text, unsigned i)
{
	unsigned network = i % NETWORKS, low = i % 256, high = i / 256;

	switch (i / NETWORKS % 4) {
	case 0:
		text_format(
			text, "relay for network n%u if sender domain d%u.example\n", network, i);
		return;
	case 1:
		text_format(text, "relay for network n%u unless client 20.%u.%u.0/29\n", network,
			high, low);
		return;
	case 2:
		text_format(text, "refuse if client 21.%u.%u.1 unless trusted\n", high, low);
		return;
	default: text_format(text, "refuse if sender domain b%u.example and helo \"h%u*\"\n", i, i);
	}
}

int main(void)
{
	struct arena *arena = arena_new();
	struct text text = TEXT_GROWING;
	struct complaints complaints;
	struct bundle bundle;

	text_put(&text, SLICE("listen smtp \"*:25\"\nwidest network /8 /16\n"
			      "domain example.org any recipient deliver via mx\n"));
	networks_put(&text);
	for (unsigned i = 0; i < CLAUSES; i++)
		clause_put(&text, i);
	bundle_of_text(SLICE("bench.conf"), text_slice(&text), arena, &bundle);
	complaints_init(&complaints);
	double begin = seconds();
	struct policy *policy = policy_load_unproved(&bundle, &complaints);
	double loaded = seconds();
	if (policy)
		proof_make(policy, SLICE("bench.conf"), &complaints);
	double proved = seconds();
	printf("%u clauses, %u ranges: loaded in %.2f s, proved in %.2f s, %zu errors, %zu ranges "
	       "may "
	       "relay\n",
		(unsigned)CLAUSES, (unsigned)(NETWORKS * RANGES_EACH), loaded - begin,
		proved - loaded, complaints.errors, policy ? policy_proof(policy)->all.count : 0);
	policy_unref(policy);
	complaints_free(&complaints);
	text_free(&text);
	arena_free(arena);
	return 0;
}
