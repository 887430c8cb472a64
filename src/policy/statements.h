/* SPDX-License-Identifier: Apache-2.0 */
/* The functions behind statements.def, one file a family. Private to this room. */
#ifndef POLICY_STATEMENTS_H
#define POLICY_STATEMENTS_H

#include "policy/parser.h"

/* setting_statements.c */
void hostname_statement(struct parser *p);
void state_statement(struct parser *p);
void user_statement(struct parser *p);
void resolver_statement(struct parser *p);
void postmaster_statement(struct parser *p);
void edges_statement(struct parser *p);
void grace_statement(struct parser *p);
void message_size_statement(struct parser *p);
void retry_statement(struct parser *p);
void journal_keep_statement(struct parser *p);
void widest_statement(struct parser *p);
void line_ends_statement(struct parser *p);
/* limit_statements.c */
void limits_statement(struct parser *p);
/* place_statements.c: what there is */
void include_statement(struct parser *p);
void listen_statement(struct parser *p);
void network_statement(struct parser *p);
void domain_statement(struct parser *p);
/* clause_statements.c: what is decided */
void relay_statement(struct parser *p);
void refuse_statement(struct parser *p);
void defer_statement(struct parser *p);
/* way_statements.c: how mail leaves */
void deliver_statement(struct parser *p);

void parser_read_file(struct parser *p, const struct bundle_file *file);
/* Empty when there is no such number. */
struct slice statement_name(size_t number, struct arena *arena, bool *built);
struct policy *policy_new(void);

#endif
