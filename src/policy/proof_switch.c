/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a policy must be proved: yes. The one other answer is in cmd/without_proof.c, which is
 * linked into a program that the system tests build to see transcripts relay. */
#include "policy/proof.h"

bool proof_is_asked(void)
{
	return true;
}
