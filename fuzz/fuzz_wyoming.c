// Wyoming: any bytes as events, in pieces of any size, and what is told of them; and any text
// in what is said.

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/wyoming/messages.h"
#include "dialect/wyoming/reader.h"
#include "fuzz.h"

static void event_check(const struct wyoming_piece *piece) {
        struct client_options wish = {0};
        struct wyoming_shape shape = {16000, 2, 1};
        struct error error = {0};
        int r = wyoming_wish_read(&wish, piece->data, &error);

        if (!piece->type || !json_is_object(piece->data) || (r != 0 && !error.text[0]))
                abort();
        client_options_deinit(&wish);
        error = (struct error){0};
        r = wyoming_shape_read(&shape, piece->data, &error);
        if ((r != 0 && !error.text[0]) || shape.rate < WYOMING_RATE_MIN ||
            shape.rate > WYOMING_RATE_MAX || shape.width < 1 || shape.width > 4 ||
            shape.channels < 1 || shape.channels > WYOMING_CHANNELS_MAX)
                abort();
        (void)wyoming_type_of(piece->type);
}

static void bytes_check(const uint8_t *bytes, size_t n, size_t step) {
        struct wyoming_reader reader = {0};
        struct wyoming_piece piece = {0};

        for (size_t at = 0; at < n && piece.found != WYOMING_BAD;) {
                size_t given = n - at < step ? n - at : step;
                struct error error = {0};
                size_t taken = wyoming_read(&reader, bytes + at, given, &piece, &error);

                if (taken == 0 || taken > given || reader.n_text > WYOMING_LINE_MAX)
                        abort();
                if (piece.found == WYOMING_EVENT)
                        event_check(&piece);
                if (piece.found == WYOMING_PAYLOAD &&
                    (piece.bytes < bytes + at || piece.bytes + piece.n > bytes + at + taken))
                        abort();
                if (piece.found == WYOMING_BAD && !error.text[0])
                        abort();
                at += taken;
        }
        wyoming_reader_deinit(&reader);
}

// What is said is read by the reader as it was meant.
static void text_check(const char *text) {
        char *said = wyoming_encode_transcript(text, "en");
        struct wyoming_reader reader = {0};
        struct wyoming_piece piece = {0};
        size_t n = strlen(said);

        for (size_t at = 0; at < n;)
                at += wyoming_read(&reader, (const uint8_t *)said + at, n - at, &piece, NULL);
        if (piece.found != WYOMING_EVENT ||
            !json_is_string(json_object_get(piece.data, "text")))
                abort();
        wyoming_reader_deinit(&reader);
        free(said);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        char *text = malloc(n + 1);

        if (!text)
                return 0;
        bytes_check(bytes, n, n ? n : 1);
        bytes_check(bytes, n, n ? 1 + bytes[0] % 16 : 1);
        memcpy(text, bytes, n);
        text[n] = '\0';
        if (n < 8192)  // beyond, the reader does not take it
                text_check(text);
        free(text);
        return 0;
}
