// Token file: any bytes. What is read can be written, and is the same when read again.

#include <stdlib.h>
#include <string.h>

#include "auth/token_file.h"
#include "fuzz.h"
#include "util/mem.h"

static bool texts_equal(const char *a, const char *b) {
        return a && b ? strcmp(a, b) == 0 : a == b;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        CLEANUP(token_list_deinit) struct token_list list;
        CLEANUP(token_list_deinit) struct token_list again = {0};
        CLEANUP(mem_freep) char *text = NULL;
        struct error error = {0};

        if (token_list_parse(&list, (const char *)bytes, n, &error) < 0) {
                if (error.text[0] == '\0')
                        abort();
                return 0;
        }
        text = token_list_print(&list);
        if (token_list_parse(&again, text, strlen(text), &error) < 0 || again.n != list.n)
                abort();
        for (size_t i = 0; i < list.n; i++)
                if (!texts_equal(list.items[i].name, again.items[i].name) ||
                    !texts_equal(list.items[i].hash, again.items[i].hash) ||
                    !texts_equal(list.items[i].scopes, again.items[i].scopes) ||
                    !texts_equal(list.items[i].streams, again.items[i].streams) ||
                    !texts_equal(list.items[i].expires, again.items[i].expires))
                        abort();
        return 0;
}
