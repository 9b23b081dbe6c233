#pragma once
// List: what singly linked lists need beyond a pointer to the first item and one in each item
// to the next.
//
// Threads: any one at a time.

// Take `item` out of the list that begins at `first`, in which it is; `next` is the member that
// links the items.
#define LIST_UNLINK(first, item, next)                   \
        do {                                             \
                __typeof__(first) *list_link = &(first); \
                                                         \
                while (*list_link != (item))             \
                        list_link = &(*list_link)->next; \
                *list_link = (item)->next;               \
        } while (0)
