// A form, cut where its first byte says: what is told of it does not depend on that.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "net/multipart.h"
#include "util/mem.h"

struct told {
        uint8_t *bytes;
        size_t n;
        bool is_in_part;
};

static void require(bool is_true) {
        if (!is_true)
                abort();
}

static void told_add(struct told *told, const void *bytes, size_t n) {
        if (n == 0)
                return;
        told->bytes = xrealloc_array(told->bytes, told->n + n, 1);
        memcpy(told->bytes + told->n, bytes, n);
        told->n += n;
}

static bool on_part(void *context, const char *name, const char *file) {
        struct told *told = context;

        require(!told->is_in_part);
        told->is_in_part = true;
        told_add(told, name, strlen(name) + 1);
        if (file)
                told_add(told, file, strlen(file) + 1);
        return true;
}

static bool on_bytes(void *context, const uint8_t *bytes, size_t n) {
        struct told *told = context;

        require(told->is_in_part && n > 0);
        told_add(told, bytes, n);
        return true;
}

static bool on_part_end(void *context) {
        struct told *told = context;

        require(told->is_in_part);
        told->is_in_part = false;
        return true;
}

static bool form_read(struct told *told, const uint8_t *bytes, size_t n, size_t piece) {
        const struct multipart_listener listener = {.on_part = on_part,
                                                    .on_bytes = on_bytes,
                                                    .on_part_end = on_part_end,
                                                    .context = told};
        CLEANUP(multipart_freep)
        struct multipart *multipart =
                multipart_new("multipart/form-data; boundary=edge", &listener);
        bool goes_on = true;

        for (size_t at = 0; at < n && goes_on; at += piece)
                goes_on =
                        multipart_feed(multipart, bytes + at, n - at < piece ? n - at : piece);
        require(goes_on == !multipart_trouble(multipart));
        require(!multipart_is_whole(multipart) || !told->is_in_part);
        return goes_on;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        struct told whole = {0}, cut = {0};

        if (n < 1)
                return 0;
        require(form_read(&whole, bytes + 1, n - 1, n) ==
                form_read(&cut, bytes + 1, n - 1, 1 + (size_t)bytes[0] % 16));
        require(whole.n == cut.n && (whole.n == 0 || !memcmp(whole.bytes, cut.bytes, whole.n)));
        free(whole.bytes);
        free(cut.bytes);
        return 0;
}
