/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists: doubly linked, circular, the links inside the objects; nothing is allocated.
 *
 * A `struct list` is a list's head or an object's link. Zero-filled links are not in a list and may
 * be asked list_is_linked().
 *
 *	struct waiter { struct list link; … };
 *	struct list waiters = LIST_HEAD(waiters);
 *	list_append(&waiters, &w->link);
 *	LIST_EACH (struct waiter, w, &waiters, link) …         the body may remove `w`, nothing else
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *before;
};

#define LIST_HEAD(name)                                                                            \
	{                                                                                          \
		&(name), &(name)                                                                   \
	}
#define LIST_OBJECT(type, at, member) ((type *)(void *)((char *)(at)-offsetof(type, member)))
#define LIST_EACH(type, object, head, member)                                                      \
	for (struct list *object##_at = (head)->next, *object##_next;                              \
		object##_next = object##_at->next, object##_at != (head);                          \
		object##_at = object##_next)                                                       \
		for (type *object = LIST_OBJECT(type, object##_at, member); object; object = NULL)

static inline void list_init(struct list *head)
{
	head->next = head->before = head;
}
static inline bool list_is_empty(const struct list *head)
{
	return head->next == head;
}
static inline bool list_is_linked(const struct list *link)
{
	return link->next != NULL;
}
static inline void list_insert_before(struct list *place, struct list *link)
{
	link->next = place;
	link->before = place->before;
	place->before->next = link;
	place->before = link;
}
static inline void list_append(struct list *head, struct list *link)
{
	list_insert_before(head, link);
}
static inline void list_prepend(struct list *head, struct list *link)
{
	list_insert_before(head->next, link);
}
static inline void list_remove(struct list *link)
{
	link->before->next = link->next;
	link->next->before = link->before;
	link->next = link->before = NULL;
}
/* The first link, taken out; NULL if the list is empty. */
static inline struct list *list_take(struct list *head)
{
	if (list_is_empty(head))
		return NULL;
	struct list *first = head->next;
	list_remove(first);
	return first;
}

#endif
