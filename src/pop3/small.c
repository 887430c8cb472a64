/* SPDX-License-Identifier: Apache-2.0 */
/* DELE, RSET, NOOP, QUIT and what a browser says. Read session.h first. */
#include "pop3/session.h"

void pop_dele(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	(void)task;
	if (!pop_has(session, command->message))
		return;
	maildrop_delete(session->drop, command->message);
	pop_say(session, SLICE("will be deleted at QUIT"));
}

void pop_rset(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	(void)task, (void)command;
	maildrop_reset(session->drop);
	pop_say(session, SLICE("nothing will be deleted"));
}

void pop_noop(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	(void)task, (void)command;
	pop_say(session, SLICE("ok"));
}

/* ---- QUIT: the only place where messages are deleted ---- */

struct updating {
	struct maildrop *drop;
	enum maildrop_end end;
};

static void update_on_thread(void *arg)
{
	struct updating *updating = arg;

	updating->end = maildrop_update(updating->drop);
}

static void update(struct task *task, struct pop_session *session)
{
	const struct pop_doors *doors = session->pop->doors;
	struct updating updating = {.drop = session->drop};
	size_t count = maildrop_deleted(session->drop);

	pop_offload(task, session, update_on_thread, &updating);
	if (updating.end == MAILDROP_DONE) {
		session->pop->tally.deleted += count;
		pop_say(session, arena_format(session->scratch, "%zu messages deleted", count));
		return;
	}
	session->pop->tally.failed++;
	doors->failed(doors->owner, pop_session_name(session), maildrop_words(session->drop));
	pop_complain(session, SLICE("SYS/TEMP"), SLICE("some messages were not deleted"));
}

void pop_quit(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	(void)command;
	if (session->drop)
		update(task, session);
	else
		pop_say(session, SLICE("goodbye"));
	session->ending = true;
}

/* What follows could be anybody's words. */
void pop_http(struct task *task, struct pop_session *session, const struct pop_command *command)
{
	(void)task, (void)command;
	pop_part(session, SLICE_NONE, SLICE("this is a POP3 server"));
}
