/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's answers (control/README.md) as tables and lines for people. */
#ifndef DIAGNOSE_VIEWS_H
#define DIAGNOSE_VIEWS_H

#include <jansson.h>

#include "base/clock.h"
#include "base/text.h"

void view_status(struct text *out, const json_t *status);
void view_session(struct text *out, const json_t *session);
void view_queue_line(struct text *out, const json_t *message);
void view_message(struct text *out, const json_t *message); /* queue show */
void view_acted(struct text *out, const json_t *acted);     /* queue retry … */
void view_damage(struct text *out, const json_t *damage);   /* queue damage */
void view_cleared(struct text *out, const json_t *line);    /* queue salvage, discard */
void view_limit(struct text *out, const json_t *counter);
void view_grant(struct text *out, const json_t *lease);
void view_revoked(struct text *out, const json_t *revoked);
void view_reload(struct text *out, const json_t *reloaded);
/* 1 s, 5 m, 3 h, 2 d: how long ago or how far ahead, for columns. */
void text_span(struct text *text, mono_ns span);
void text_bytes(struct text *text, uint64_t bytes); /* 17 B, 3.4 kB, 12 MB */

#endif
