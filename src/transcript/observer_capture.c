#include "transcript/observer_capture.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

static void capture_on_update(void *state, const struct stream_facts *stream,
                              const struct update *update) {
        struct observer_capture *capture = state;
        size_t n = capture->n_finals + update->n_finals;
        struct segment *finals = realloc(capture->finals, (n ? n : 1) * sizeof(*finals));

        (void)stream;
        if (!finals)
                abort();
        capture->finals = finals;
        for (size_t i = 0; i < update->n_finals; i++)
                segment_copy(&finals[capture->n_finals++], &update->finals[i]);
        free(capture->tail);
        capture->tail = xstrdup(update->tail->text);
        capture->stable_bytes = update->stable_bytes;
        memcpy(capture->language, update->language, strlen(update->language) + 1);
        capture->n_updates++;
}

static void capture_on_notice(void *state, const struct stream_facts *stream,
                              const struct stream_notice *notice) {
        struct observer_capture *capture = state;

        (void)stream;
        if (capture->n_states < sizeof(capture->states) - 1)
                capture->states[capture->n_states++] = notice->state[0];
}

const struct observer_ops observer_capture = {
        .name = "capture",
        .on_update = capture_on_update,
        .on_notice = capture_on_notice,
};

char *observer_capture_text(const struct observer_capture *capture) {
        char *text = xstrdup("");

        for (size_t i = 0; i < capture->n_finals; i++) {
                char *longer = xasprintf("%s%s", text, capture->finals[i].text);

                free(text);
                text = longer;
        }
        return text;
}

void observer_capture_deinit(struct observer_capture *capture) {
        for (size_t i = 0; i < capture->n_finals; i++)
                segment_deinit(&capture->finals[i]);
        free(capture->finals);
        free(capture->tail);
        *capture = (struct observer_capture){0};
}
