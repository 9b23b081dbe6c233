// AssemblyAI: a query, and in the lines behind it messages of a client; a message's text is the
// text of a turn, which must come out as valid JSON.

#include <stdlib.h>
#include <string.h>

#include "dialect/assemblyai/messages.h"
#include "dialect/assemblyai/wish.h"
#include "fuzz.h"
#include "util/mem.h"
#include "util/utf8.h"

static void turn_check(const char *line) {
        CLEANUP(mem_freep) char *text = utf8_repair(line, strlen(line));
        struct assemblyai_words words = {0};
        const struct segment segment = {.end = 16000, .text = text};
        const struct assemblyai_turn turn = {.transcript = text, .tail = &words};
        CLEANUP(mem_freep) char *encoded = NULL;
        json_t *json;

        assemblyai_words_add(&words, &segment, false, 0);
        encoded = assemblyai_encode_turn(&turn);
        json = json_loads(encoded, 0, NULL);
        if (json_array_size(json_object_get(json, "words")) != words.n)
                abort();
        json_decref(json);
        assemblyai_words_clear(&words);
}

static void message_check(struct assemblyai_wish *wish, const char *line) {
        enum assemblyai_command command;
        json_t *message;
        struct error error = {0};

        if (assemblyai_command_read(&command, &message, line, strlen(line), &error) < 0) {
                if (!error.text[0])
                        abort();
        } else if (command == ASSEMBLYAI_UPDATE &&
                   assemblyai_wish_update(wish, message, &error) < 0 && !error.text[0]) {
                abort();
        }
        json_decref(message);
        turn_check(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        CLEANUP(mem_freep) char *text = xcalloc(n + 1, 1);
        char *rest = memcpy(text, bytes, n);
        const char *query = strsep(&rest, "\n"), *line;
        struct assemblyai_wish wish;
        struct error error = {0};

        if (assemblyai_wish_read(&wish, query, &error) < 0 && !error.text[0])
                abort();
        while ((line = strsep(&rest, "\n")))
                message_check(&wish, line);
        assemblyai_wish_deinit(&wish);
        return 0;
}
