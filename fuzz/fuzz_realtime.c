// Realtime: any text, in pieces of any size (the first byte), as events of a client, a line
// each. However it is cut, what comes out is the same; and whatever is taken can be told again.

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/realtime/append.h"
#include "dialect/realtime/messages.h"
#include "fuzz.h"
#include "util/mem.h"

struct heard {
        uint8_t *bytes;
        size_t n;
};

static void sink(void *context, const uint8_t *bytes, size_t n) {
        struct heard *heard = context;

        if (n == 0 || n > APPEND_STEP)
                abort();
        memcpy(heard->bytes + heard->n, bytes, n);  // never more than there were letters
        heard->n += n;
}

static struct append taken(const char *text, size_t n, size_t piece, struct heard *heard) {
        struct append append = {0};

        heard->bytes = xcalloc(n + 1, 1);
        heard->n = 0;
        for (size_t at = 0; at < n; at += piece)
                append_take(&append, text + at, n - at < piece ? n - at : piece, sink, heard);
        append_end(&append);
        return append;
}

static void command_check(struct realtime_settings *settings, const struct append *append) {
        struct realtime_command command;
        struct realtime_mistake mistake = {0};

        if (realtime_command_read(&command, append->text, append->n, &mistake) < 0) {
                if (!mistake.code || !mistake.words[0])
                        abort();
        } else if (command.kind == REALTIME_UPDATE || command.kind == REALTIME_FLAT_UPDATE) {
                CLEANUP(mem_freep) char *text = NULL;

                if (realtime_settings_update(settings, command.session, &mistake) < 0)
                        free(realtime_event(1, "error",
                                            realtime_error(&mistake, command.event_id)));
                settings->is_flat = realtime_session_is_flat(command.session);
                text = realtime_event(1, "session.updated",
                                      json_pack("{so}", "session",
                                                realtime_settings_json(settings, "sess_1")));
                if (!text || (settings->pcm == PCM_S16 && settings->rate < 8000))
                        abort();
        }
        realtime_command_deinit(&command);
}

static void line_check(struct realtime_settings *settings, const char *line, size_t n,
                       size_t piece) {
        struct heard whole, parts;
        struct append one = taken(line, n, n, &whole), many = taken(line, n, piece, &parts);

        if (one.n != many.n || memcmp(one.text, many.text, one.n) != 0 || whole.n != parts.n ||
            memcmp(whole.bytes, parts.bytes, whole.n) != 0 || one.is_damaged != many.is_damaged)
                abort();
        command_check(settings, &one);
        append_deinit(&one);
        append_deinit(&many);
        free(whole.bytes);
        free(parts.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        struct realtime_settings settings;
        const char *at = (const char *)bytes + 1, *end = (const char *)bytes + n;

        if (n < 2 || n > APPEND_TEXT_MAX)
                return 0;
        realtime_settings_init(&settings);
        while (at < end) {
                const char *newline = memchr(at, '\n', (size_t)(end - at));
                size_t length = (size_t)((newline ? newline : end) - at);

                if (length)
                        line_check(&settings, at, length, 1 + bytes[0]);
                at += length + 1;
        }
        realtime_settings_deinit(&settings);
        return 0;
}
