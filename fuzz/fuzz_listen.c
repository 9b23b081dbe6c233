// What a program that brings sound asks for.
#include <stdlib.h>
#include <string.h>

#include "api/listen_wish.h"
#include "audio/resampler.h"
#include "fuzz.h"
#include "pipeline/hub_names.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        CLEANUP(mem_freep) char *query = xcalloc(n + 1, 1);
        struct listen_mistake mistake = {0};
        struct listen_wish wish;

        if (n)
                memcpy(query, bytes, n);
        if (!listen_wish_read(query, &wish, &mistake)) {
                if (!mistake.detail)
                        abort();
        } else if (!wish.stream[0] || strlen(wish.stream) > HUB_NAME_MAX ||
                   wish.rate < RESAMPLER_RATE_MIN || wish.rate > RESAMPLER_RATE_MAX) {
                abort();
        }
        listen_wish_deinit(&wish);
        return 0;
}
