// AudioSocket: any bytes as what Asterisk sends, cut in pieces as the first of them says.
// However they are cut, the same is heard.

#include <stdlib.h>
#include <string.h>

#include "dialect/audiosocket/messages.h"
#include "fuzz.h"

struct heard {
        size_t n_events[AUDIOSOCKET_TROUBLE + 1];
        size_t n_sound;
        unsigned sum;  // of its bytes
        bool is_refused;
};

static size_t step(struct audiosocket_reader *reader, const uint8_t *bytes, size_t n,
                   struct heard *heard) {
        struct audiosocket_said said;
        struct error error = {0};
        size_t taken = audiosocket_read(reader, bytes, n, &said, &error);

        if (taken > n || (taken == 0 && !error.text[0]))
                abort();
        heard->is_refused = taken == 0;
        if (said.event != AUDIOSOCKET_SOUND) {
                heard->n_events[said.event] += said.event != AUDIOSOCKET_NOTHING;
                return taken;
        }
        if (said.rate < 8000 || said.rate > 192000 || said.n == 0)
                abort();
        heard->n_sound += said.n;
        for (size_t i = 0; i < said.n; i++)
                heard->sum += said.bytes[i];
        return taken;
}

static struct heard listen_to(const uint8_t *bytes, size_t n, size_t piece) {
        struct audiosocket_reader reader = {0};
        struct heard heard = {0};

        for (size_t at = 0; at < n; at += piece) {
                size_t here = piece < n - at ? piece : n - at;

                for (size_t i = 0; i < here && !heard.is_refused;)
                        i += step(&reader, bytes + at + i, here - i, &heard);
        }
        return heard;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        struct heard whole, cut;

        if (n == 0)
                return 0;
        whole = listen_to(bytes + 1, n - 1, n);
        cut = listen_to(bytes + 1, n - 1, bytes[0] + 1u);
        if (memcmp(whole.n_events, cut.n_events, sizeof(whole.n_events)) != 0 ||
            whole.n_sound != cut.n_sound || whole.sum != cut.sum ||
            whole.is_refused != cut.is_refused)
                abort();
        return 0;
}
