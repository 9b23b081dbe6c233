#pragma once
// Listen wish: which sound a program brings, as a request to listen says it: `?stream=`,
// `&rate=`, `&format=`, `&channels=` and `&keep=`.
//
// Threads: any; plain data.

#include <stdbool.h>

#include "audio/pcm.h"
#include "util/cleanup.h"

struct listen_wish {
        char *stream;
        unsigned rate;  // Hz
        enum pcm_format format;
        unsigned channels;
        bool is_kept, is_unkept;  // its text; neither: as the server keeps text of clients
};

// What is wrong with a request, as a problem has it (problem.h).
struct listen_mistake {
        const char *field;  // static
        const char *detail;
};

// `query` as it came. False: *ret_mistake says what is wrong. listen_wish_deinit() it in any
// case.
bool listen_wish_read(const char *query, struct listen_wish *ret,
                      struct listen_mistake *ret_mistake);

void listen_wish_deinit(struct listen_wish *wish);
