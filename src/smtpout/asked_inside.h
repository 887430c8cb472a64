/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of asked share: asked_question.c (from a question to its answer), asked_probe.c
 * (what a next hop is asked, and its answers), asked_hop.c, asked_connection.c (next hops),
 * asked_talk.c (the dialogue), asked_door.c (edges), asked_status.c, asked.c (the whole).
 */
#ifndef SMTPOUT_ASKED_INSIDE_H
#define SMTPOUT_ASKED_INSIDE_H

#include "policy/policy.h"
#include "smtpout/asked.h"
#include "smtpout/recall.h"
#include "smtpout/way.h"

struct asked {
	struct loop *loop;
	struct means means;
	struct asked_link link;
	struct policy *policy; /* NULL before the first */
	unsigned generation;   /* of the policy and the trust: connections of another end */
	struct recall *recall;
	struct map *domains;   /* struct asked_domain, by name */
	struct map *hops;      /* by key */
	struct list hop_order; /* the one asked longest ago first */
	struct map *probes;    /* under way, by address */
	struct list doors;
	struct arena *scratch; /* reset by each question */
	size_t waiters, connections;
	bool any, stopping;
};

enum takes_all { TAKES_ALL_UNTRIED, TAKES_ALL_NO, TAKES_ALL_YES };
enum { TROUBLE_MAX = 200, HOP_SHOWN_MAX = 200 };
struct asked_domain { /* one for each `domain` line's name */
	struct recall_share share;
	bool present;     /* in the policy */
	size_t under_way; /* probes */
	uint64_t generation;
	uint64_t asked, known, unknown, untold, put_off, recalled, stale;
	enum takes_all takes_all;
	mono_ns try_at; /* a name at random */
	bool trying;
	bool failing;
	wall_ns answered;              /* the last time; 0: never */
	char hop_key[HOP_SHOWN_MAX];   /* who is asked; empty: nobody yet, or several */
	char shown[HOP_SHOWN_MAX];     /* likewise, for people */
	char trouble[TROUBLE_MAX + 1]; /* the last: "10.0.0.7:25: it does not answer" */
	struct slice name;
	char room[];
};

struct hop { /* where a question goes */
	struct list order;
	struct asked *asked;
	struct arena *arena; /* holds itself */
	struct slice key, shown;
	struct way way;
	struct list waiting; /* probes */
	struct list connections, idle;
	size_t open, talking; /* connections; those that were greeted */
	bool only_one;        /* it allows no second */
	int64_t budget;       /* in 1/1000 probes */
	mono_ns filled;
	mono_ns rest, rest_until; /* 0: it answers */
	char trouble[TROUBLE_MAX + 1];
};

struct probe {            /* an address that a next hop is asked about */
	struct list link; /* of its hop's waiting */
	struct hop *hop;
	struct asked_domain *domain;
	struct list waiters;
	mono_ns until;
	unsigned lost;    /* connections, before it was answered */
	bool at_random;   /* nobody's: does it take everyone? */
	bool is_answered; /* see the next two */
	enum asking_found found;
	char words[RECALL_WORDS_MAX + 1]; /* "10.0.0.7:25: 550 5.1.1 no such user" */
	struct slice address;
	char room[];
};

/* ---- asked.c ---- */
void asked_say(const struct asked *asked, bool is_trouble, const char *event, const char *format,
	...) __attribute__((format(printf, 4, 5)));

/* ---- asked_question.c ---- */
/* Everybody who waits for this probe is told, by what it has or by what is remembered instead. */
void waiters_tell(struct asked *asked, struct probe *probe, struct slice why);
/* The one form under which an address is asked about first; empty: it is none. In the scratch. */
struct slice asked_plain_form(struct asked *asked, struct slice address);

/* ---- asked_probe.c ---- */
struct asked_domain *asked_domain_new(struct asked *asked, struct slice name);
/* One that the policy has no more goes when nobody asks about it. */
void asked_domain_release(struct asked *asked, struct asked_domain *domain);
/* It is asked there now; what others said before a reload is forgotten. */
void asked_domain_is_at(struct asked *asked, struct asked_domain *domain, const struct hop *hop);
struct probe *probe_new(
	struct asked *asked, struct asked_domain *domain, struct hop *hop, struct slice address);
/* Both free it: it was answered; or it was not, and why. */
void probe_settle(struct asked *asked, struct probe *probe);
void probe_settle_untold(struct asked *asked, struct probe *probe, struct slice why);

/* ---- asked_hop.c ---- */
/* NULL: there are too many at work. */
struct hop *hop_of(struct asked *asked, const struct route *route);
void hop_free(struct hop *hop);
bool hop_rests(const struct hop *hop);
bool hop_take_budget(struct hop *hop); /* false: it is asked too much */
void hop_give_budget(struct hop *hop);
/* It answers; it does not: all who wait are told, and nobody is asked for a while, so that no
 * client waits for what will not come, and the next hop is not knocked at without end. */
void hop_is_well(struct hop *hop);
void hop_is_silent(struct hop *hop, struct slice why);

/* ---- asked_connection.c ---- */
void hop_add(struct hop *hop, struct probe *probe);
void hop_refresh(struct hop *hop); /* connections of another generation end */
void hop_stop(struct hop *hop);

/* ---- asked_talk.c ---- */
/* Asks about all of them in one transaction, marking those that were answered. */
void probes_talk(struct task *task, struct client *client, struct slice shown,
	struct probe *const *probes, size_t count);
/* One line of it, without control characters, cut to the room. */
void words_copy(char *room, size_t size, struct slice words);

/* ---- asked_door.c ---- */
void doors_close(struct asked *asked);

#endif
