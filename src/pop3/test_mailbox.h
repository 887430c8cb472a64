/* SPDX-License-Identifier: Apache-2.0 */
/* A Maildir in a folder of its own, for tests. */
#ifndef POP3_TEST_MAILBOX_H
#define POP3_TEST_MAILBOX_H

struct mailbox_folder {
	char path[200]; /* the Maildir's */
	char top[100];  /* what is removed at the end */
};

/* `below`: where in the folder the Maildir is, "/example.org/alice", or "". */
void mailbox_make(struct mailbox_folder *folder, const char *below);
void mailbox_remove(struct mailbox_folder *folder); /* with everything in it */
/* "new/1.a" with this content; the name of the same file elsewhere; whether it is there. */
void mailbox_put(const struct mailbox_folder *folder, const char *name, const char *content);
void mailbox_move(const struct mailbox_folder *folder, const char *from, const char *to);
int mailbox_has(const struct mailbox_folder *folder, const char *name);

#endif
