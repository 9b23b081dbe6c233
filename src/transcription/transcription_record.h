#pragma once
// Transcription record: what is known of a file that is to be made text, and what outlives the
// process of it, as a JSON file.
//
// Threads: any; plain data.
// Memory:  a record owns its texts.

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/hypothesis.h"
#include "transcription/transcription_wish.h"
#include "util/error.h"

#define TRANSCRIPTION_ID_DIGITS 32         // hexadecimal: 128 bits of chance
#define TRANSCRIPTION_TEXT_MAX  1024       // bytes of any text of a record but what is wished
#define TRANSCRIPTION_BYTES_MAX (1 << 20)  // of a record's file

enum transcription_state {
        TRANSCRIPTION_COMING,   // its bytes are not all there yet
        TRANSCRIPTION_WAITING,  // for its turn
        TRANSCRIPTION_RUNNING,
        TRANSCRIPTION_DONE,
        TRANSCRIPTION_FAILED,
};

#define TRANSCRIPTION_STATES (TRANSCRIPTION_FAILED + 1)

// "coming", "waiting", "running", "done", "failed"; static.
const char *transcription_state_name(enum transcription_state state);

struct transcription_record {
        char id[TRANSCRIPTION_ID_DIGITS + 1];
        enum transcription_state state;
        char *principal;         // whose it is, by name
        char *address;           // from where it came, whose share of the decoder it takes
        char *file;              // what its sender calls it; NULL: nothing
        uint64_t size;           // bytes of the file
        uint64_t result_size;    // bytes of what came of it, in all forms
        int64_t created, ended;  // Unix ms; ended 0: not yet
        struct transcription_wish wish;

        // Of those that are over:
        int64_t n_samples;                 // of its sound
        char language[LANGUAGE_CODE_MAX];  // "": nothing was said
        char *warning;                     // what people should know; NULL: nothing
        char *reason;                      // why it failed
        int status;                        // as HTTP has it: 413, 422, ...
};

// Whether the text is an id as records have them.
bool transcription_id_is_good(const char *text);

// What is to be kept, which the caller frees; a state that ends with the process is kept as
// waiting.
char *transcription_record_text(const struct transcription_record *record);

// Read what was kept. -EINVAL with words for what transcription_record_text() does not write.
// transcription_record_deinit() it in any case.
int transcription_record_read(struct transcription_record *ret, const char *text, size_t n,
                              struct error *error);

void transcription_record_deinit(struct transcription_record *record);
