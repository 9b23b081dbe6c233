// What a reader of events asks for: a query, and behind a line's end a Last-Event-ID.
#include <stdlib.h>
#include <string.h>

#include "api/event_wish.h"
#include "fuzz.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        CLEANUP(mem_freep) char *text = xcalloc(n + 1, 1);
        char *last = text, *query;
        struct event_wish_mistake mistake = {0};
        struct event_wish wish;

        if (n)
                memcpy(text, bytes, n);
        query = strsep(&last, "\n");
        if (event_wish_read(query, last, &wish, &mistake))
                (void)event_wish_has(&wish, ROW_SEGMENT, "front-door");
        else if (!mistake.detail[0])
                abort();
        event_wish_deinit(&wish);
        return 0;
}
