/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts of this host, tested by PAM, behind the interface. Read store.h first.
 *
 * Who there is and which groups he is in says the name service (getpwnam); whether a password is
 * right says PAM, as the service that the configuration names. The role runs as the daemon's user:
 * modules that must be root to read verifiers (pam_unix and shadow) know nobody then, while those
 * that ask somebody else (pam_sss, pam_krb5, pam_ldap) work. PAM's own delay after a wrong password
 * is left out, since sign-ins are slowed down before they come here.
 */
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account/login.h"
#include "account/pam_library.h"
#include "account/stores.h"
#include "base/panic.h"

enum { THREADS = 2, ENTRY_MAX = 16384, GROUP_ENTRY_MAX = 1 << 20, GROUPS_MAX = 256 };

struct pam_store {
	struct store store;
	struct offload *testing; /* modules may take seconds: their own threads */
	char *service;
};

static struct pam_store *pam_of(struct store *store)
{
	return LIST_OBJECT(struct pam_store, store, store);
}

struct question {
	const struct pam_store *store;
	struct slice login, password;
	struct arena *arena;
	struct account *account;
	struct text *because;
	enum found found;
};

/* ---- who there is, in a thread ---- */

/* POSIX leaves open which of these mean that there is none. */
static bool may_mean_none(int error)
{
	return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
}

static enum found cannot_tell(struct question *question, int error)
{
	text_format(question->because, "the name service: %s", strerror(error));
	return CANNOT_TELL;
}

struct space { /* for entries, one after the other */
	char *at;
	size_t size;
};

/* A group's entry names all its members. */
static int group_find(struct question *question, struct space *space, gid_t id, struct slice *name)
{
	struct group entry, *found = NULL;
	int error;

	while ((error = getgrgid_r(id, &entry, space->at, space->size, &found)) == ERANGE &&
		space->size < GROUP_ENTRY_MAX) {
		space->size *= 4;
		space->at = arena_alloc(question->arena, space->size);
	}
	*name = found ? slice_of(entry.gr_name) : SLICE_NONE;
	return error;
}

/* Of one who is in a group that is left out, something else would be decided than is meant. */
static enum found read_groups(struct question *question, const char *name, gid_t first)
{
	gid_t ids[GROUPS_MAX];
	int count = GROUPS_MAX;
	struct slice *groups = ARENA_ARRAY(question->arena, struct slice, GROUPS_MAX);
	struct space space = {arena_alloc(question->arena, ENTRY_MAX), ENTRY_MAX};
	struct account *account = question->account;

	account->groups = groups;
	if (getgrouplist(name, first, ids, &count) < 0) {
		text_format(question->because, "it is in more than %d groups", GROUPS_MAX);
		return CANNOT_TELL;
	}
	for (int i = 0; i < count; i++) {
		struct slice group;
		int error = group_find(question, &space, ids[i], &group);
		if (!may_mean_none(error))
			return cannot_tell(question, error);
		if (group_is_name(group))
			groups[account->group_count++] = arena_slice(question->arena, group);
	}
	return FOUND;
}

static enum found look_up(struct question *question)
{
	struct passwd entry, *found = NULL;
	const char *name = arena_string(question->arena, question->login);
	char *space = arena_alloc(question->arena, ENTRY_MAX);
	int error = getpwnam_r(name, &entry, space, ENTRY_MAX, &found);

	if (!found)
		return may_mean_none(error) ? NOT_FOUND : cannot_tell(question, error);
	question->account->login = arena_slice(question->arena, question->login);
	return read_groups(question, name, entry.pw_gid);
}

static void run_find(void *arg)
{
	struct question *question = arg;

	question->found = look_up(question);
}

/* ---- passwords, in a thread ---- */

/* Whatever is asked without echo is the password; whatever else is asked nobody can answer. */
static int converse(
	int count, const struct pam_message **asked, struct pam_response **answers, void *arg)
{
	const char *password = arg;
	struct pam_response *list = calloc((size_t)count, sizeof *list);

	if (!list)
		return PAM_BUF_ERR;
	for (int i = 0; i < count; i++)
		if (asked[i]->msg_style == PAM_PROMPT_ECHO_OFF)
			list[i].resp = strdup(password);
	*answers = list;
	return PAM_SUCCESS;
}

