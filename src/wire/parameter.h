/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ESMTP parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531),
 * RET, ENVID, NOTIFY, ORCPT (RFC 3461), AUTH (RFC 4954). command.c is their only user.
 */
#ifndef WIRE_PARAMETER_H
#define WIRE_PARAMETER_H

#include "wire/command.h"

/* `rest` is what stands behind the path: " SIZE=5 RET=HDRS". */
enum command_fault parameters_of_mail(struct slice rest, struct arena *arena,
	struct mail_command *mail, struct command_problem *problem) MUST_USE;
enum command_fault parameters_of_rcpt(struct slice rest, bool utf8, struct arena *arena,
	struct rcpt_command *rcpt, struct command_problem *problem) MUST_USE;

#endif
