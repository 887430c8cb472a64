/* SPDX-License-Identifier: Apache-2.0 */
/* Of posternd-without-proof alone, which is never installed: it loads what the proof would refuse,
 * so that the tests see the transcript of an open relay relay (tests/system/test_proof.py). */
#include <stdio.h>

#include "policy/proof.h"

bool proof_is_asked(void)
{
	fputs("this posternd is built for tests: it proves nothing\n", stderr);
	return false;
}