static void no_delay(int code, unsigned microseconds, void *arg)
{
	(void)code, (void)microseconds, (void)arg;
}

static enum found outcome(struct question *question, pam_handle_t *pam, int code)
{
	switch (code) {
	case PAM_SUCCESS: return FOUND;
	case PAM_AUTH_ERR:
	case PAM_USER_UNKNOWN:
	case PAM_MAXTRIES:
	case PAM_ACCT_EXPIRED:
	case PAM_PERM_DENIED:
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_CRED_INSUFFICIENT: return NOT_FOUND;
	default: break; /* PAM_AUTHINFO_UNAVAIL, a module that is missing, … */
	}
	text_escaped(question->because, slice_of(pam_strerror(pam, code)));
	return CANNOT_TELL;
}

static enum found test(struct question *question, const char *name, const char *password)
{
	const struct pam_conv conversation = {converse, (void *)(uintptr_t)password};
	pam_handle_t *pam = NULL;
	int code = pam_start(question->store->service, name, &conversation, &pam);

	if (code == PAM_SUCCESS)
		code = pam_set_item(pam, PAM_FAIL_DELAY, (const void *)(uintptr_t)no_delay);
	if (code == PAM_SUCCESS)
		code = pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	if (code == PAM_SUCCESS)
		code = pam_acct_mgmt(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	enum found found = outcome(question, pam, code);
	if (pam)
		pam_end(pam, code);
	return found;
}

static void run_test(void *arg)
{
	struct question *question = arg;
	const char *name = arena_string(question->arena, question->login);

	question->found = test(question, name, arena_string(question->arena, question->password));
	/* Whom the name service does not know owns nothing here, whatever a module says of him. */
	if (question->found == FOUND)
		question->found = look_up(question);
}

/* ---- in the loop ---- */

static enum found pam_find(struct task *task, struct store *store, struct slice login,
	struct arena *arena, struct account *account, struct text *because)
{
	struct question question = {.store = pam_of(store),
		.login = login,
		.arena = arena,
		.account = account,
		.because = because};

	offload_run(task, store->pool, run_find, &question);
	return question.found;
}

static enum found pam_test(struct task *task, struct store *store, struct slice login,
	struct slice password, struct arena *arena, struct account *account, struct text *because)
{
	struct question question = {.store = pam_of(store),
		.login = login,
		.password = password,
		.arena = arena,
		.account = account,
		.because = because};

	offload_run(task, pam_of(store)->testing, run_test, &question);
	return question.found;
}

/* Names of a host have no domain but the one that the configuration gives them (stores.c). */
static enum found pam_mailbox(struct task *task, struct store *store, struct slice address,
	struct arena *arena, struct text *because)
{
	(void)task, (void)store, (void)address, (void)arena, (void)because;
	return NOT_FOUND;
}

static void pam_close(struct store *base)
{
	struct pam_store *store = pam_of(base);

	offload_close(store->testing);
	free(store->service);
	free(store);
}

static const struct store_kind kind = {
	.name = "pam",
	.find = pam_find,
	.test = pam_test,
	.mailbox = pam_mailbox,
	.close = pam_close,
};

/* PAM takes the service's name for that of a file. */
static bool is_service(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_alnum(name.at[i]) && !slice_has(SLICE("-_"), name.at[i]))
			return false;
	return name.len > 0;
}

struct store *store_pam_open(
	struct loop *loop, struct offload *pool, const struct settings *settings, struct text *why)
{
	struct pam_store *store;

	(void)pool;
	if (!is_service(settings->accounts_where)) {
		text_put(why, SLICE("no name of a PAM service: "));
		text_escaped(why, settings->accounts_where);
		text_put(why, SLICE("; one like \"postern\", for /etc/pam.d/postern"));
		return NULL;
	}
	if (!pam_library_load(why))
		return NULL;
	store = calloc(1, sizeof *store);
	panic_if(!store, "no memory for a store");
	store->store.kind = &kind;
	store->service = slice_string(settings->accounts_where);
	store->testing = offload_open(loop, THREADS);
	panic_if(!store->service || !store->testing, "no memory or threads for PAM");
	return &store->store;
}
