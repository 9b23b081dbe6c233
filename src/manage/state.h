#pragma once
// State: what was changed by the API and has to outlive the process, as sections of one JSON
// file, state.json in the state folder. It holds passwords of URLs, and is for our user only.
//
// A section belongs to whoever sets it; those that nobody knows are kept as they are. The file
// is written by a thread, whole and anew, and takes the old one's place once it is on disk.
//
// Threads: loop thread only.

#include <jansson.h>

#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

struct state;

// Largest file that is read.
#define STATE_BYTES_MAX (512 * 1024 * 1024)

// Read what the folder has. Never fails: a file that makes no sense is set aside under another
// name, which is logged; where another server has it, nothing is read and state_trouble() says
// so.
struct state *state_open(struct loop *loop, const char *folder);

// What was set and is not on disk is written, if the disk answers. Whoever waits in
// state_keep() is told. NULL is fine. Returns NULL.
struct state *state_close(struct state *state);

// A section, lent; NULL: there is none.
const json_t *state_get(const struct state *state, const char *section);

// Put the section, which is taken, in the place of the one there is. It is written soon.
void state_set(struct state *state, const char *section, json_t *json);

// Set the file aside, and say why in the log: what is set from now on makes another one.
void state_set_aside(struct state *state, const char *why);

// Why nothing can be kept; NULL: it can, as far as is known. Lent until the next turn.
const char *state_trouble(const struct state *state);

// Call on_kept(context, trouble) once all that was set so far is on disk, later than this
// returns; with what was wrong when it could not be written (it is tried again), else NULL.
void state_keep(struct state *state, void (*on_kept)(void *context, const char *trouble),
                void *context);

DEFINE_CLEANUP(struct state *, state_close);
