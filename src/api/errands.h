#pragma once
// Errands: what those who read ask of the journal and of the archive, one thing of each at a
// time. So sinks, which read the same journal, and sound that is to be kept never stand behind
// more than one of them; and who asks and goes, again and again, leaves nothing behind.
//
// Threads: loop thread only.
// Memory:  what waits is bounded by its askers, each of which has one errand at a time;
//          sound by ERRANDS_SOUND_MAX.

#include <stdbool.h>
#include <stddef.h>

#include "journal/archive.h"
#include "journal/query.h"

struct errands;
struct journal;

// Bytes of sound that is being read, and of that which askers have.
#define ERRANDS_SOUND_MAX ((size_t)256 << 20)

struct errands *errands_new(void);

// Before the journal and the archive are closed. Nobody is called any more. NULL is fine.
// Returns NULL.
struct errands *errands_free(struct errands *errands);

// As journal_read(), when it is its turn. The query is copied.
void errands_read(struct errands *errands, struct journal *journal, const struct query *query,
                  void (*on_page)(void *context, struct query_page *page), void *context);

// As archive_read(), likewise; of `n_most` bytes at most. False, and nothing comes of it, when
// there is no room for so many. The asker has the sound's n bytes until it gives them back.
bool errands_hear(struct errands *errands, struct archive *archive,
                  const struct archive_query *query, size_t n_most,
                  void (*on_sound)(void *context, struct archive_sound *sound,
                                   const char *trouble),
                  void *context);
void errands_give_back(struct errands *errands, size_t n);

// No further calls for this context; what has not begun is left out.
void errands_drop(struct errands *errands, const void *context);
