#pragma once
// OpenAI wish: what the fields of a form say about a file that is to be made text, as OpenAI's
// API has them, with what servers of one's own have added; and as whisper.cpp's server has
// them.
//
// Threads: any; plain data.
// Memory:  a wish owns its texts.

#include <stdbool.h>

#include "dialect/client_options.h"
#include "pipeline/request.h"
#include "util/error.h"

enum openai_format {
        OPENAI_JSON,
        OPENAI_TEXT,
        OPENAI_SRT,
        OPENAI_VERBOSE,
        OPENAI_VTT,
};

// Zeroed asks for nothing but defaults.
struct openai_wish {
        enum openai_format format;
        struct client_options options;
        unsigned n_languages;  // candidates that were named
        bool is_translation;   // into English
        float temperature;     // 0: absent, or the server's
        unsigned beam_size;    // 0: absent
        bool has_beams;        // they are searched: its size is `n_beams`, where that was said
        unsigned n_beams;
        bool wants_segments;  // in the verbose form, or words (options.wants_words); neither
                              // said: these
        bool streams;         // events while it is being heard
        bool no_timestamps;   // whisper.cpp: segments without
};

// A field of that name. Unknown ones, and those whose wish nothing can be done about and which
// do no harm, are ignored. -EINVAL with words, which begin with none of the field's name.
int openai_wish_set(struct openai_wish *wish, const char *name, const char *value,
                    struct error *error);
int openai_wish_set_whispercpp(struct openai_wish *wish, const char *name, const char *value,
                               struct error *error);

// Whether it goes together; -EINVAL with words, and the field in *ret_name (static).
int openai_wish_check(const struct openai_wish *wish, const char **ret_name,
                      struct error *error);

// What is to be asked for; its texts are lent by the wish.
void openai_wish_request(const struct openai_wish *wish, struct request *ret);

void openai_wish_deinit(struct openai_wish *wish);
