#pragma once
// Row: one thing that happened, as the journal keeps it and hands it on: a final segment, an
// alert, a change of a stream's state, or text that was removed. Plain data; row_json.h gives
// it its one shape for readers.
//
// Threads: any one at a time; a row moves from the loop to the journal's threads and back.
// Memory:  a row owns its texts and words; texts that are absent are NULL.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

#define ROW_ID_BYTES      16
#define ROW_ID_TEXT_MAX   37  // 8-4-4-4-12 hexadecimal digits and the final zero
#define ROW_CURSOR_MAX    48  // "EPOCH-ROW" and the final zero
#define ROW_CONFIDENCE_NO (-1.0F)

enum row_kind { ROW_SEGMENT, ROW_ALERT, ROW_STATUS, ROW_FORGOTTEN, ROW_KINDS };

// "segment", "alert", "status", "forgotten".
extern const char *const row_kind_names[ROW_KINDS + 1];

// A place in the journal: rows are numbered from 1 in each database, and a database that had to
// be begun anew has another epoch. Row 0 is before the first; a zeroed cursor is none.
struct row_cursor {
        uint64_t epoch;
        int64_t row;
};

// A word and when it was said: positions on the stream's clock, in samples.
struct row_word {
        char *text;
        int64_t begin, end;
        float probability;
};

// What an alert's row says (kind ROW_ALERT).
enum row_phase { ROW_FIRED, ROW_CONFIRMED, ROW_WITHDRAWN, ROW_PHASES };

// "fired", "confirmed", "withdrawn".
extern const char *const row_phase_names[ROW_PHASES + 1];

struct row {
        struct row_cursor cursor;  // row 0: not written (yet)
        uint8_t id[ROW_ID_BYTES];  // UUIDv7
        enum row_kind kind;
        bool is_durable;

        char *stream;     // NULL only for ROW_FORGOTTEN of all streams
        char *session;    // the client's session; NULL for pulled streams
        char *dialect;    // how the client speaks; NULL for pulled streams
        char *channel;    // where a dialect keeps channels apart
        char *principal;  // whose session it is
        uint32_t generation;

        int64_t start, end;           // wall clock, Unix time in milliseconds
        int64_t position, n_samples;  // on the stream's clock

        char *language;    // code of Whisper's
        char *text;        // UTF-8, without the blank before it
        char *model;       // that heard it
        float confidence;  // exp of the mean log probability of its tokens; ROW_CONFIDENCE_NO
        struct row_word *words;
        size_t n_words;

        char *state, *reason;  // ROW_STATUS: as stream_notice

        // ROW_ALERT; `text` is the text around what was found, words their times.
        char *alert;  // the alert's name
        char *found;  // what was said that made it fire
        enum row_phase phase;
        uint8_t segment[ROW_ID_BYTES];  // the final segment that it stands in; zeros: none yet
        uint8_t firing[ROW_ID_BYTES];   // the row that fired, of one confirmed or withdrawn
};

// A deep copy. The caller owns it.
struct row *row_copy(const struct row *row);

// NULL is fine. Returns NULL.
struct row *row_free(struct row *row);

// Free what it holds and zero it, for rows within arrays.
void row_deinit(struct row *row);

// About how much memory it takes, in bytes.
size_t row_bytes(const struct row *row);

// "0197c1d2-....": the id as text; and back. False when it is none.
void row_id_format(const uint8_t id[ROW_ID_BYTES], char ret[ROW_ID_TEXT_MAX]);
bool row_id_parse(const char *text, uint8_t ret[ROW_ID_BYTES]);

// "EPOCH-ROW"; and back. False when it is none.
void row_cursor_format(struct row_cursor cursor, char ret[ROW_CURSOR_MAX]);
bool row_cursor_parse(const char *text, struct row_cursor *ret);

// Makes ids that sort in the order in which they were made, whatever the clock does: time does
// not go back (RFC 9562, UUIDv7: milliseconds, then a counter of 12 bits that carries into the
// milliseconds, then 62 random bits). Zeroed is fresh; one owner, one thread.
struct row_ids {
        uint64_t last;  // milliseconds << 12 | counter
};
void row_id_make(struct row_ids *ids, int64_t now_ms, uint8_t ret[ROW_ID_BYTES]);

DEFINE_CLEANUP(struct row *, row_free);
