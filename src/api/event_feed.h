#pragma once
// Event feed: where events come from and who is told of them. Rows come from the journal when
// they may be shown; text that is not final, and that of streams which are not journaled, from
// the hub's streams. It tells of streams that are listed or journaled: what else a client says
// to the server is nobody's to hear.
//
// Threads: loop thread only.

#include "api/event_reader.h"

struct event_feed;
struct hub;

// The hub is lent, and outlives the feed, as does its journal, which may come later.
struct event_feed *event_feed_new(struct hub *hub);

// All readers have left. NULL is fine. Returns NULL.
struct event_feed *event_feed_free(struct event_feed *feed);

// Tell the reader, which is its owner's, from now on (event_reader_begin()); and no more,
// before it is freed.
void event_feed_join(struct event_feed *feed, struct event_reader *reader,
                     struct event_wish *wish, const struct principal *principal,
                     const struct event_outlet *outlet);
void event_feed_leave(struct event_feed *feed, struct event_reader *reader);
