// Archive: a file of kept sound, which may be cut off or damaged anywhere. What is read from it
// can be cut, decoded, and written again, and is the same then.

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "journal/archive_codec.h"
#include "journal/archive_cut.h"
#include "journal/archive_window.h"
#include "util/mem.h"

static struct archive_codec *codec;

static void on_same(void *context, const struct archive_window *window) {
        const struct archive_window *first = context;

        if (window->n_bytes != first->n_bytes || window->n != first->n ||
            window->start != first->start || window->n_samples != first->n_samples ||
            window->pre_skip != first->pre_skip ||
            memcmp(window->bytes, first->bytes, first->n_bytes) != 0)
                abort();
}

static void on_window(void *context, const struct archive_window *window) {
        struct archive_bytes again = {0};

        (void)context;
        if (window->n_samples <= 1000000) {
                int16_t *samples = xcalloc((size_t)window->n_samples, sizeof(*samples));

                (void)archive_codec_decode(codec, window, samples);
                free(samples);
        }
        archive_window_write(window, &again);
        if (archive_windows_read(again.items, again.n, on_same, (void *)(uintptr_t)window) !=
            again.n)
                abort();
        free(again.items);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        struct archive_bytes file = {.items = (uint8_t *)(uintptr_t)bytes, .n = n};
        struct archive_bytes kept = {0};

        if (!codec)
                codec = archive_codec_new();
        if (archive_windows_read(bytes, n, on_window, NULL) > n)
                abort();
        if (archive_cut(&file, 1764504000500, 1764504001000, &kept) &&
            archive_windows_read(kept.items, kept.n, on_window, NULL) != kept.n)
                abort();
        free(kept.items);
        return 0;
}
