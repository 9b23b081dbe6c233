#include "media/pages.h"

#include <string.h>

#define FIXED_SIZE    27  // then a byte for each segment, with its length
#define N_SEGMENTS_AT 26
#define MAGIC_SIZE    4

void media_pages_init(struct media_pages *pages) {
        *pages = (struct media_pages){0};
}

// As far as it is known.
static size_t head_size(const struct media_pages *pages) {
        return pages->n_head < FIXED_SIZE ? FIXED_SIZE
                                          : FIXED_SIZE + (size_t)pages->head[N_SEGMENTS_AT];
}

static void head_take(struct media_pages *pages) {
        for (size_t i = FIXED_SIZE; i < pages->n_head; i++)
                pages->left += pages->head[i];
        pages->n_head = 0;
}

void media_pages_feed(struct media_pages *pages, const uint8_t *bytes, size_t n) {
        while (n > 0 && !pages->is_lost) {
                size_t part = pages->left < n ? pages->left : n;

                if (part == 0) {
                        pages->head[pages->n_head++] = *bytes;
                        part = 1;
                        pages->is_lost = pages->n_head == MAGIC_SIZE &&
                                         memcmp(pages->head, "OggS", MAGIC_SIZE) != 0;
                        if (pages->n_head == head_size(pages))
                                head_take(pages);
                } else {
                        pages->left -= part;
                }
                bytes += part;
                n -= part;
        }
}

size_t media_pages_missing(const struct media_pages *pages) {
        if (pages->is_lost)
                return 0;
        if (pages->left > 0)
                return pages->left;
        return pages->n_head >= MAGIC_SIZE ? head_size(pages) - pages->n_head : 0;
}
