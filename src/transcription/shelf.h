#pragma once
// Shelf: the folder in which files wait to be made text, with a record of each, and results
// wait to be fetched. Only our user may read it.
//
// Whatever has a record is whole: a file's bytes are there under another name (".part") until
// all came, and what replaces something is written beside it, and takes its place once it is on
// disk.
//
// Threads: any; no state. Each call may wait for the disk.

#include <stddef.h>
#include <stdint.h>

#include "transcript/transcript_writer.h"
#include "util/error.h"

#define SHELF_FORMATS 4  // of enum transcript_format

// The text in all forms.
struct shelf_text {
        char *bytes;
        size_t n;
};

// Make the folder where there is none, and take its lock, which *ret holds until it is closed.
// -EBUSY: another server has it. Negative errno with words.
int shelf_lock(int *ret, const char *folder, struct error *error);

// Begin a file: *ret is its descriptor, to be written with shelf_append(). Negative errno with
// words.
int shelf_begin(int *ret, const char *folder, const char *id, struct error *error);
int shelf_append(int descriptor, const uint8_t *bytes, size_t n, struct error *error);

// A file that nobody finds, begun likewise: nothing is left of it when its two descriptors are
// closed. *ret_reading is to be read from.
int shelf_scratch(int *ret, int *ret_reading, const char *folder, const char *id,
                  struct error *error);

// All bytes of the file came: it is on disk, and so is its record, when this returns 0.
int shelf_accept(const char *folder, const char *id, int descriptor, const char *record,
                 struct error *error);

// What became of the file: its text (NULL: it failed), and its record; the file itself goes.
int shelf_finish(const char *folder, const char *id,
                 const struct shelf_text texts[SHELF_FORMATS], const char *record,
                 struct error *error);

// A descriptor of the file, to be read; negative errno (-ENOENT: it is gone).
int shelf_sound(const char *folder, const char *id);

// Read the text in that form, which the caller frees, with a zero behind its end. Negative
// errno (-ENOENT: it is gone) with words.
int shelf_read(const char *folder, const char *id, enum transcript_format format,
               struct shelf_text *ret, struct error *error);

// Nothing is left of it.
void shelf_remove(const char *folder, const char *id);

// Look through the folder, when nobody else does anything in it: on_record(context, id, text,
// n) is told of each record, and says whether it can be understood. One that cannot is set
// aside under another name, with its files; one that cannot be read for now is left alone; what
// has no record goes. Negative errno with words: nothing was looked at.
int shelf_look_through(const char *folder,
                       bool (*on_record)(void *context, const char *id, const char *text,
                                         size_t n),
                       void *context, struct error *error);
