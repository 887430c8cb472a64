/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers to questions about the queue, as JSON. An answer is written whole and leaves in pieces as
 * the channel takes them (control.c): memory for one answer is bounded by
 * LIST_LIMIT_MOST lines.
 *
 * status      {"role":"queue","messages","recipients","states":{"waiting","routed","delivering",
 *              "held","reporting"},"outstanding" (jobs),"bytes","oldest" (s),
 *              "segments":{"free","active","sealed","suspect","damaged"},
 *              "events":{"waiting","dropped"}}
 * queue       [{"id","sender","size","age" (s),"received","recipients":[{recipient, below}…]}…]
 * queue-left  {"id","left":[address…]}, ids rising, above "after"
 * queue-damage {"segment","class","from","to","id","what"} a line
 * queue-clear {"outcome":"queued|done|whole|parts|bytes","id","at","file"} a line, then
 *              {"cleared":segment}
 * queue-show  one of these with "account","listener","client","client_name","helo",
 *              "policy","envid","ret","believed","recipients_at_first"
 * queue-act   {"acted":N,"unchanged":N,"errors":[{"id","recipient","error"}…]}
 * recipient   {"address","state":"waiting|routed|delivering|held|reporting","attempts",
 *              "next","last":{"time","code","enhanced","remote","words","reason"}}
 */
#ifndef QUEUE_ASK_H
#define QUEUE_ASK_H

#include "queue/events.h"
#include "queue/schedule.h"

struct asked {
	struct schedule *schedule;
	struct store *store;
	const struct events *events;
	struct moment now;
};
/* ask_damage.c */
struct question;
void ask_damage(const struct asked *asked, const struct question *question, struct text *json);
void ask_clear(const struct asked *asked, const struct question *question, struct text *json);
/* {"error":words} */
void put_error(struct text *json, struct slice words);
/* Appends the answer to `json`: one JSON value, or (queue) one a line. */
void ask_answer(const struct asked *asked, struct slice question, struct text *json);

#endif
