#pragma once
// Shelf chores: what is done with the shelf's folder (shelf.h) while the loop goes on.
//
// Threads: loop thread only. No call waits for the disk; its arguments are copied.

#include "transcription/chore.h"
#include "transcription/shelf.h"

// Nothing is left of it.
void shelf_chore_remove(struct chores *chores, const char *folder, const char *id);

// Read its text in that form. on_text(context, text, error) is called once, not from inside
// this call: with the text, whose bytes it frees, or with words (-ENOENT: the text is gone).
void shelf_chore_read(struct chores *chores, const char *folder, const char *id,
                      enum transcript_format format,
                      void (*on_text)(void *context, struct shelf_text *text,
                                      const struct error *error),
                      void *context);
