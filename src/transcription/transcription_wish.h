#pragma once
// Transcription wish: how somebody wants a file to be made text, as parameters of a request say
// it: `language`, `task`, `prompt`, `hotwords`, `words` and `beam_size`.
//
// Threads: any; plain data.
// Memory:  a wish owns its texts.

#include <jansson.h>
#include <stdbool.h>

#include "decode/settings.h"
#include "util/error.h"

// Zeroed asks for nothing but defaults.
struct transcription_wish {
        const char *language;  // code of Whisper's, static; "" detects; NULL: absent
        bool has_task;
        enum decode_task task;
        char *prompt, *hotwords;  // NULL: absent
        bool has_word_times;
        unsigned beam_size;  // 0: absent
        unsigned seen;       // which parameters were set
};

// The names of all parameters; NULL at the end.
extern const char *const transcription_wish_names[];

// Set the parameter of that name. -ENOENT: there is none of that name; -EINVAL with words: not
// to that value, or it was set before.
int transcription_wish_set(struct transcription_wish *wish, const char *name, const char *value,
                           struct error *error);

// Whether what was set goes together: -EINVAL with words, and the name of what does not in
// *ret_name (static).
int transcription_wish_check(const struct transcription_wish *wish, const char **ret_name,
                             struct error *error);

// What was set, as an object of texts, which the caller owns; and back. -EINVAL with words for
// what transcription_wish_json() does not write.
json_t *transcription_wish_json(const struct transcription_wish *wish);
int transcription_wish_read(struct transcription_wish *ret, const json_t *json,
                            struct error *error);

void transcription_wish_deinit(struct transcription_wish *wish);
