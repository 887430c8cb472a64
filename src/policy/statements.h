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
void journal_size_statement(struct parser *p);
void journal_hide_statement(struct parser *p);
void tls_statement(struct parser *p);
void accounts_statement(struct parser *p);
void widest_statement(struct parser *p);
void line_ends_statement(struct parser *p);
/* token_statement.c */
void tokens_statement(struct parser *p);
/* limit_statements.c */
void limits_statement(struct parser *p);
void limits_for_statement(struct parser *p);
/* place_statements.c: what there is */
void include_statement(struct parser *p);
void listen_statement(struct parser *p);
/* network_statements.c: who there is */
void network_statement(struct parser *p);
void certificate_statement(struct parser *p);
/* domain_statements.c: what is ours */
void domain_statement(struct parser *p);
/* clause_statements.c: what is decided */
void relay_statement(struct parser *p);
void forward_statement(struct parser *p);
void limit_statement(struct parser *p);
void refuse_statement(struct parser *p);
void defer_statement(struct parser *p);
/* way_statements.c: how mail leaves */
void deliver_statement(struct parser *p);
void sign_statement(struct parser *p);
/* expect_statements.c: what must stay true */
void expect_statement(struct parser *p);

void parser_read_file(struct parser *p, const struct bundle_file *file);
/* Empty when there is no such number. */
struct slice statement_name(size_t number, struct arena *arena);
struct policy *policy_new(void);

#endif
