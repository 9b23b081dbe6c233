#pragma once
// Messages: what Vosk's clients say besides their sound, and the answers that they get.
//
// Threads: any one at a time.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dialect/client_options.h"
#include "transcript/segment.h"
#include "util/error.h"

// Limits of what is asked for.
#define VOSK_RATE_MIN         8000
#define VOSK_RATE_MAX         96000
#define VOSK_ALTERNATIVES_MAX 100

enum vosk_type {
        VOSK_CONFIG,
        VOSK_EOF,    // this was all
        VOSK_RESET,  // tell what was said so far, and go on with something else
        VOSK_OTHER,  // nothing that is known
};

struct vosk_config {
        unsigned rate;                  // Hz
        bool wants_list;                // of alternatives, of which there is one
        struct client_options options;  // words, and phrases that are likely
};

// What holds of clients who say nothing, as in Vosk's own server.
#define VOSK_CONFIG_USUAL                   \
        ((struct vosk_config){.rate = 8000, \
                              .options = {.wants_words = true, .wants_partials = true}})

// Read a text. A config is put over what *config says, but for members that the server has no
// ears for (model, max_alternatives beyond the first). 0, or a negative or DIALECT_E_*
// (dialect/json_text.h) with words.
int vosk_message_parse(enum vosk_type *ret, struct vosk_config *config, const char *text,
                       size_t n, struct error *error);
void vosk_config_deinit(struct vosk_config *config);

// --- answers; the caller frees each
// ------------------------------------------------------------

char *vosk_encode_partial(const char *text, size_t *ret_n);

// Final text, of segments in their order (none: ""); times are counted from `origin`.
char *vosk_encode_result(const struct vosk_config *config, const struct segment *const *finals,
                         size_t n_finals, int64_t origin, size_t *ret_n);
