#include "decode/hypothesis.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

struct hypothesis_segment *hypothesis_append(struct hypothesis *hypothesis) {
        size_t n = hypothesis->n_segments;
        struct hypothesis_segment *grown = xcalloc(n + 1, sizeof(*grown));

        if (n > 0)
                memcpy(grown, hypothesis->segments, n * sizeof(*grown));
        free(hypothesis->segments);
        hypothesis->segments = grown;
        hypothesis->n_segments = n + 1;
        return &grown[n];
}

void hypothesis_deinit(struct hypothesis *hypothesis) {
        for (size_t i = 0; i < hypothesis->n_segments; i++) {
                free(hypothesis->segments[i].text);
                free(hypothesis->segments[i].tokens);
        }
        free(hypothesis->segments);
        *hypothesis = (struct hypothesis){0};
}
