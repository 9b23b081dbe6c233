// Forms as clients of OpenAI's API and of whisper.cpp's server send them, and the answers to
// them. The first byte chooses the server; the form's boundary is "edge".
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "dialect/openai/answer.h"
#include "dialect/openai/wish.h"
#include "fuzz.h"
#include "net/form.h"
#include "util/mem.h"

struct fuzzed {
        struct openai_wish wish;
        bool is_whispercpp;
        char sound[4096];  // of the file; here it is what was said
        size_t n_sound;
};

static bool on_file(void *context, const char *name) {
        (void)context;
        (void)name;
        return true;
}

static bool on_bytes(void *context, const uint8_t *bytes, size_t n) {
        struct fuzzed *fuzzed = context;
        size_t room = sizeof(fuzzed->sound) - 1 - fuzzed->n_sound;

        n = n < room ? n : room;
        memcpy(fuzzed->sound + fuzzed->n_sound, bytes, n);
        fuzzed->n_sound += n;
        return true;
}

static bool on_field(void *context, const char *name, const char *value) {
        struct fuzzed *fuzzed = context;
        struct error error = {0};
        int r = fuzzed->is_whispercpp
                        ? openai_wish_set_whispercpp(&fuzzed->wish, name, value, &error)
                        : openai_wish_set(&fuzzed->wish, name, value, &error);

        if (r < 0 && !error.text[0])
                abort();
        return r == 0;
}

// What is called JSON is some.
static void check(char *text, const char *type) {
        json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

        if (!text || (strcmp(type, "application/json") == 0 && !json))
                abort();
        json_decref(json);
        free(text);
}

static void answer(struct fuzzed *fuzzed) {
        struct hypothesis_word word = {100, 200, fuzzed->sound, 0.5f};
        struct segment segment = {.end = 16000,
                                  .text = fuzzed->sound,
                                  .words = &word,
                                  .n_words = fuzzed->wish.options.wants_words};
        struct openai_told told = {&segment, fuzzed->n_sound > 0, "en", 1, 16000};
        const char *type;
        char *text = fuzzed->is_whispercpp
                             ? openai_answer_whispercpp(&fuzzed->wish, &told, &type)
                             : openai_answer(&fuzzed->wish, &told, &type);

        check(text, type);
        check(openai_error(400, fuzzed->sound, NULL, fuzzed->sound), "application/json");
        free(openai_event_delta(&segment, true));
        free(openai_event_done(&told));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        struct fuzzed fuzzed = {.is_whispercpp = n > 0 && bytes[0] == 'w'};
        const struct form_listener listener = {on_file, on_bytes, on_field, &fuzzed};
        struct form *form = form_new("multipart/form-data; boundary=edge", "file", &listener);
        struct request request = {0};
        struct error error = {0};
        const char *name;

        if (n > 0 && form_feed(form, bytes + 1, n - 1) && form_end(form) &&
            openai_wish_check(&fuzzed.wish, &name, &error) == 0) {
                openai_wish_request(&fuzzed.wish, &request);
                if (request.beam_size > DECODE_WIDTH_MAX || request.temperature > 1)
                        abort();
                answer(&fuzzed);
        }
        form_free(form);
        openai_wish_deinit(&fuzzed.wish);
        return 0;
}
