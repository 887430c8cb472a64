/* SPDX-License-Identifier: Apache-2.0 */
/* Answers kept for a while. The contract is in kept.h. */
#include "accounts/kept.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/panic.h"

enum { KEY_MAX = SIGNIN_SUBJECT_MAX + 1 };

struct entry {
	struct list link; /* the oldest first */
	mono_ns until;
	struct kept_answer answer;
	struct slice key;
	char bytes[]; /* key, texts, because */
};

struct kept_answers {
	struct map *map;
	struct list entries;
	size_t most;
};

struct kept_answers *known_new(uint64_t seed, size_t most)
{
	struct kept_answers *kept = calloc(1, sizeof *kept);

	panic_if(!kept, "no memory for answers");
	kept->map = map_new(seed);
	kept->most = most;
	list_init(&kept->entries);
	return kept;
}

static void entry_free(struct kept_answers *kept, struct entry *entry)
{
	map_take(kept->map, entry->key);
	list_remove(&entry->link);
	free(entry);
}

void known_forget(struct kept_answers *kept)
{
	LIST_EACH (struct entry, entry, &kept->entries, link)
		entry_free(kept, entry);
}

void known_free(struct kept_answers *kept)
{
	known_forget(kept);
	map_free(kept->map);
	free(kept);
}

size_t known_count(const struct kept_answers *kept)
{
	return map_count(kept->map);
}

/* The question's number and the subject. */
static struct slice key_of(
	enum signin_question question, struct slice subject, char buffer[KEY_MAX])
{
	buffer[0] = (char)question;
	if (subject.len)
		memcpy(buffer + 1, subject.at, subject.len);
	return (struct slice){buffer, subject.len + 1};
}

bool known_find(struct kept_answers *kept, enum signin_question question, struct slice subject,
	mono_ns now, struct kept_answer *answer)
{
	char buffer[KEY_MAX];

	if (subject.len > SIGNIN_SUBJECT_MAX)
		return false;
	struct entry *entry = map_get(kept->map, key_of(question, subject, buffer));
	if (entry && entry->until <= now) {
		entry_free(kept, entry);
		entry = NULL;
	}
	if (entry)
		*answer = entry->answer;
	return entry != NULL;
}

static struct slice take(char **at, struct slice s)
{
	char *to = *at;

	if (s.len)
		memcpy(to, s.at, s.len);
	*at += s.len;
	return (struct slice){to, s.len};
}

static struct entry *entry_new(struct slice key, const struct kept_answer *answer)
{
	struct entry *entry =
		malloc(sizeof *entry + key.len + answer->texts.len + answer->because.len);

	panic_if(!entry, "no memory for an answer");
	*entry = (struct entry){.answer = *answer};
	char *at = entry->bytes;
	entry->key = take(&at, key);
	entry->answer.texts = take(&at, answer->texts);
	entry->answer.because = take(&at, answer->because);
	return entry;
}

void known_put(struct kept_answers *kept, enum signin_question question, struct slice subject,
	mono_ns until, const struct kept_answer *answer)
{
	char buffer[KEY_MAX];

	if (subject.len > SIGNIN_SUBJECT_MAX)
		return;
	struct slice key = key_of(question, subject, buffer);
	struct entry *before = map_get(kept->map, key);
	if (before)
		entry_free(kept, before);
	else if (map_count(kept->map) >= kept->most)
		entry_free(kept, LIST_OBJECT(struct entry, kept->entries.next, link));
	struct entry *entry = entry_new(key, answer);
	entry->until = until;
	list_append(&kept->entries, &entry->link);
	map_put(kept->map, entry->key, entry);
}
