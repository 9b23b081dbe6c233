#pragma once
// Option table: what users set about decoding, one table for the configuration's keys and the
// command line's options alike, under faster-whisper's names. What each means, its default and
// range: docs/configuration.md.
//
// Threads: main thread and loop.

#include <stdbool.h>
#include <stddef.h>

#include "decode/job.h"

enum decode_option_kind {
        DECODE_OPTION_SWITCH,  // bool
        DECODE_OPTION_CHOICE,  // enum decode_choice, as a switch
        DECODE_OPTION_COUNT,   // unsigned
        DECODE_OPTION_NUMBER,  // float
        DECODE_OPTION_TEXT,    // char *
        DECODE_OPTION_TEMPERATURES,
        DECODE_OPTION_TOKENS,
};

struct decode_option {
        const char *name;  // "beam_size"
        enum decode_option_kind kind;
        size_t offset;         // in struct decode_options
        double least, most;    // of a count, number, or item of a list
        double off;            // what "off" stands for; 0: it stands for nothing
        const char *expected;  // in words, for mistakes
        const char *help;      // one line
};

// Ended by an entry without a name.
extern const struct decode_option decode_option_table[];

// All values that it can have, NULL at the end; NULL where it is free.
const char *const *decode_option_choices(const struct decode_option *option);

// What stands for its value in a help: "N".
const char *decode_option_argument(const struct decode_option *option);

// What stands between the items of a list: "," or " "; NULL when it takes no list.
const char *decode_option_separator(const struct decode_option *option);

// The entry with that name, or NULL.
const struct decode_option *decode_option_find(const char *name);

// Check the value and put it (or a copy) into the options. False when it is not what is
// expected; the options are then as before.
bool decode_option_set(const struct decode_option *option, struct decode_options *options,
                       const char *value);

// Some options with their values, to be set over others later: what one stream wishes. Zeroed
// is empty.
struct decode_wish {
        const struct decode_option *option;
        char *value;
};

struct decode_wishes {
        struct decode_wish *items;
        size_t n;
};

// Add a value that decode_option_set() took; it is copied.
void decode_wishes_add(struct decode_wishes *wishes, const struct decode_option *option,
                       const char *value);
void decode_wishes_apply(const struct decode_wishes *wishes, struct decode_options *options);
void decode_wishes_deinit(struct decode_wishes *wishes);
