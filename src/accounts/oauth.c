/* SPDX-License-Identifier: Apache-2.0 */
/* Token introspection. The contract is in oauth.h. */
#include "accounts/oauth.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "accounts/curl_library.h"
#include "base/panic.h"
#include "policy/policy.h"

enum { ANSWER_MAX = 64 << 10, PATIENCE_S = 10, CONNECT_S = 4 };
enum { HTTP_OK = 200, HTTP_UNAUTHORISED = 401, HTTP_FORBIDDEN = 403 };

/* ---- what is configured ---- */

static bool password_read(struct slice path, char *password, struct text *why)
{
	char name[PATH_MAX];

	snprintf(name, sizeof name, "%.*s", SLICE_ARGS(path));
	FILE *file = fopen(name, "re");
	int error = errno;
	if (file)
		setvbuf(file, NULL, _IONBF, 0); /* no other copy of it */
	bool read = file && fgets(password, TOKEN_PASSWORD_MAX, file);
	size_t len = read ? strcspn(password, "\r\n") : 0;
	bool whole = len < TOKEN_PASSWORD_MAX - 1;
	if (len == 0 || !whole)
		text_format(why, "tokens: %s cannot be read: %s", name,
			!file   ? strerror(error)
			: whole ? "it is empty"
				: "its first line is too long");
	if (file)
		fclose(file);
	password[len] = '\0';
	return len > 0 && whole;
}

bool token_setting_read(
	const struct settings *settings, struct token_setting *setting, struct text *why)
{
	*setting = (struct token_setting){.url = settings->tokens_url,
		.login = settings->tokens_login,
		.member = settings->tokens_name};
	return (!setting->url.len || curl_library_load(why)) &&
	       (!setting->login.len ||
		       password_read(settings->tokens_password_file, setting->password, why));
}

/* ---- the answer (RFC 7662 section 2.2) ---- */

static bool is_current(const json_t *answer, int64_t now)
{
	const json_t *expires = json_object_get(answer, "exp");
	const json_t *not_before = json_object_get(answer, "nbf");

	return !(json_is_number(expires) && json_number_value(expires) <= (double)now) &&
	       !(json_is_number(not_before) && json_number_value(not_before) > (double)now);
}

static enum token judge(const json_t *answer, const char *member, int64_t now, struct arena *arena,
	struct slice *login, struct text *because)
{
	const json_t *active = json_object_get(answer, "active");
	const json_t *name = json_object_get(answer, member);

	if (!json_is_boolean(active)) {
		text_put(because, SLICE("its answer has no \"active\""));
		return TOKEN_CANNOT_TELL;
	}
	if (!json_is_true(active) || !is_current(answer, now)) {
		text_put(because, SLICE("the token is not active"));
		return TOKEN_BAD;
	}
	if (!json_is_string(name) || !json_string_length(name)) {
		text_format(because, "its answer does not name the account: no \"%s\"", member);
		return TOKEN_BAD;
	}
	*login = arena_slice(
		arena, (struct slice){json_string_value(name), json_string_length(name)});
	return TOKEN_GOOD;
}

enum token token_answer_read(struct slice json, struct slice member, int64_t now,
	struct arena *arena, struct slice *login, struct text *because)
{
	json_t *answer = json_loadb(json.at ? json.at : "", json.len, JSON_REJECT_DUPLICATES, NULL);
	enum token token = TOKEN_CANNOT_TELL;

	*login = SLICE_NONE;
	if (json_is_object(answer))
		token = judge(answer, arena_string(arena, member), now, arena, login, because);
	else
		text_put(because, SLICE("its answer is no JSON object"));
	json_decref(answer);
	return token;
}

/* ---- asking, in a thread ---- */

struct inquiry_job {
	const char *url, *user, *form;
	struct text answer;
	long status;
	char words[CURL_ERROR_SIZE];
	CURLcode end;
};

static size_t take_answer(char *bytes, size_t size, size_t count, void *arg)
{
	struct inquiry_job *job = arg;

	if (job->answer.len + size * count > ANSWER_MAX)
		return 0; /* curl gives up */
	text_put(&job->answer, (struct slice){bytes, size * count});
	return size * count;
}

static bool is_loopback_url(const char *url)
{
	return strncmp(url, "http://127.", 11) == 0 || strncmp(url, "http://[::1]", 12) == 0;
}

static void job_set(CURL *curl, struct inquiry_job *job, struct curl_slist *headers)
{
	curl_easy_setopt(curl, CURLOPT_URL, job->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, is_loopback_url(job->url) ? "http" : "https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L); /* a token goes where it was sent */
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)PATIENCE_S);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, job->form);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, job);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, job->words);
	if (*job->user) {
		curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(curl, CURLOPT_USERPWD, job->user);
	}
}

static void job_run(void *arg)
{
	struct inquiry_job *job = arg;
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");

	panic_if(!curl || !headers, "out of memory for a question about a token");
	job_set(curl, job, headers);
	job->end = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &job->status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
}

/* Tokens have no character that a form would encode but these (sasl: b64token). */
static void put_form_value(struct text *form, struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];
		if (ascii_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~')
			text_char(form, c);
		else
			text_format(form, "%%%02X", (unsigned)(uint8_t)c);
	}
}

static const char *form_of(struct slice token, struct arena *arena)
{
	static const struct slice tail = SLICE("&token_type_hint=access_token");
	size_t size = 3 * token.len + tail.len + sizeof "token=";
	struct text form = {.at = arena_alloc(arena, size), .size = size};

	text_put(&form, SLICE("token="));
	put_form_value(&form, token);
	text_put(&form, tail);
	text_char(&form, '\0');
	return form.at;
}

static bool was_answered(const struct inquiry_job *job, struct text *because)
{
	if (job->end != CURLE_OK)
		text_escaped(
			because, slice_of(*job->words ? job->words : curl_easy_strerror(job->end)));
	else if (job->status == HTTP_UNAUTHORISED || job->status == HTTP_FORBIDDEN)
		text_format(because, "it refuses to tell us (%ld): look at its login and password",
			job->status);
	else if (job->status != HTTP_OK)
		text_format(because, "it answers %ld", job->status);
	return job->end == CURLE_OK && job->status == HTTP_OK;
}

enum token token_test(struct task *task, struct offload *pool, const struct token_setting *setting,
	struct slice token, struct arena *arena, struct slice *login, struct text *because)
{
	enum token verdict = TOKEN_CANNOT_TELL;
	struct slice user = setting->login.len
				    ? arena_format(arena, "%.*s:%s", SLICE_ARGS(setting->login),
					      setting->password)
				    : SLICE_NONE;
	struct inquiry_job *job = ARENA_NEW(arena, struct inquiry_job);
	struct slice member = arena_slice(arena, setting->member); /* a reload may come between */

	job->url = arena_string(arena, setting->url);
	job->user = arena_string(arena, user);
	job->form = form_of(token, arena);
	job->answer = TEXT_GROWING;
	*login = SLICE_NONE;
	text_put(because, SLICE("tokens: "));
	offload_run(task, pool, job_run, job);
	if (was_answered(job, because))
		verdict = token_answer_read(text_slice(&job->answer), member,
			loop_wall(task_loop(task)) / NS_PER_S, arena, login, because);
	if (job->answer.at)
		explicit_bzero(job->answer.at, job->answer.len);
	text_free(&job->answer);
	return verdict;
}
